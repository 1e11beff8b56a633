"""How a stream answers to what servers say and do, shown by a peer that follows a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from codelab_client import (
    Disconnected,
    NotFound,
    Refused,
    ReplayGap,
    Retries,
    SessionEvent,
    SessionRenamed,
    Tokens,
    Unauthenticated,
)
from codelab_client.connection import Sockets
from codelab_client.events import LiveEvents
from codelab_client.sign_in import SignIn

Frame = Mapping[str, object]
Step = Frame | int
"""A frame to send, or a code to close with."""

END: Frame = {"type": "complete", "id": "1"}
SILENCE: Frame = {"type": "silence"}


def event(kind: str, cursor: int, **fields: object) -> Frame:
    """An event of a session."""
    shown = {
        "__typename": kind,
        "cursor": str(cursor),
        "at": "2026-05-01T12:00:00+00:00",
        "sessionId": "ses_1",
        **fields,
    }
    return {"type": "next", "id": "1", "payload": {"data": {"sessionEvents": shown}}}


def renamed(cursor: int) -> Frame:
    """A fact."""
    return event("SessionRenamed", cursor, title=f"Title {cursor}")


def error(code: str, **extensions: object) -> Frame:
    """The end of an operation that failed."""
    problem = {"message": "No.", "extensions": {"code": code, **extensions}}
    return {"type": "error", "id": "1", "payload": [problem]}


class Peer:
    """A server that plays one script for each connection and notes what it was asked."""

    def __init__(self, *scripts: list[Step], refused: frozenset[str] = frozenset()) -> None:
        self.asked: list[tuple[str, str]] = []
        self.pauses: list[float] = []
        self.pongs: list[str] = []
        self._scripts = list(scripts)
        self._refused = refused

    async def events(self, *, after: str = "0", silence_s: float = 5) -> list[SessionEvent]:
        """Everything that a client gets from it."""
        async with self._live(silence_s) as live:
            return [it async for it in live.of_session("ses_1", after=after)]

    @asynccontextmanager
    async def _live(self, silence_s: float) -> AsyncIterator[LiveEvents]:
        protocol = Subprotocol("graphql-transport-ws")
        async with serve(self._play, "127.0.0.1", 0, subprotocols=[protocol]) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield LiveEvents(
                Sockets(url=f"ws://127.0.0.1:{port}", silence_s=silence_s, open_s=5, trust_env=False),
                sign_in=SignIn(
                    self._renew, clock=lambda: datetime.now(UTC), tokens=Tokens("token-0", None, "refresh")
                ),
                retries=Retries(chance=lambda: 1.0, reconnect_for_s=3),
                sleep=self._sleep,
            )

    async def _play(self, socket: ServerConnection) -> None:
        token = str(json.loads(await socket.recv())["payload"]["Authorization"]).removeprefix("Bearer ")
        if token in self._refused:
            await socket.close(4403, "Forbidden")
            return
        await socket.send(json.dumps({"type": "connection_ack"}))
        variables = json.loads(await socket.recv())["payload"]["variables"]
        self.asked.append((token, variables["after"]))
        for step in self._scripts.pop(0):
            if step == SILENCE:
                await socket.wait_closed()
            elif isinstance(step, int):
                await socket.close(step)
            else:
                await socket.send(json.dumps(step))
                if step["type"] == "ping":
                    self.pongs.append(json.loads(await socket.recv())["type"])

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def _renew(self, refresh_token: str) -> Tokens:
        return Tokens(f"token-{len(self.asked) + 1}", None, refresh_token)


def cursors(events: list[SessionEvent]) -> list[str]:
    return [it.cursor for it in events]


async def test_a_stream_resumes_from_the_last_cursor_that_it_received() -> None:
    peer = Peer([renamed(1), renamed(2), 1013], [renamed(3), END])

    events = await peer.events()

    assert cursors(events) == ["1", "2", "3"]
    assert [after for _, after in peer.asked] == ["0", "2"]


@pytest.mark.parametrize(
    ("step", "pauses"), [(1012, [0.0]), (1013, [0.2]), (1011, [0.2]), (4408, [0.2]), (error("RESUME"), [0.0])]
)
async def test_who_is_asked_to_come_back_comes_back(step: Step, pauses: list[float]) -> None:
    peer = Peer([step], [END])

    assert await peer.events() == []
    assert peer.pauses == pauses


async def test_pauses_grow_until_something_arrives() -> None:
    peer = Peer([1013], [1013], [1013], [renamed(1), 1013], [END])

    await peer.events()

    assert peer.pauses == [0.2, 0.4, 0.8, 0.2]


async def test_the_server_says_how_long_to_wait() -> None:
    peer = Peer([error("RATE_LIMITED", retryAfterSeconds=3.5)], [END])

    await peer.events()

    assert peer.pauses == [3.5]


@pytest.mark.parametrize("code", [4400, 4401, 4406, 4409, 4429, 1009])
async def test_nobody_comes_back_after_a_mistake_of_the_client(code: int) -> None:
    with pytest.raises(Refused) as refusal:
        await Peer([code]).events()

    assert refusal.value.code == str(code)


async def test_a_session_that_is_not_there_is_said_so() -> None:
    with pytest.raises(NotFound):
        await Peer([error("NOT_FOUND")]).events()


async def test_a_gap_is_told_and_the_stream_goes_on_from_its_cursor() -> None:
    peer = Peer([event("ReplayGap", 40), 1013], [renamed(41), END])

    gap, fact = await peer.events(after="7")

    assert isinstance(gap, ReplayGap)
    assert isinstance(fact, SessionRenamed)
    assert [after for _, after in peer.asked] == ["7", "40"]


async def test_what_a_newer_server_tells_is_passed_over() -> None:
    peer = Peer([renamed(1), event("PlanCreated", 2, planId="pln_1"), 1012], [renamed(3), END])

    events = await peer.events()

    assert cursors(events) == ["1", "3"]
    assert [after for _, after in peer.asked] == ["0", "2"]


async def test_a_token_that_ends_is_renewed_and_the_stream_resumes() -> None:
    peer = Peer([renamed(1), 4403], [renamed(2), END])

    events = await peer.events()

    assert cursors(events) == ["1", "2"]
    assert peer.asked == [("token-0", "0"), ("token-2", "1")]


async def test_a_renewed_token_that_is_refused_ends_the_stream() -> None:
    peer = Peer(refused=frozenset({"token-0", "token-1"}))

    with pytest.raises(Unauthenticated):
        await peer.events()


async def test_pings_are_answered() -> None:
    peer = Peer([{"type": "ping"}, renamed(1), {"type": "ping", "payload": {}}, END])

    assert cursors(await peer.events()) == ["1"]
    assert peer.pongs == ["pong", "pong"]


async def test_silence_counts_as_a_broken_connection() -> None:
    peer = Peer([renamed(1), SILENCE], [END])

    async with asyncio.timeout(60):
        events = await peer.events(silence_s=0.1)

    assert cursors(events) == ["1"]
    assert peer.pauses == [0.2]


async def test_a_wait_beyond_the_bound_is_refused() -> None:
    with pytest.raises(Refused):
        await Peer([error("RATE_LIMITED", retryAfterSeconds=3600)]).events()


async def test_a_server_that_is_not_there_is_given_up() -> None:
    live = LiveEvents(
        Sockets(url="ws://127.0.0.1:9", trust_env=False),
        sign_in=SignIn(Peer()._renew, clock=lambda: datetime.now(UTC)),
        retries=Retries(reconnect_for_s=0),
        sleep=asyncio.sleep,
    )

    with pytest.raises(Disconnected):
        await anext(live.of_session("ses_1", after="0"))
