"""Stopping a server that has open streams and sockets."""

import asyncio
import json

from tests.graphql_api.transport.serving import Server, serving, toy_transports
from tests.graphql_api.transport.toy import World

SUBSCRIBE = {"query": "subscription { silent }"}
EVENTS = {"accept": "text/event-stream"}
STOP_S = 1.5
"""Uvicorn's own pauses take half of it; a connection left open would hold it for two seconds."""


async def test_a_server_whose_connections_were_closed_first_stops_at_once(world: World) -> None:
    transports = toy_transports(world)

    async with (
        asyncio.timeout(STOP_S),
        Server().running() as server,
        serving(server, world, transports) as served,
        served.connect() as socket,
        served.http.stream("POST", served.url, json=SUBSCRIBE, headers=EVENTS) as stream,
    ):
        await socket.send('{"type":"connection_init"}')
        await socket.recv()
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": SUBSCRIBE}))
        await world.until(lambda: world.sources_open == 2)

        left = await transports.connections.close_all(timeout_s=1)
        await stream.aread()
        await socket.wait_closed()

    assert (left, socket.close_code) == (0, 1012)
