"""Subscriptions that survive disconnects: a session's events resume by cursor, a project's changes begin anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from codelab_client.connection import RESTARTING, Sockets
from codelab_client.errors import CodelabError, Data, Disconnected, Refused, Unauthenticated, Unavailable
from codelab_client.exchange import Sleep
from codelab_client.generated.documents import PROJECT_CHANGES_GQL, SESSION_EVENTS_GQL
from codelab_client.generated.fragments import (
    AgentChanged,
    AgentDeleted,
    HeadMoved,
    Heartbeat,
    MemoryRecalled,
    MessageCompleted,
    MessageCreated,
    MessageDeleted,
    MessageDelta,
    ProjectDeleted,
    ReplayGap,
    RunStarted,
    RunStatusChanged,
    SessionDeleted,
    SessionListed,
    SessionRenamed,
    SessionUnlisted,
)
from codelab_client.generated.operation_base import Data as Json
from codelab_client.generated.project_changes import ProjectChanges
from codelab_client.generated.session_events import SessionEvents
from codelab_client.retries import Retries
from codelab_client.sign_in import SignIn

SessionEvent = (
    MessageCreated
    | MessageDelta
    | MessageCompleted
    | MessageDeleted
    | HeadMoved
    | RunStarted
    | RunStatusChanged
    | MemoryRecalled
    | SessionRenamed
    | SessionDeleted
    | Heartbeat
    | ReplayGap
)
ProjectChange = AgentChanged | AgentDeleted | SessionListed | SessionUnlisted | ProjectDeleted

_KNOWN = {kind.__name__ for union in (SessionEvent, ProjectChange) for kind in union.__args__}
_COME_BACK = frozenset({"RESUME", "RATE_LIMITED", "SHUTTING_DOWN", "TIMEOUT"})


class LiveEvents:
    """Opens subscriptions, each on a WebSocket of its own.

    Args:
        sockets: Opens WebSockets.
        sign_in: The tokens.
        retries: Bounds of coming back.
        sleep: Waits.
    """

    def __init__(self, sockets: Sockets, *, sign_in: SignIn, retries: Retries, sleep: Sleep) -> None:
        self._sockets = sockets
        self._sign_in = sign_in
        self._retries = retries
        self._sleep = sleep

    async def of_session(self, session_id: str, *, after: str) -> AsyncGenerator[SessionEvent]:
        """Every fact after a cursor exactly once and in order, over any number of disconnects.

        Raises:
            NotFound: no such session.
            Unauthenticated: the sign-in has ended.
            Disconnected: the server did not come back in time.
        """
        cursor = after

        def variables() -> Json:
            return {"sessionId": session_id, "after": cursor}

        async with aclosing(self._followed(SESSION_EVENTS_GQL, "SessionEvents", variables)) as results:
            async for data in results:
                shown = cast("Data", data["sessionEvents"])
                if shown["__typename"] in _KNOWN:
                    event = cast("SessionEvent", SessionEvents.model_validate(data).session_events)
                    yield event
                cursor = str(shown["cursor"])

    async def of_project(self, project_id: str) -> AsyncGenerator[ProjectChange]:
        """Every agent as it is, then what changes; after a disconnect the agents come again.

        Raises:
            NotFound: no such project.
            Unauthenticated: the sign-in has ended.
            Disconnected: the server did not come back in time.
        """

        def variables() -> Json:
            return {"projectId": project_id}

        async with aclosing(self._followed(PROJECT_CHANGES_GQL, "ProjectChanges", variables)) as results:
            async for data in results:
                if cast("Data", data["projectChanges"])["__typename"] in _KNOWN:
                    yield ProjectChanges.model_validate(data).project_changes

    async def _followed(
        self, query: str, operation_name: str, variables: Callable[[], Json]
    ) -> AsyncGenerator[Json]:
        """The data of each event over as many connections as it takes; each begins with fresh variables."""
        outage, refused_token = _Outage(self._retries), None
        while True:
            token = None
            try:
                token = await self._token(refused_token)
                async with self._sockets.open(token) as connection:
                    payloads = connection.subscribe(
                        query, operation_name=operation_name, variables=variables()
                    )
                    async with aclosing(payloads) as stream:
                        async for data in stream:
                            outage, refused_token = _Outage(self._retries), None
                            yield data
                return
            except Unauthenticated:
                if token is None or refused_token is not None:
                    raise
                refused_token = token
            except CodelabError as failure:
                await self._sleep(outage.pause_s(failure))

    async def _token(self, refused: str | None) -> str | None:
        return await (self._sign_in.renewed(refused) if refused else self._sign_in.access_token())


class _Outage:
    """The failures since the last event."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._failures = 0
        self._began: float | None = None

    def pause_s(self, failure: CodelabError) -> float:
        """How long to wait before coming back; raises the failure when that makes no sense."""
        now = asyncio.get_running_loop().time()
        self._began = now if self._began is None else self._began
        self._failures += 1
        pause_s = self._retries.pause_s(failure, failures=self._failures)
        late = now - self._began > self._retries.reconnect_for_s
        if late or pause_s is None or not _may_come_back(failure):
            raise failure
        return 0.0 if self._failures == 1 and _is_invited(failure) else pause_s


def _may_come_back(failure: CodelabError) -> bool:
    match failure:
        case Disconnected() | Unavailable():
            return True
        case Refused(code=code):
            return code in _COME_BACK
    return False


def _is_invited(failure: CodelabError) -> bool:
    """Whether the server asked to come back at once."""
    match failure:
        case Disconnected(close_code=code):
            return code == RESTARTING
        case Refused(code=code):
            return code == "RESUME"
    return False
