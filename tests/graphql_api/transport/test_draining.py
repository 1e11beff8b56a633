"""Connections whose peer does not read are let go of, down to the socket."""

import asyncio
import json
import logging
import socket

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from graphql_api.transport.draining import DrainingHttp, DrainingWebSocket
from tests.graphql_api.transport.serving import Served, Server
from tests.graphql_api.transport.toy import World

FLOOD = json.dumps({"query": "subscription { flood(size: 300000) }"})
stalls_early = pytest.mark.parametrize("bounds", [{"stall_s": 0.05}])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give peers a tenth of a second."""
    for protocol in (DrainingHttp, DrainingWebSocket):
        monkeypatch.setattr(protocol, "drain_s", 0.1)


def posted(body: str, accept: str) -> bytes:
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: {accept}\r\ncontent-type: application/json\r\n"
    )
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


@stalls_early
async def test_the_socket_of_a_stream_that_nobody_reads_is_closed(
    served: Served, server: Server, world: World
) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as stalled:
        stalled.sendall(posted(FLOOD, "text/event-stream"))
        await world.until(lambda: world.sources_open == 1)

        await world.until(lambda: not server.uvicorn.server_state.connections)


@stalls_early
async def test_the_socket_of_a_websocket_that_nobody_reads_is_closed(
    served: Served, server: Server, world: World
) -> None:
    async with served.connect(max_queue=1) as stalled:
        stalled.transport.pause_reading()
        await stalled.send('{"type":"connection_init"}')
        await stalled.send(f'{{"type":"subscribe","id":"1","payload":{FLOOD}}}')
        await world.until(lambda: world.sources_open == 1)

        await world.until(lambda: not server.uvicorn.server_state.connections)
        stalled.transport.abort()


async def test_who_reads_slowly_but_steadily_is_kept(served: Served) -> None:
    fields = " ".join(f"f{number}: echo(value: $v)" for number in range(8))
    body = json.dumps({"query": f"query($v: JSON!) {{ {fields} }}", "variables": {"v": "x" * 1_000_000}})
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=64 * 1024)
    writer.write(posted(body, "application/json"))

    head = await reader.readuntil(b"\r\n\r\n")
    received = 0
    async with asyncio.timeout(200):
        while received < 8_000_000:
            received += len(await reader.read(64 * 1024))
            await asyncio.sleep(0.003)
    writer.close()

    assert head.startswith(b"HTTP/1.1 200")


def test_answers_to_a_connection_that_is_lost_are_no_errors(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lost = asyncio.Event()
    losing = DrainingHttp.connection_lost

    def hear(self: DrainingHttp, error: Exception | None) -> None:
        losing(self, error)
        lost.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not lost.is_set():  # a write fails
            await send({"type": "http.response.body", "body": b"x" * 1_000, "more_body": True})
            await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": b"too late"})
        server.uvicorn.should_exit = True

    async def run() -> None:
        server.app = app
        async with server.running():
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(posted("{}", "*/*") * 2)  # uvicorn tells the second that it is lost
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.transport.abort()
            async with asyncio.timeout(60):
                while not server.uvicorn.should_exit:
                    await asyncio.sleep(0.01)

    monkeypatch.setattr(DrainingHttp, "connection_lost", hear)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        server = Server()
        runner.run(run())

    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
