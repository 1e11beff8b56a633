"""Stopping a server that has open streams and sockets."""

import asyncio
import json

from websockets.exceptions import ConnectionClosed

from tests.graphql_api.transport.serving import Server, serving, toy_transports
from tests.graphql_api.transport.toy import World

SUBSCRIBE = {"query": "subscription { silent }"}


async def test_a_server_stops_at_once_when_its_connections_were_closed_first(world: World) -> None:
    transports = toy_transports(world)
    codes: list[int | None] = []
    async with asyncio.timeout(
        1.5
    ):  # half of it is uvicorn's own pauses; without closing first it takes two seconds
        async with Server().running() as server, serving(server, world, transports) as served:
            async with (
                served.connect() as socket,
                served.http.stream(
                    "POST", served.url, json=SUBSCRIBE, headers={"accept": "text/event-stream"}
                ) as stream,
            ):
                await socket.send('{"type":"connection_init"}')
                await socket.recv()
                await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": SUBSCRIBE}))
                await world.until(lambda: world.sources_open == 2)
                await transports.connections.close_all(timeout_s=1)
                await stream.aread()
                try:
                    await socket.recv()
                except ConnectionClosed:
                    codes.append(socket.close_code)

    assert codes == [1012]
