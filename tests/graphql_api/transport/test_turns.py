"""The operations of one WebSocket take turns: many short ones wait, lasting ones hold nobody up."""

import asyncio
import json

import pytest

from tests.graphql_api.transport.serving import Served
from tests.graphql_api.transport.test_websocket import connected, result
from tests.graphql_api.transport.toy import World

pytestmark = pytest.mark.parametrize("bounds", [{"operations_at_work": 1}])


async def test_an_operation_waits_for_its_turn_and_can_be_stopped_meanwhile(
    served: Served, world: World
) -> None:
    async with connected(served) as peer:
        await peer.subscribe("1", "{ wait }")
        await world.started.wait()
        for operation_id in ("2", "3"):
            await peer.subscribe(operation_id, "{ me }")
        await peer.say("complete", id="2")
        await peer.say("ping")
        assert await peer.hear() == {"type": "pong"}

        world.release.set()

        assert await peer.hear_of("1") == [result("1", wait="released"), {"id": "1", "type": "complete"}]
        assert (await peer.hear_of("3"))[0] == result("3", me=None)
    assert len(world.finished) == 2


async def test_another_socket_does_not_wait(served: Served, world: World) -> None:
    async with connected(served) as busy, connected(served) as other:
        await busy.subscribe("1", "{ wait }")
        await world.started.wait()
        await other.subscribe("1", "{ me }")

        assert await other.hear() == result("1", me=None)
        world.release.set()


async def test_subscriptions_hold_nobody_up(served: Served, world: World) -> None:
    async with connected(served) as peer:
        for number in range(3):
            await peer.subscribe(f"{number}", "subscription { lines { text } }")
        await peer.subscribe("query", "{ me }")

        assert await peer.hear() == result("query", me=None)
        await world.until(lambda: world.sources_open == 3)


async def test_an_operation_that_fails_gives_its_turn_back(served: Served, world: World) -> None:
    async with connected(served) as peer:
        for number, query in enumerate(["{", "{ nothing }", 'subscription { breaks(how: "bug") }', "{ me }"]):
            await peer.subscribe(f"{number}", query)

        async with asyncio.timeout(60):
            while True:
                message = json.loads(await peer.socket.recv())
                if message["id"] == "3":
                    break

    assert message == result("3", me=None)
