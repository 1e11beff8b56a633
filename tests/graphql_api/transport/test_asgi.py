"""The edges of the ASGI applications that no well-behaved client or server reaches."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.transport.connections import Connections
from graphql_api.transport.hosts import HostGuard
from graphql_api.transport.origins import Origins
from graphql_api.transport.ports import TransportKind
from graphql_api.transport.racing import first_of
from graphql_api.transport.routes import routes
from tests.graphql_api.transport.serving import toy_transports
from tests.graphql_api.transport.toy import World

Headers = Iterable[tuple[bytes, bytes]]
JSON_BODY: Headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]


def scope(kind: str, headers: Headers, **more: object) -> Scope:
    return {
        "type": kind,
        "method": "POST",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        **more,
    }


async def talk(app: ASGIApp, its_scope: Scope, *said: Message) -> list[Message]:
    """What the application sends when it hears this and then nothing more."""
    waiting, sent = list(said), []

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(60):
        await app(its_scope, receive, send)
    return sent


@pytest.fixture
def app(world: World) -> ASGIApp:
    return Starlette(routes=routes(toy_transports(world, body_s=0.02, body_bytes=100)))


async def test_a_body_that_does_not_arrive_is_408(app: ASGIApp) -> None:
    sent = await talk(
        app, scope("http", JSON_BODY), {"type": "http.request", "body": b"{", "more_body": True}
    )

    assert sent[0]["status"] == 408


async def test_a_body_that_grows_too_large_is_413(app: ASGIApp) -> None:
    chunk: Message = {"type": "http.request", "body": b" " * 60, "more_body": True}

    sent = await talk(app, scope("http", JSON_BODY), chunk, chunk)

    assert sent[0]["status"] == 413


async def test_a_body_that_says_it_is_too_large_is_413_before_it_comes(app: ASGIApp) -> None:
    sent = await talk(app, scope("http", [*JSON_BODY, (b"content-length", b"101")]))

    assert sent[0]["status"] == 413


async def test_a_client_that_leaves_while_sending_gets_no_answer(app: ASGIApp) -> None:
    assert await talk(app, scope("http", JSON_BODY), {"type": "http.disconnect"}) == []


async def test_a_request_without_a_client_address_is_served(app: ASGIApp, world: World) -> None:
    body: Message = {"type": "http.request", "body": b'{"query":"{ me }"}'}

    sent = await talk(app, scope("http", JSON_BODY), body)

    assert sent[0]["status"] == 200
    assert world.contexts[0].request.client_ip == "unknown"


async def test_a_socket_that_is_gone_before_it_is_accepted_is_forgotten(app: ASGIApp) -> None:
    async def gone(_: Message) -> None:
        raise OSError

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await app(scope("websocket", JSON_BODY, subprotocols=["graphql-transport-ws"]), receive, gone)


async def test_a_server_without_denial_responses_closes_a_foreign_socket() -> None:
    async def never(_: Scope, __: Receive, ___: Send) -> None:
        raise AssertionError("not reached")

    guard = HostGuard(never, allowed=["codelab.example"])

    sent = await talk(guard, scope("websocket", [(b"host", b"evil")]), {"type": "websocket.connect"})

    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    ("allowed", "host", "passes"),
    [
        ("codelab.example", "codelab.example", True),
        ("codelab.example", "CodeLab.example.:8000", True),
        ("codelab.example:8000", "codelab.example:8000", True),
        ("codelab.example:8000", "codelab.example:8001", False),
        ("*.codelab.example", "a.codelab.example", True),
        ("*.codelab.example", "codelab.example", False),
        ("*.codelab.example", "evilcodelab.example", False),
        ("codelab.example", "codelab.example.evil", False),
        ("codelab.example", "", False),
        ("[::1]", "[::1]:8000", True),
        ("[::1]", "[::1]", True),
        ("[::1]", "[::2]", False),
    ],
)
async def test_hosts_are_matched_as_they_are_written(allowed: str, host: str, passes: bool) -> None:
    passed = []

    async def inner(its_scope: Scope, _: Receive, __: Send) -> None:
        passed.append(its_scope)

    sent = await talk(HostGuard(inner, allowed=[allowed]), scope("http", [(b"host", host.encode())]))

    assert (bool(passed), bool(sent)) == (passes, not passes)


@pytest.mark.parametrize("headers", [[], [(b"host", b"a"), (b"host", b"a")]])
async def test_a_request_names_exactly_one_host(headers: Headers) -> None:
    async def inner(*_: object) -> None:
        raise AssertionError("not reached")

    sent = await talk(HostGuard(inner, allowed=["a"]), scope("http", headers))

    assert sent[0]["status"] == 400


async def test_probes_and_the_lifespan_pass_whatever_the_host() -> None:
    passed = []

    async def inner(its_scope: Scope, _: Receive, __: Send) -> None:
        passed.append(its_scope["type"])

    guard = HostGuard(inner, allowed=["a"], exempt=["/graphql"])
    await talk(guard, scope("http", []))
    await talk(guard, {"type": "lifespan"})

    assert passed == ["http", "lifespan"]


@pytest.mark.parametrize("origin", ["*", "https://*.example", "app.example"])
def test_an_origin_is_listed_in_full(origin: str) -> None:
    with pytest.raises(ValueError, match="in full"):
        Origins([origin])


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://codelab.example", "codelab.example", True),
        ("https://codelab.example:443", "codelab.example", True),
        ("http://codelab.example", "codelab.example:80", True),
        ("http://codelab.example:8000", "codelab.example", False),
        ("https://codelab.example", None, False),
    ],
)
def test_the_same_host_is_the_same_port_too(origin: str, host: str | None, allowed: bool) -> None:
    assert Origins().allows(origin, host=host) is allowed


async def test_connections_that_do_not_end_are_counted() -> None:
    connections = Connections()

    with connections.connected(TransportKind.SSE, lambda: None):
        left = await connections.close_all(timeout_s=0.01)

    assert (left, connections.closing) == (1, True)


async def test_the_first_to_end_cancels_the_others() -> None:
    ended = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def fails() -> None:
        raise ValueError("mine")

    assert await first_of(forever(), asyncio.sleep(0), forever()) == 1
    with pytest.raises(ValueError, match="mine"):
        await first_of(forever(), fails())
    assert ended == ["cancelled"] * 3
