"""Each close code of docs/api.md as graphql-ws sees it: what it gives up on and what it comes back from."""

import json
from collections.abc import MutableMapping

import pytest

from domain.errors import Unavailable
from tests.graphql_api.transport.serving import Served
from tests.graphql_api.transport.toy import World
from tests.protocols.conftest import Open
from tests.protocols.npm import needs_node

pytestmark = needs_node

SILENT = "subscription { silent }"
LINES = "subscription($after: Int) { lines(after: $after) { cursor text } }"
RETRIES = 1_000


@pytest.mark.parametrize(
    "frame",
    [
        "nonsense",
        "[1]",
        "null",
        "{}",
        '{"type":"next","id":"1","payload":{}}',
        '{"type":"subscribe","id":"1"}',
        '{"type":"ping","payload":1}',
    ],
)
async def test_4400_a_malformed_frame_is_fatal(opened: Open, frame: str) -> None:
    client = await opened("ws", retryAttempts=RETRIES)
    operation = await client.begin(SILENT)
    await client.told("connected")

    await client.send(frame)

    assert (await operation.ended())["code"] == 4400


async def test_4401_an_operation_before_the_acknowledgement_is_fatal(opened: Open) -> None:
    early = json.dumps({"type": "subscribe", "id": "1", "payload": {"query": "{ me }"}})
    client = await opened("ws", retryAttempts=RETRIES, greeting=early)

    assert (await (await client.begin("{ me }")).ended())["code"] == 4401


async def test_4403_a_bad_token_is_come_back_from_with_a_fresh_one(opened: Open) -> None:
    client = await opened("ws", token="mallory", retryAttempts=RETRIES)
    operation = await client.begin("{ me }")

    assert await client.close_code() == 4403
    await client.present("alice")
    await operation.ended()

    assert operation.data == [{"me": "1"}]


async def test_4403_an_expired_token_is_come_back_from_with_a_fresh_one(served: Served, opened: Open) -> None:
    world = served.world
    client = await opened("ws", token="brief", retryAttempts=RETRIES)
    operation = await client.begin(LINES, resume="lines")
    await world.until(lambda: world.sources_open == 1)
    await client.present("alice")

    closed = (await client.told("closed"))[0]
    await client.told("connected", 2)
    await world.append("still there")

    assert (closed["code"], closed["reason"]) == (4403, "The access token has expired.")
    assert (await operation.received())[0]["lines"]["text"] == "still there"
    await operation.stop()


async def test_4406_another_subprotocol_is_fatal(opened: Open) -> None:
    client = await opened("ws", retryAttempts=RETRIES, subprotocol="graphql-ws")

    assert (await (await client.begin("{ me }")).ended())["code"] == 4406


@pytest.mark.parametrize("bounds", [{"connection_init_s": 0.05}])
async def test_4408_no_init_in_time_is_tried_again(opened: Open, world: World) -> None:
    client = await opened("ws", retryAttempts=2, silent=True)
    operation = await client.begin("{ me }")

    assert (await operation.ended())["code"] == 4408
    assert {it["code"] for it in await client.told("closed", 3)} == {4408}


async def test_4409_an_id_in_use_is_fatal_for_the_connection_alone(opened: Open) -> None:
    client, sibling = await opened("ws", retryAttempts=RETRIES, sameId=True), await opened("ws")
    first = await client.begin(SILENT)
    await client.told("connected")
    await client.begin("{ me }")

    assert (await first.ended())["code"] == 4409
    assert (await sibling.run("{ me }")).data == [{"me": None}]


async def test_4429_a_second_init_is_fatal(opened: Open) -> None:
    client = await opened("ws", retryAttempts=RETRIES)
    operation = await client.begin(SILENT)
    await client.told("connected")

    await client.send('{"type":"connection_init"}')

    assert (await operation.ended())["code"] == 4429


@pytest.mark.parametrize("bounds", [{"frame_bytes": 1_000}])
async def test_1009_a_frame_that_is_too_large_is_fatal(opened: Open, world: World) -> None:
    client = await opened("ws", retryAttempts=RETRIES)

    assert (await (await client.begin("{ me }" + " " * 1_000)).ended())["code"] == 1009


async def test_1011_a_bug_of_the_server_is_fatal(
    served: Served, opened: Open, logs: list[MutableMapping[str, object]]
) -> None:
    served.world.authenticator.failure = ZeroDivisionError("secret")
    client = await opened("ws", token="alice", retryAttempts=RETRIES)

    end = await (await client.begin("{ me }")).ended()

    assert (end["code"], end["text"]) == (1011, "Internal error")


async def test_1012_a_restart_is_come_back_from_at_the_same_place(served: Served, opened: Open) -> None:
    world = served.world
    client = await opened("ws", token="alice", retryAttempts=RETRIES)
    operation = await client.begin(LINES, resume="lines")
    await world.until(lambda: world.sources_open == 1)
    await world.append("one")
    await operation.received()

    await served.transports.connections.close_all(timeout_s=30)
    await world.append("two, while nobody was there")
    served.transports.connections._closing = False  # the next process is there
    texts = [it["lines"]["text"] for it in await operation.received(2)]

    assert await client.close_code() == 1012
    assert texts == ["one", "two, while nobody was there"]
    await operation.stop()


@pytest.mark.parametrize("bounds", [{"ping_s": 0.05}])
async def test_1013_who_answers_no_ping_comes_back(opened: Open, world: World) -> None:
    client = await opened("ws", retryAttempts=RETRIES, disablePong=True)
    operation = await client.begin(SILENT)

    closed = (await client.told("closed"))[0]
    again = await client.told("connected", 2)

    assert (closed["code"], closed["reason"]) == (1013, "No sign of life")
    assert again[1]["again"] is True
    await operation.stop()


async def test_1013_a_store_that_is_away_is_come_back_from(served: Served, opened: Open) -> None:
    served.world.authenticator.failure = Unavailable("The database is away.")
    client = await opened("ws", token="alice", retryAttempts=RETRIES)
    operation = await client.begin("{ me }")

    closed = (await client.told("closed"))[0]
    served.world.authenticator.failure = None
    await operation.ended()

    assert (closed["code"], closed["reason"]) == (1013, "The database is away.")
    assert operation.data == [{"me": "1"}]


async def test_a_broken_connection_is_come_back_from_at_the_same_place(served: Served, opened: Open) -> None:
    world = served.world
    client = await opened("ws", retryAttempts=RETRIES)
    operation = await client.begin(LINES, resume="lines")
    await world.until(lambda: world.sources_open == 1)
    await world.append("one")
    await operation.received()

    await client.do("cut")
    await world.append("two")

    assert [it["lines"]["cursor"] for it in await operation.received(2)] == [1, 2]
    await operation.stop()


@pytest.mark.parametrize("bounds", [{"connection_init_s": 0.5, "ping_s": 0.6}])
async def test_pings_go_both_ways_and_are_answered(opened: Open, world: World) -> None:
    client = await opened("ws", keepAlive=300)
    operation = await client.begin(SILENT)

    for kind in ("ping", "pong"):
        count = 2
        while {it["received"] for it in await client.told(kind, count)} != {True, False}:
            count += 1

    assert operation.end is None
    await operation.stop()
