"""How much one client may hold open: refused beyond the bound, and what is open goes on."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import InvalidStatus

from graphql_api.transport.errors import Refused
from graphql_api.transport.ports import Outcome, TransportKind
from graphql_api.transport.seats import Seats
from tests.graphql_api.transport.serving import Served
from tests.graphql_api.transport.test_websocket import connected, opened

SILENT = "subscription { silent }"
LINES = "subscription { lines { text } }"
STREAM = {"accept": "text/event-stream"}
ALICE, BOB = {"token": "alice"}, {"token": "bob"}


def test_a_seat_is_free_again_however_its_block_ends() -> None:
    seats = Seats(1, of="seats may be taken")

    with pytest.raises(RuntimeError), seats.taken("a"):
        raise RuntimeError
    with seats.taken("a"), seats.taken("b"), pytest.raises(Refused) as refused, seats.taken("a"):
        pass

    assert (refused.value.status, refused.value.outcome) == (429, Outcome.REFUSED)
    assert refused.value.errors[0] == {
        "message": "At most 1 seats may be taken.",
        "extensions": {"code": "LIMIT_EXCEEDED", "limit": 1},
    }
    with seats.taken("a"), seats.taken("b"):
        pass


@pytest.mark.parametrize("bounds", [{"subscriptions_per_user": 2}])
async def test_a_user_s_subscriptions_are_bounded_over_all_connections(served: Served) -> None:
    query = {"query": "subscription { count(to: 1) }"}
    headers = {**STREAM, "authorization": "Bearer alice"}

    async with (
        connected(served, ALICE) as one,
        connected(served, ALICE) as two,
        connected(served, BOB) as bob,
    ):
        await one.subscribe("1", LINES)
        await two.subscribe("2", LINES)
        await served.world.until(lambda: served.world.sources_open == 2)
        await two.subscribe("3", SILENT)
        (refusal,) = await two.hear_of("3")
        streamed = await served.http.post(served.url, json=query, headers=headers)
        await bob.subscribe("1", "subscription { count(to: 1) }")
        of_bob = await bob.hear_of("1")
        await served.world.append("unharmed")
        heard = [await one.hear(), await two.hear()]
        await one.say("complete", id="1")
        await served.world.until(lambda: served.world.sources_open == 1)
        again = await served.http.post(served.url, json=query, headers=headers)

    message = "At most 2 subscriptions of one user run at once."
    error = {"message": message, "extensions": {"code": "LIMIT_EXCEEDED", "limit": 2}}
    assert refusal == {"type": "error", "id": "3", "payload": [error]}
    assert (streamed.status_code, streamed.json()) == (429, {"errors": [error]})
    assert [it["type"] for it in of_bob] == ["next", "complete"]
    assert [it["id"] for it in heard] == ["1", "2"]
    assert (again.status_code, "event: complete" in again.text) == (200, True)
    assert Outcome.REFUSED in {outcome for _, outcome in served.world.finished}


@pytest.mark.parametrize("bounds", [{"subscriptions_per_connection": 1}])
async def test_a_connection_s_subscriptions_are_bounded_and_its_queries_are_not(served: Served) -> None:
    async with connected(served, ALICE) as peer, connected(served, ALICE) as other:
        await peer.subscribe("1", LINES)
        await served.world.until(lambda: served.world.sources_open == 1)
        await peer.subscribe("2", SILENT)
        (refusal,) = await peer.hear_of("2")
        await peer.subscribe("3", "{ me }")
        answer, _ = await peer.hear_of("3")
        await other.subscribe("1", LINES)
        await served.world.append("unharmed")
        heard = [await peer.hear(), await other.hear()]

    assert refusal["type"] == "error"
    assert "subscriptions run at once on one connection" in json.dumps(refusal)
    assert answer["payload"] == {"data": {"me": "1"}}
    assert [it["type"] for it in heard] == ["next", "next"]


@pytest.mark.parametrize("bounds", [{"sockets_per_user": 2}])
async def test_a_user_s_sockets_are_bounded(served: Served) -> None:
    async with AsyncExitStack() as open_:
        peers = [await open_.enter_async_context(connected(served, ALICE)) for _ in range(2)]
        async with opened(served) as third:
            await third.say("connection_init", payload=ALICE)
            closing = await third.closing()
        async with connected(served, BOB), connected(served):
            await peers[0].subscribe("1", "{ me }")
            answer, _ = await peers[0].hear_of("1")

    assert closing == (1013, "Too many connections: close some")
    assert answer["payload"] == {"data": {"me": "1"}}
    async with connected(served, ALICE), connected(served, ALICE):
        pass


@pytest.mark.parametrize("bounds", [{"newcomers_per_address": 2, "sockets_per_user": 100}])
async def test_an_address_may_have_few_sockets_that_say_nothing(served: Served) -> None:
    async with connected(served), connected(served), opened(served), opened(served) as last:
        with pytest.raises(InvalidStatus) as refused:
            await served.connect()
        await last.say("connection_init")
        assert (await last.hear())["type"] == "connection_ack"
        async with connected(served):
            pass

    response = refused.value.response
    assert response.status_code == 429
    assert json.loads(response.body or b"")["errors"][0]["extensions"] == {
        "code": "LIMIT_EXCEEDED",
        "limit": 2,
    }


@pytest.mark.parametrize("bounds", [{"newcomers_per_address": 1, "connection_init_s": 0.05}])
async def test_a_newcomer_s_place_is_free_when_it_is_closed(served: Served) -> None:
    for _ in range(3):
        async with opened(served) as peer:
            assert (await peer.closing())[0] == 4408
        async with asyncio.timeout(60), opened(served) as abrupt:
            abrupt.socket.transport.abort()
        await served.world.until(lambda: not served.transports.connections.count(TransportKind.WEBSOCKET))
