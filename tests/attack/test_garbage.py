"""Bodies, query strings, frames and bytes that hypothesis makes: no bug shows, and siblings go on."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.attack.target import Target, frame
from tests.soak import SOAK

CLOSE_CODES = {1002, 1006, 1007, 1009, 4400, 4401, 4403, 4409, 4429}
HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
REQUEST = (
    b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: */*\r\n"
    b'Content-Length: 24\r\n\r\n{"query": "{me{id}}"    }'
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
queries = st.sampled_from(
    [
        "{ me { id projects(first: 1) { nodes { id agents { nodes { handle } } } } } }",
        "query($v: ID!) { session(id: $v) { title messages { nodes { content } } } }",
        "query($v: ID!) { project(id: $v) { sessions(search: $v) { totalCount } } }",
        "query($v: Int) { me { projects(first: $v) { totalCount } } }",
        "subscription($v: ID!) { sessionEvents(sessionId: $v) { cursor } }",
        "subscription($v: ID!) { projectChanges(projectId: $v) { __typename } }",
        "mutation($v: PreferencesInput!) { updatePreferences(input: $v) { __typename } }",
        "mutation($v: ProjectInput!) { createProject(input: $v) { __typename } }",
        "mutation($v: String) { refreshTokens(refreshToken: $v) { __typename } }",
        "{ rateLimit { remaining } system { version } }",
    ]
) | st.text(alphabet='{}()[]$:!@."#,= \nabquerymutationfragment...on0-9\\é\u2028', max_size=80)
parameters = st.fixed_dictionaries(
    {"query": queries | json_values},
    optional={
        "variables": st.fixed_dictionaries({"v": json_values}) | json_values,
        "operationName": st.none() | json_values,
        "extensions": json_values,
        "documentId": json_values,
    },
)
bodies = st.binary(max_size=200) | st.builds(lambda it: json.dumps(it).encode(), json_values | parameters)
visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
headers = st.fixed_dictionaries(
    {"content-type": st.sampled_from(["application/json", "application/json; charset=utf-8"]) | visible},
    optional={
        "accept": st.sampled_from(["*/*", "application/graphql-response+json", "text/event-stream"])
        | visible,
        "authorization": st.just("") | visible,
        "origin": visible,
        "last-event-id": visible,
        "cookie": visible,
        "content-encoding": visible,
        "x-forwarded-for": visible,
    },
)
kinds = st.sampled_from(["connection_init", "ping", "pong", "subscribe", "complete", "next", "error"])
messages = st.fixed_dictionaries(
    {"type": kinds | json_values},
    optional={"id": st.sampled_from(["1", "2", "3"]) | json_values, "payload": parameters | json_values},
)
frames = st.text(max_size=50) | st.binary(max_size=50) | st.builds(json.dumps, messages | json_values)
damage = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=20)), min_size=1, max_size=4
)
many = settings(
    max_examples=2_000 if SOAK else 80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(body=bodies, its_headers=headers, signed_in=st.booleans())
async def test_no_body_shows_a_bug(
    target: Target, body: bytes, its_headers: dict[str, str], signed_in: bool
) -> None:
    credentials = target.authorization if signed_in and "authorization" not in its_headers else {}

    await _sound(target, "POST", content=body, headers={**its_headers, **credentials})


@many
@given(
    params=st.dictionaries(
        st.sampled_from(["query", "variables", "operationName", "extensions", "documentId", "x"]),
        queries | st.text(max_size=20),
    ),
    its_headers=headers,
)
async def test_no_query_string_shows_a_bug(
    target: Target, params: dict[str, str], its_headers: dict[str, str]
) -> None:
    await _sound(target, "GET", params=params, headers={**target.authorization, **its_headers})


@many
@given(sent=st.lists(frames, max_size=8), initialised=st.booleans())
async def test_no_frame_shows_a_bug(target: Target, sent: list[str | bytes], initialised: bool) -> None:
    async with target.socket(init=initialised) as socket:
        with suppress(ConnectionClosed):
            for text in sent:
                await socket.send(text)
            await socket.send(frame("ping", payload={"the": "last"}))
            async with asyncio.timeout(60):
                while json.loads(await socket.recv()).get("payload") != {"the": "last"}:
                    pass
            return

        assert socket.close_code in CLOSE_CODES
        assert socket.close_reason or socket.close_code == 1006


@many
@given(harm=damage)
async def test_no_damaged_request_shows_a_bug(target: Target, harm: list[tuple[int, int, bytes]]) -> None:
    answer = await _said(target, _damaged(REQUEST, harm))

    assert answer == b"" or answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4", b"HTTP/1.1 101"))


@many
@given(harm=damage)
async def test_no_damaged_handshake_shows_a_bug(target: Target, harm: list[tuple[int, int, bytes]]) -> None:
    answer = await _said(target, _damaged(HANDSHAKE, harm))

    assert answer == b"" or answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4", b"HTTP/1.1 101"))


@many
@given(raw=st.binary(min_size=1, max_size=300))
async def test_no_bytes_after_the_handshake_show_a_bug(target: Target, raw: bytes) -> None:
    reader, writer = await target.raw()
    writer.write(HANDSHAKE)
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.write(raw)
    writer.close()

    assert head.startswith(b"HTTP/1.1 101 ")


async def _sound(target: Target, method: str, **request: object) -> None:
    """The answer is no bug's, and JSON or the beginning of an event stream."""
    async with target.http.stream(method, target.url, **request) as response:  # type: ignore[arg-type]
        assert response.status_code < 500
        kind = response.headers["content-type"]
        if not kind.startswith("text/event-stream"):
            body = orjson.loads(await response.aread())
            assert isinstance(body, dict)
            assert not {"INTERNAL", "TIMEOUT"} & {
                error["extensions"]["code"] for error in body.get("errors", [])
            }
    target.http.cookies.clear()


def _damaged(good: bytes, harm: list[tuple[int, int, bytes]]) -> bytes:
    """The bytes with some put in, some overwritten and some left out."""
    damaged = good
    for position, length, instead in harm:
        at = position % (len(damaged) + 1)
        damaged = damaged[:at] + instead + damaged[at + length :]
    return damaged


async def _said(target: Target, said: bytes) -> bytes:
    """What the server says at once."""
    reader, writer = await target.raw()
    heard = b""
    with suppress(ConnectionError, TimeoutError):
        writer.write(said)
        async with asyncio.timeout(0.05):
            heard = await reader.read(65_536)
    writer.transport.abort()
    return heard
