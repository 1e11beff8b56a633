"""Requests that do not begin, do not end, or begin with too much."""

import asyncio
import json

import pytest

from graphql_api.transport.draining import DrainingHttp
from graphql_api.transport.request_heads import HEAD_BYTES, HEADERS
from tests.graphql_api.transport.serving import Served

HOST = b"Host: 127.0.0.1\r\n"
QUERY = b'{"query":"{ me }"}'
POST = b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a second for a head."""
    monkeypatch.setattr(DrainingHttp, "head_s", 0.1)


async def heard(served: Served, said: bytes, *, then: bytes = b"") -> bytes:
    """Everything until the server closes; `then` is said again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(said)
    received = b""
    async with asyncio.timeout(60):
        while not reader.at_eof():
            try:
                async with asyncio.timeout(0.03):
                    received += await reader.read(65_536)
            except TimeoutError:
                writer.write(then)
            except ConnectionError:
                break
    writer.close()
    return received


def errors(response: bytes) -> list[dict[str, dict[str, str]]]:
    head, _, body = response.partition(b"\r\n\r\n")
    assert b"application/json" in head
    assert b"connection: close" in head
    found: list[dict[str, dict[str, str]]] = json.loads(body)["errors"]
    return found


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("said", "then"),
    [
        (b"", b""),
        (b"POST /gr", b""),
        (POST, b""),
        (POST, b"X: y\r\n"),
        (b"", b"\r\n"),
        (b"GET /graphql HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", b"X: y\r\n"),
    ],
)
async def test_a_head_that_does_not_come_ends_its_connection(
    served: Served, said: bytes, then: bytes
) -> None:
    assert await heard(served, said, then=then) == b""


@pytest.mark.usefixtures("impatient")
async def test_a_body_that_goes_on_after_its_refusal_ends_its_connection(served: Served) -> None:
    said = (
        b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: text/plain\r\nContent-Length: 9999999\r\n\r\n"
    )

    assert (await heard(served, said, then=b"x" * 1000)).startswith(b"HTTP/1.1 415 ")


@pytest.mark.usefixtures("impatient")
async def test_a_connection_that_waits_between_requests_is_kept(served: Served) -> None:
    request = POST + f"Content-Length: {len(QUERY)}\r\n\r\n".encode() + QUERY
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)

    for _ in range(2):
        writer.write(request)
        assert (await reader.readuntil(b"}}")).startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(0.15)  # longer than a head may take
    writer.close()


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * HEADERS + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 5 * HEAD_BYTES,
        b"GET /" + b"x" * 5 * HEAD_BYTES,
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 5 * HEAD_BYTES,
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: " + b"y" * 5 * HEAD_BYTES,
    ],
    ids=["headers", "a header", "a target", "a chunk's extension", "a trailer"],
)
async def test_too_much_before_or_behind_a_body_is_refused(served: Served, said: bytes) -> None:
    response = await heard(served, said)

    if response:  # a reset may overtake the answer
        assert response.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert errors(response)[0]["extensions"]["code"] == "TOO_LARGE"


async def test_as_many_headers_as_allowed_pass(served: Served) -> None:
    said = POST + b"Connection: close\r\nX: y\r\n" + b"X: y\r\n" * (HEADERS - 5)

    response = await heard(served, said + f"Content-Length: {len(QUERY)}\r\n\r\n".encode() + QUERY)

    assert response.startswith(b"HTTP/1.1 200 ")


async def test_a_body_in_the_smallest_chunks_passes(served: Served) -> None:
    body = b'{"query":"{ me }","extensions":{"x":"' + b"x" * 50_000 + b'"}}'
    chunks = b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in body)

    response = await heard(
        served, POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    )

    assert response.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "said", [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", POST + b"Content-Length: -1\r\n\r\n"]
)
async def test_what_is_no_request_is_answered_as_json(served: Served, said: bytes) -> None:
    response = await heard(served, said)

    assert response.startswith(b"HTTP/1.1 400 ")
    assert errors(response)[0]["extensions"]["code"] == "BAD_REQUEST"


async def test_nonsense_behind_a_response_that_is_under_way_only_closes(served: Served) -> None:
    query = b'{"query":"subscription { silent }"}'
    said = POST + b"Accept: text/event-stream\r\n" + f"Content-Length: {len(query)}\r\n\r\n".encode() + query
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(said)
    await served.world.started.wait()
    head = await reader.readuntil(b"\r\n\r\n")

    writer.write(b"nonsense\r\n\r\n")
    async with asyncio.timeout(60):
        rest = await reader.read()
    writer.close()

    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1" not in rest
