"""Events arrive exactly once and in order, whatever happens to connections, tokens and servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from codelab_client import (
    Client,
    Disconnected,
    Heartbeat,
    MessageCompleted,
    MessageDelta,
    NotFound,
    Retries,
    Session,
    SessionDeleted,
    SessionEvent,
    Tokens,
    Unauthenticated,
)
from tests.clients.servers import LONG_QUESTION, PASSWORD, SECRETS, client_of, expiring
from tests.launchers.proxy import FaultProxy
from tests.processes import CodelabProcess


@pytest.fixture
async def proxy(server: CodelabProcess) -> AsyncIterator[FaultProxy]:
    """A network that can be broken."""
    async with FaultProxy(server.port) as proxy:
        yield proxy


def _facts(events: list[SessionEvent]) -> list[int]:
    return [int(it.cursor) for it in events if not isinstance(it, MessageDelta | Heartbeat)]


async def test_nothing_is_lost_or_doubled_when_the_network_is_cut_again_and_again(
    client: Client, session: Session, tokens: Tokens, proxy: FaultProxy
) -> None:
    received: list[SessionEvent] = []
    await client.send(session.id, LONG_QUESTION)

    async with (
        client_of(f"http://127.0.0.1:{proxy.port}", tokens=tokens) as afar,
        aclosing(afar.events(session.id, after="0")) as events,
    ):
        async for event in events:
            received.append(event)
            if len(received) % 7 == 0:
                proxy.cut()
            if isinstance(event, MessageCompleted) and event.content.startswith("I am"):
                break

    assert _facts(received) == list(range(1, len(_facts(received)) + 1))
    assert sum(1 for it in received if isinstance(it, MessageDelta)) > 10


async def test_an_answer_is_whole_though_the_network_breaks_while_it_is_written(
    client: Client, session: Session, tokens: Tokens, proxy: FaultProxy
) -> None:
    text, pieces = "", 0

    async with client_of(f"http://127.0.0.1:{proxy.port}", tokens=tokens) as afar:
        async for piece in afar.ask(session.id, LONG_QUESTION):
            text = piece.text if piece.restarts else text + piece.text
            pieces += 1
            if pieces in {5, 15, 25}:
                proxy.cut()

    assert text == (await client.history(session.id)).messages.nodes[-1].content


async def test_a_token_that_expires_is_renewed_and_the_stream_goes_on(
    server: CodelabProcess, client: Client, session: Session
) -> None:
    async with client_of(server.url) as signed_in:
        await signed_in.log_in("ada@example.com", PASSWORD)
        assert signed_in.tokens is not None
        brief = expiring(signed_in.tokens, after_s=2)
    renewed, received = asyncio.Event(), []

    async def ask_again() -> None:
        await renewed.wait()
        await client.send(session.id, "@CodeAssistant 2+2")

    async with (
        asyncio.timeout(60),
        client_of(server.url, tokens=brief, on_tokens=lambda _: renewed.set()) as watcher,
        aclosing(watcher.events(session.id, after=session.cursor)) as events,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(ask_again())
        await client.send(session.id, "@CodeAssistant 1+1")
        async for event in events:
            received.append(event)
            if isinstance(event, MessageCompleted) and event.content.startswith("2+2"):
                break

    assert _facts(received) == list(range(1, len(_facts(received)) + 1))
    assert watcher.tokens != brief


async def test_a_stream_ends_when_the_sign_in_does(
    server: CodelabProcess, session: Session, client: Client
) -> None:
    async with client_of(server.url) as other:
        await other.log_in("ada@example.com", PASSWORD)

        async def reading() -> None:
            async for event in other.events(session.id, after="0"):
                if isinstance(event, MessageCompleted):
                    await _log_out_elsewhere(server, other)

        await client.send(session.id, "@CodeAssistant 1+1")
        with pytest.raises(Unauthenticated):
            await reading()

        assert other.tokens is None


async def _log_out_elsewhere(server: CodelabProcess, client: Client) -> None:
    """End the client's sign-in without telling it."""
    assert client.tokens is not None
    async with client_of(server.url, tokens=client.tokens) as same:
        await same.log_out()


@pytest.mark.slow
async def test_an_answer_survives_the_death_of_the_server(tmp_path: Path) -> None:
    settings = {"CODELAB_SECRET_KEYS": SECRETS}
    async with CodelabProcess(tmp_path, settings=settings) as server, client_of(server.url) as client:
        await client.register("grace@example.com", PASSWORD)
        session = await client.create_session((await client.create_project("First")).id)
        text, pieces = "", 0

        async for piece in client.ask(session.id, LONG_QUESTION):
            text = piece.text if piece.restarts else text + piece.text
            pieces += 1
            if pieces == 5:
                await server.kill()
                await server.restart()

        assert text == (await client.history(session.id)).messages.nodes[-1].content
        assert len(text) > 100


async def test_a_stream_gives_up_when_the_server_stays_away(
    session: Session, tokens: Tokens, proxy: FaultProxy
) -> None:
    bounds = Retries(first_pause_s=0.05, longest_pause_s=0.1, reconnect_for_s=0.5)
    url = f"http://127.0.0.1:{proxy.port}"

    proxy.go_down()
    async with Client(url, tokens=tokens, retries=bounds, trust_env=False) as afar:
        with pytest.raises(Disconnected):
            await anext(afar.events(session.id, after="0"))


async def test_a_deleted_session_has_no_stream(client: Client, session: Session) -> None:
    await client.delete_session(session.id)

    with pytest.raises(NotFound):
        await anext(client.events(session.id, after="0"))


async def test_a_stream_ends_with_its_session(client: Client, session: Session) -> None:
    received = []
    await client.send(session.id, "@CodeAssistant 1+1")

    async for event in client.events(session.id, after="0"):
        received.append(event)
        if isinstance(event, MessageCompleted) and event.content == "1+1 = 2":
            await client.delete_session(session.id)

    assert isinstance(received[-1], SessionDeleted)
