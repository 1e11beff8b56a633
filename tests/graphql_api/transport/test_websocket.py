"""graphql-transport-ws, frame by frame, on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from domain.errors import Unavailable
from graphql_api.transport.ports import Outcome, TransportKind
from tests.graphql_api.transport.serving import Served
from tests.graphql_api.transport.toy import ALICE, World

Message = dict[str, object]


class Peer:
    """A client that says and hears single frames."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, kind: str, **rest: object) -> None:
        await self.socket.send(json.dumps({"type": kind, **rest}))

    async def subscribe(self, operation_id: str, query: object, **rest: object) -> None:
        await self.say("subscribe", id=operation_id, payload={"query": query, **rest})

    async def hear(self) -> Message:
        async with asyncio.timeout(60):
            message: Message = json.loads(await self.socket.recv())
        return message

    async def hear_of(self, operation_id: str) -> list[Message]:
        """Everything about one operation until it ends."""
        heard: list[Message] = []
        while not heard or heard[-1]["type"] == "next":
            message = await self.hear()
            assert message["id"] == operation_id
            heard.append(message)
        return heard

    async def closing(self) -> tuple[int, str]:
        """Code and reason of the close that comes next, whatever is said before it."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(60):
                while True:
                    await self.socket.recv()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""


@asynccontextmanager
async def opened(served: Served, **options: object) -> AsyncIterator[Peer]:
    async with served.connect(**options) as socket:
        yield Peer(socket)


@asynccontextmanager
async def connected(served: Served, payload: object = None, **options: object) -> AsyncIterator[Peer]:
    async with opened(served, **options) as peer:
        await peer.say("connection_init", payload=payload)
        assert await peer.hear() == {"type": "connection_ack"}
        yield peer


def result(operation_id: str, **data: object) -> Message:
    return {"id": operation_id, "type": "next", "payload": {"data": data}}


def code(message: Message) -> str:
    assert message["type"] == "error"
    errors = message["payload"]
    assert isinstance(errors, list)
    return str(errors[0]["extensions"]["code"])


async def test_queries_mutations_and_subscriptions_run(served: Served) -> None:
    async with connected(served) as peer:
        await peer.subscribe("q", "{ me }")
        query = await peer.hear_of("q")
        await peer.subscribe("m", 'mutation { append(text: "x") }')
        mutation = await peer.hear_of("m")
        await peer.subscribe("s", "subscription($to: Int!) { count(to: $to) }", variables={"to": 2})
        subscription = await peer.hear_of("s")

    assert query == [result("q", me=None), {"id": "q", "type": "complete"}]
    assert mutation[0] == result("m", append=1)
    assert subscription == [result("s", count=1), result("s", count=2), {"id": "s", "type": "complete"}]
    assert [outcome for _, outcome in served.world.finished] == [Outcome.OK] * 3
    assert served.world.contexts[0].request.transport is TransportKind.WEBSOCKET


@pytest.mark.parametrize(
    ("payload", "header", "user"),
    [
        ({"authorization": "Bearer alice"}, None, "1"),
        ({"Authorization": "bearer bob"}, None, "2"),
        ({"token": "alice"}, None, "1"),
        (None, "Bearer bob", "2"),
        ({}, None, None),
        (None, None, None),
    ],
)
async def test_credentials_come_with_the_init_or_the_handshake(
    served: Served, payload: object, header: str | None, user: str | None
) -> None:
    headers = {"authorization": header} if header else {}

    async with connected(served, payload, additional_headers=headers) as peer:
        await peer.subscribe("1", "{ me }")

        assert await peer.hear() == result("1", me=user)


@pytest.mark.parametrize(
    "payload",
    [{"token": "mallory"}, {"authorization": "alice"}, {"token": 7}, {"authorization": ["Bearer alice"]}],
)
async def test_bad_credentials_close_with_4403(served: Served, payload: object) -> None:
    async with opened(served) as peer:
        await peer.say("connection_init", payload=payload)

        assert await peer.closing() == (4403, "Forbidden")


async def test_a_store_that_is_away_closes_with_a_code_that_is_retried(served: Served) -> None:
    served.world.authenticator.failure = Unavailable("The database is away.")

    async with opened(served) as peer:
        await peer.say("connection_init", payload={"token": "alice"})

        assert await peer.closing() == (1013, "The database is away.")


async def test_a_bug_closes_with_1011_and_is_logged(
    served: Served, logs: list[MutableMapping[str, object]]
) -> None:
    served.world.authenticator.failure = ZeroDivisionError("secret")

    async with opened(served) as peer:
        await peer.say("connection_init", payload={"token": "alice"})

        assert await peer.closing() == (1011, "Internal error")
    assert logs[0]["event"] == "operation.failed"


async def test_signed_out_operations_fail_by_themselves(served: Served) -> None:
    async with connected(served) as peer:
        await peer.subscribe("1", "subscription { guarded }")

        assert code(await peer.hear()) == "UNAUTHENTICATED"


async def test_an_anonymous_context_is_fresh_for_every_operation(served: Served) -> None:
    async with connected(served) as peer:
        for operation_id in ("1", "2"):
            await peer.subscribe(operation_id, "{ square(of: 3) }")
            await peer.hear_of(operation_id)

    first, second = served.world.contexts
    assert first is not second
    assert first.request.changes is not second.request.changes
    assert first.batches == second.batches == [[3]]


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "nonsense",
        "[1]",
        "[]",
        "1",
        "null",
        '"connection_init"',
        "{}",
        '{"type":null}',
        '{"type":"next","id":"1","payload":{}}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","id":"1"}',
        '{"type":"subscribe","id":"","payload":{"query":"{ me }"}}',
        '{"type":"subscribe","id":7,"payload":{"query":"{ me }"}}',
        '{"type":"subscribe","id":"1","payload":"{ me }"}',
        '{"type":"complete"}',
        '{"type":"ping","payload":1}',
        '{"type":"ping","payload":{"a":' + "[" * 400 + "]" * 400 + "}}",
        '{"type":"connection_init","payload":[]}',
        b"\x00\x01",
    ],
)
async def test_what_breaks_the_protocol_closes_with_4400_and_a_reason(
    served: Served, frame: str | bytes
) -> None:
    async with opened(served) as peer:
        await peer.socket.send(frame)
        closing_code, reason = await peer.closing()

    assert closing_code == 4400
    assert reason


@pytest.mark.parametrize("bounds", [{"frame_bytes": 100}])
async def test_a_frame_that_is_too_large_closes_with_1009(served: Served, world: World) -> None:
    async with connected(served) as peer:
        await peer.subscribe("1", "{ me }" + " " * 100)

        assert (await peer.closing())[0] == 1009


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"query": "{"}, "SYNTAX_ERROR"),
        ({"query": "{ nothing }"}, "VALIDATION_FAILED"),
        ({"query": "query A { me }", "operationName": "B"}, "UNKNOWN_OPERATION"),
        ({"query": "query($v: Int!) { square(of: $v) }", "variables": {"v": "x"}}, "BAD_VARIABLES"),
        ({"query": "subscription($v: Int!) { count(to: $v) }"}, "BAD_VARIABLES"),
        ({"query": 1}, "BAD_REQUEST"),
        ({}, "BAD_REQUEST"),
        ({"query": "{ me }", "variables": []}, "BAD_REQUEST"),
        ({"query": 'subscription { breaks(how: "missing") }'}, "NOT_FOUND"),
        ({"query": 'subscription { breaks(how: "bug") }'}, "INTERNAL"),
        ({"query": 'subscription { breaks(how: "slow") }'}, "RESUME"),
        ({"query": "{ a" * 250 + "}" * 250}, "SYNTAX_ERROR"),
        ({"query": "{ a" * 1300 + "}" * 1300}, "LIMIT_EXCEEDED"),
    ],
)
async def test_a_bad_operation_ends_alone(served: Served, payload: object, expected: str) -> None:
    async with connected(served) as peer:
        await peer.subscribe("good", "subscription { lines { text } }")
        await peer.say("subscribe", id="bad", payload=payload)
        bad = await peer.hear_of("bad")
        await served.world.append("unharmed")

        assert code(bad[0]) == expected
        assert await peer.hear() == result("good", lines={"text": "unharmed"})


async def test_errors_of_fields_come_with_the_result(served: Served) -> None:
    async with connected(served) as peer:
        await peer.subscribe("1", '{ fail(how: "missing") }')
        heard = await peer.hear_of("1")

    payload = heard[0]["payload"]
    assert isinstance(payload, dict)
    assert payload["data"] == {"fail": None}
    assert payload["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
    assert heard[1] == {"id": "1", "type": "complete"}


async def test_over_the_rate_limit_only_the_operation_is_refused(served: Served) -> None:
    served.world.refuse_for_s = 2

    async with connected(served) as peer:
        await peer.subscribe("1", "{ me }")

        assert code(await peer.hear()) == "RATE_LIMITED"


async def test_operations_run_side_by_side(served: Served) -> None:
    async with connected(served) as peer:
        await peer.subscribe("slow", "{ wait }")
        await peer.subscribe("fast", "{ me }")
        fast = await peer.hear_of("fast")
        served.world.release.set()
        slow = await peer.hear_of("slow")

    assert fast[0] == result("fast", me=None)
    assert slow[0] == result("slow", wait="released")


async def test_complete_cancels_within_milliseconds_and_frees_the_id(served: Served) -> None:
    async with connected(served) as peer:
        await peer.subscribe("1", "subscription { silent }")
        await served.world.started.wait()
        begun = asyncio.get_running_loop().time()
        await peer.say("complete", id="1")
        await served.world.until(lambda: served.world.sources_open == 0)
        took_s = asyncio.get_running_loop().time() - begun
        await peer.say("complete", id="1")
        await peer.subscribe("1", "{ me }")

        assert await peer.hear() == result("1", me=None)
    assert took_s < 0.1
    assert served.world.finished[0][1] is Outcome.CANCELLED


async def test_complete_cancels_a_waiting_query(served: Served) -> None:
    async with connected(served) as peer:
        await peer.subscribe("1", "{ wait }")
        await served.world.started.wait()
        await peer.say("complete", id="1")

        await served.world.until(lambda: served.world.open_contexts == 0)


async def test_an_id_in_use_closes_with_4409(served: Served) -> None:
    operation_id = "ы" * 200

    async with connected(served) as peer:
        await peer.subscribe(operation_id, "subscription { silent }")
        await peer.subscribe(operation_id, "{ me }")
        closing_code, reason = await peer.closing()

    assert closing_code == 4409
    assert reason.startswith("Subscriber for ы")


async def test_a_second_init_closes_with_4429(served: Served) -> None:
    async with connected(served) as peer:
        await peer.say("connection_init")

        assert await peer.closing() == (4429, "Too many initialisation requests")


async def test_an_operation_before_the_init_closes_with_4401(served: Served) -> None:
    async with opened(served) as peer:
        await peer.subscribe("1", "{ me }")

        assert await peer.closing() == (4401, "Unauthorized")


@pytest.mark.parametrize("bounds", [{"connection_init_s": 0.02}])
async def test_no_init_in_time_closes_with_4408(served: Served, world: World) -> None:
    async with opened(served) as peer:
        assert (await peer.closing())[0] == 4408


@pytest.mark.parametrize("bounds", [{"connection_init_s": 0.02}])
async def test_an_authentication_that_hangs_closes_with_4408(served: Served, world: World) -> None:
    world.authenticator.hangs = True

    async with opened(served) as peer:
        await peer.say("connection_init", payload={"token": "alice"})

        assert (await peer.closing())[0] == 4408


@pytest.mark.parametrize("offered", ["graphql-ws", "nonsense"])
async def test_another_subprotocol_closes_with_4406(served: Served, offered: str) -> None:
    async with opened(served, subprotocols=[Subprotocol(offered)]) as peer:
        assert (await peer.closing())[0] == 4406


async def test_no_subprotocol_closes_with_4406(served: Served) -> None:
    async with opened(served, subprotocols=None) as peer:
        assert (await peer.closing())[0] == 4406


async def test_ping_is_answered_with_its_payload_even_before_the_init(served: Served) -> None:
    async with opened(served) as peer:
        await peer.say("ping")
        bare = await peer.hear()
        await peer.say("ping", payload={"at": 1})
        loaded = await peer.hear()
        await peer.say("pong")
        await peer.say("connection_init")

        assert (bare, loaded) == ({"type": "pong"}, {"type": "pong", "payload": {"at": 1}})
        assert await peer.hear() == {"type": "connection_ack"}


@pytest.mark.parametrize("bounds", [{"connection_init_s": 0.25, "ping_s": 0.3}])
async def test_the_server_pings_and_keeps_who_answers(served: Served, world: World) -> None:
    async with connected(served) as peer:
        for _ in range(3):
            assert await peer.hear() == {"type": "ping"}
            await peer.say("pong")


@pytest.mark.parametrize("bounds", [{"ping_s": 0.02}])
async def test_who_answers_no_ping_is_closed(served: Served, world: World) -> None:
    async with connected(served) as peer:
        assert await peer.closing() == (1013, "No sign of life")


async def test_an_expired_token_closes_with_4403(served: Served, world: World) -> None:
    world.authenticator.lifetime = timedelta(seconds=0.05)

    async with connected(served, {"token": "alice"}) as peer:
        await peer.subscribe("1", "subscription { silent }")

        assert await peer.closing() == (4403, "The access token has expired.")


async def test_a_revoked_sign_in_closes_the_sockets_of_its_user_alone(served: Served) -> None:
    async with connected(served, {"token": "alice"}) as alice, connected(served, {"token": "bob"}) as bob:
        await alice.subscribe("1", "subscription { silent }")
        await bob.subscribe("1", "subscription { lines { text } }")
        served.world.authenticator.revoke(ALICE)
        closing = await alice.closing()
        await served.world.append("unharmed")

        assert closing == (4403, "The sign-in was revoked.")
        assert await bob.hear() == result("1", lines={"text": "unharmed"})


@pytest.mark.parametrize("bounds", [{"operations_per_connection": 2}])
async def test_operations_per_connection_are_bounded(served: Served, world: World) -> None:
    async with connected(served) as peer:
        await peer.subscribe("1", "subscription { silent }")
        await peer.subscribe("2", "subscription { lines { text } }")
        await peer.subscribe("3", "{ me }")
        refused = await peer.hear()
        await peer.say("complete", id="1")
        await peer.subscribe("3", "{ me }")

        assert code(refused) == "LIMIT_EXCEEDED"
        assert await peer.hear() == result("3", me=None)


@pytest.mark.parametrize("bounds", [{"stall_s": 0.1}])
async def test_a_client_that_does_not_read_is_closed_and_slows_no_one(served: Served, world: World) -> None:
    async with connected(served, max_queue=1) as stalled, connected(served) as lively:
        stalled.socket.transport.pause_reading()
        await stalled.subscribe("1", "subscription { flood(size: 100000) }")
        await world.until(lambda: world.sources_open == 1)
        await lively.subscribe("1", "subscription { count(to: 3) }")
        assert len(await lively.hear_of("1")) == 4
        await world.until(lambda: world.sources_open == 0)
        stalled.socket.transport.abort()


async def test_a_client_that_vanishes_leaves_nothing_behind(served: Served) -> None:
    async with connected(served, {"token": "alice"}) as peer:
        await peer.subscribe("1", "subscription { silent }")
        await served.world.started.wait()
        peer.socket.transport.abort()

        await served.world.until(lambda: served.world.sources_open == 0)


async def test_shutdown_closes_with_1012_and_refuses_new_sockets(served: Served) -> None:
    connections = served.transports.connections

    async with connected(served) as acknowledged, opened(served) as fresh:
        await acknowledged.subscribe("1", "subscription { silent }")
        await served.world.started.wait()
        before = (connections.count(TransportKind.WEBSOCKET), connections.live_subscriptions)
        left = await connections.close_all(timeout_s=30)
        codes = [(await peer.closing())[0] for peer in (acknowledged, fresh)]
        with pytest.raises(InvalidStatus) as refused:
            await served.connect()

    assert before == (2, 1)
    assert (left, codes) == (0, [1012, 1012])
    assert refused.value.response.status_code == 503


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}])
async def test_foreign_pages_and_hosts_are_refused_before_the_handshake(
    served: Served, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await served.connect(
            **({"origin": headers["origin"]} if "origin" in headers else {"additional_headers": headers})
        )

    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body or b"")["errors"]


async def test_pages_of_the_same_host_and_of_listed_origins_connect(served: Served) -> None:
    for origin in (f"http://127.0.0.1:{served.port}", "https://app.example"):
        async with connected(served, origin=origin):
            pass


async def test_no_cookie_reaches_a_resolver(served: Served) -> None:
    async with connected(
        served, additional_headers={"cookie": "codelab_refresh=r; codelab_access=alice"}
    ) as peer:
        await peer.subscribe("1", "{ me seen }")
        payload = (await peer.hear())["payload"]

    assert isinstance(payload, dict)
    assert payload["data"]["me"] is None
    assert payload["data"]["seen"]["refresh"] is None
