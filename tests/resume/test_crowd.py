"""A thousand live subscriptions of one user, on a few sockets of one process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
import websockets

from graphql_api.transport.ports import TransportKind
from tests.resume.api import Api
from tests.resume.local import serving_here
from tests.resume.scene import browser
from tests.resume.streams import PROTOCOL
from tests.resume.wire import EVENTS

pytestmark = pytest.mark.slow

SOCKETS, EACH = 4, 250


async def test_one_event_reaches_a_thousand_subscriptions_of_one_user(tmp_path: Path) -> None:
    async with serving_here(tmp_path) as here, browser() as http:
        api = await Api.registered(http, here.url)
        session = await api.session(here.url)
        url = f"{here.url.replace('http', 'ws', 1)}/graphql"
        sockets = [
            await websockets.connect(url, subprotocols=[PROTOCOL], proxy=None, ping_interval=None)
            for _ in range(SOCKETS)
        ]
        await asyncio.gather(*(_subscribe(socket, api.token, session) for socket in sockets))
        async with asyncio.timeout(60):
            while here.parts.tails.readers < SOCKETS * EACH:
                await asyncio.sleep(0.02)
        metrics = (await http.get(f"{here.url}/metrics")).text

        await api.rename(here.url, session, "Everyone hears this")
        received = await asyncio.gather(*(_titles(socket) for socket in sockets))

        assert received == [{f"{number}": "Everyone hears this" for number in range(EACH)}] * SOCKETS
        assert here.web.connections.live_subscriptions == SOCKETS * EACH
        assert here.web.connections.count(TransportKind.WEBSOCKET) == SOCKETS
        assert f"codelab_live_subscriptions {SOCKETS * EACH}.0" in metrics
        for socket in sockets:
            await socket.close()
        async with asyncio.timeout(60):
            while here.parts.tails.readers or here.web.connections.live_subscriptions:
                await asyncio.sleep(0.02)


async def _subscribe(socket: websockets.ClientConnection, token: str, session: str) -> None:
    await socket.send(_message("connection_init", payload={"Authorization": f"Bearer {token}"}))
    assert orjson.loads(await socket.recv())["type"] == "connection_ack"
    payload = {"query": EVENTS, "variables": {"session": session}}
    for number in range(EACH):
        await socket.send(_message("subscribe", id=f"{number}", payload=payload))


async def _titles(socket: websockets.ClientConnection) -> dict[str, str]:
    """The title that each subscription of a socket was told."""
    titles: dict[str, str] = {}
    async with asyncio.timeout(60):
        while len(titles) < EACH:
            message = orjson.loads(await socket.recv())
            if message["type"] == "next":
                event = message["payload"]["data"]["sessionEvents"]
                assert message["id"] not in titles
                titles[message["id"]] = event["title"]
    return titles


def _message(kind: str, **parts: object) -> str:
    return orjson.dumps({"type": kind, **parts}).decode()
