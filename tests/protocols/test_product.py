"""What must hold on the product itself: restarts, kills, sign-ins that end, and going on at the same place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.processes import CodelabProcess
from tests.protocols.npm import Npm, NpmClient, NpmOperation, needs_node
from tests.protocols.product import EVENTS, LIVE_ONLY, SETTINGS, Person, person
from tests.resume.scene import browser

pytestmark = needs_node
both = pytest.mark.parametrize("transport", ["ws", "sse"])
RETRIES = 5_000


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with browser() as it:
        yield it


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CodelabProcess]:
    """A server that no test stops."""
    async with CodelabProcess(tmp_path_factory.mktemp("product"), settings=SETTINGS) as it:
        yield it


@pytest.fixture(scope="module")
async def two(http: httpx.AsyncClient, shared: CodelabProcess) -> tuple[Person, Person]:
    """Two people who stay signed in."""
    return await person(http, shared), await person(http, shared)


@pytest.fixture
async def someone(two: tuple[Person, Person]) -> Person:
    """The first one, in a new session."""
    return await two[0].with_another_session()


@pytest.fixture
async def other(two: tuple[Person, Person]) -> Person:
    """The second one, in a new session."""
    return await two[1].with_another_session()


async def follow(npm: Npm, someone: Person, transport: str) -> tuple[NpmClient, NpmOperation]:
    """A client that resumes, and the events of the person's session that it has got so far."""
    client = await npm.open(transport, someone.url, token=someone.token, retryAttempts=RETRIES)
    events = await client.begin(EVENTS, resume="sessionEvents", session=someone.session_id, after="0")
    await facts(npm, events, 0)
    return client, events


async def facts(npm: Npm, events: NpmOperation, count: int) -> list[int]:
    """The cursors of the facts, once there are so many."""

    def cursors() -> list[int]:
        return [
            int(it["sessionEvents"]["cursor"])
            for it in events.data
            if it["sessionEvents"]["__typename"] not in LIVE_ONLY
        ]

    await npm.until(lambda _: len(cursors()) >= count)
    return cursors()


@pytest.mark.slow
async def test_after_a_restart_and_after_a_kill_both_clients_go_on_where_they_were(
    tmp_path: Path, npm: Npm, http: httpx.AsyncClient
) -> None:
    async with CodelabProcess(tmp_path, settings=SETTINGS) as server:
        someone = await person(http, server)
        (ws, by_socket), (sse, by_stream) = [
            await follow(npm, someone, transport) for transport in ("ws", "sse")
        ]
        await someone.rename("before")
        for events in (by_socket, by_stream):
            await facts(npm, events, 1)

        await server.restart()
        await someone.rename("after the restart")
        for events in (by_socket, by_stream):
            await facts(npm, events, 2)
        await server.kill()
        await server.restart()
        await someone.rename("after the kill")

        for client, events in ((ws, by_socket), (sse, by_stream)):
            assert await facts(npm, events, 3) == [1, 2, 3]
            assert len(await client.told("connected", 3)) == 3
            assert events.end is None
        closed = [it["code"] for it in await ws.told("closed", 2)]
        assert (closed[0], closed[-1]) == (1012, 1006)
        for client in (ws, sse):
            await client.do("dispose")


@both
async def test_a_token_that_expires_is_replaced_and_no_event_is_lost(
    npm: Npm, someone: Person, transport: str
) -> None:
    client = await npm.open(
        transport, someone.url, token=someone.expiring(timedelta(seconds=2)), retryAttempts=RETRIES
    )
    events = await client.begin(EVENTS, resume="sessionEvents", session=someone.session_id, after="0")
    await client.told("connected")
    await client.present(someone.token)
    await someone.rename("one")
    await facts(npm, events, 1)

    await client.told("connected", 2)
    await someone.rename("two")

    assert await facts(npm, events, 2) == [1, 2]
    if transport == "ws":
        closed = (await client.told("closed"))[0]
        assert (closed["code"], closed["reason"]) == (4403, "The access token has expired.")


@both
async def test_a_sign_in_that_is_revoked_ends_its_streams_and_no_other_ones(
    npm: Npm, other: Person, http: httpx.AsyncClient, transport: str
) -> None:
    leaving = await person(http, other.server)
    client, events = await follow(npm, leaving, transport)
    _, others = await follow(npm, other, transport)
    for whose, each in ((leaving, events), (other, others)):
        await whose.rename("both are there")
        await facts(npm, each, 1)

    await leaving.log_out()
    await client.told("connected" if transport == "sse" else "closed")
    if transport == "ws":
        closed = (await client.told("closed"))[0]
        assert (closed["code"], closed["reason"]) == (4403, "The sign-in was revoked.")
    await other.rename("unharmed")

    assert await facts(npm, others, 2) == [1, 2]
    await client.do("dispose")


@both
async def test_the_token_of_an_ended_sign_in_subscribes_to_nothing(
    npm: Npm, http: httpx.AsyncClient, shared: CodelabProcess, transport: str
) -> None:
    leaving = await person(http, shared)
    await leaving.log_out()

    client = await npm.open(transport, leaving.url, token=leaving.token)
    refused = await client.run(EVENTS, session=leaving.session_id)

    assert (refused.end or {})["code"] == (4403 if transport == "ws" else 401)


@both
async def test_without_a_token_there_are_no_events(npm: Npm, someone: Person, transport: str) -> None:
    refused = await (await npm.open(transport, someone.url)).run(EVENTS, session=someone.session_id)

    assert refused.code == "UNAUTHENTICATED"


@both
async def test_another_persons_session_is_not_there(
    npm: Npm, someone: Person, other: Person, transport: str
) -> None:
    client = await npm.open(transport, someone.url, token=someone.token)
    refused = await client.run(EVENTS, session=other.session_id)

    assert refused.code == "NOT_FOUND"


@both
async def test_bad_operations_beside_a_stream_of_events_do_not_end_it(
    npm: Npm, someone: Person, transport: str
) -> None:
    client, events = await follow(npm, someone, transport)

    codes = [
        (await client.run(query)).code
        for query in ("{", "{ nothing }", "query($id: ID!) { session(id: $id) { id } }")
    ]
    await someone.rename("unharmed")

    assert codes == ["SYNTAX_ERROR", "VALIDATION_FAILED", "BAD_VARIABLES"]
    assert await facts(npm, events, 1) == [1]
    await client.do("dispose")
