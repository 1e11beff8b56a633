"""What a resolver can reach: who asks, their doorway, batched reads and the use cases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import strawberry
import structlog
from strawberry.dataloader import DataLoader

from domain.errors import Unauthenticated

if TYPE_CHECKING:
    from domain.agents.entities import Agent, AgentStatistics
    from domain.conversations.delete_message import DeleteMessage
    from domain.conversations.entities import Message, Run, Session
    from domain.conversations.send import Send
    from domain.conversations.sessions import Sessions
    from domain.conversations.stop import Stop
    from domain.conversations.wait import WaitForRun
    from domain.events.live import Hints
    from domain.events.reader import SessionTails
    from domain.identity.change_password import ChangePassword
    from domain.identity.entities import Principal
    from domain.identity.log_in import LogIn
    from domain.identity.log_out import LogOut
    from domain.identity.redeem_link import RedeemLink
    from domain.identity.refresh import Refresh
    from domain.identity.register import Register
    from domain.limits.ports import Allowance
    from domain.memory.entities import Memory
    from domain.memory.recall import Recall
    from domain.memory.remember import Remember
    from domain.models.ports import ModelGateway
    from domain.ports import Clock, NewId
    from domain.projects.entities import Project
    from domain.scopes import ProjectTx, Scopes, UserScope, UserTx
    from graphql_api.transport.ports import OperationInfo, RequestInfo

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityServices:
    """The use cases of identity."""

    register: Register
    log_in: LogIn
    log_out: LogOut
    redeem_link: RedeemLink
    refresh: Refresh
    change_password: ChangePassword
    registration_open: bool
    secure_cookies: bool
    refresh_cookie: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that resolvers call; made once by the composition root."""

    version: str
    scopes: Scopes
    identity: IdentityServices
    send: Send
    stop: Stop
    sessions: Sessions
    delete_message: DeleteMessage
    wait_for_run: WaitForRun
    recall: Recall
    remember: Remember
    memory_limit: int
    tails: SessionTails
    hints: Hints
    models: ModelGateway
    new_id: NewId
    clock: Clock


class Loaders:
    """Batched reads of one operation; keys are (project, id), so that a batch is one statement per project.

    A loader is made when it is first asked for: most operations need none or one.
    """

    def __init__(self, scope: UserScope) -> None:
        self._scope = scope

    @cached_property
    def agents(self) -> DataLoader[tuple[UUID, UUID], Agent | None]:
        """Agents at their current versions."""
        return self._loader(lambda p, ids: p.agents.many(ids))

    @cached_property
    def statistics(self) -> DataLoader[tuple[UUID, UUID], AgentStatistics | None]:
        """What agents have done."""
        return self._loader(lambda p, ids: p.agents.statistics(ids))

    @cached_property
    def sessions(self) -> DataLoader[tuple[UUID, UUID], Session | None]:
        """Sessions."""
        return self._loader(lambda p, ids: p.sessions.many(ids))

    @cached_property
    def messages(self) -> DataLoader[tuple[UUID, UUID], Message | None]:
        """Messages."""
        return self._loader(lambda p, ids: p.messages.many(ids))

    @cached_property
    def siblings(self) -> DataLoader[tuple[UUID, UUID], Sequence[Message] | None]:
        """The messages at the place of each."""
        return self._loader(lambda p, ids: p.messages.siblings(ids))

    @cached_property
    def memories(self) -> DataLoader[tuple[UUID, UUID], Memory | None]:
        """What agents remember."""
        return self._loader(lambda p, ids: p.memories.many(ids))

    @cached_property
    def runs(self) -> DataLoader[tuple[UUID, UUID], Run | None]:
        """Runs."""
        return self._loader(lambda p, ids: p.runs.many(ids))

    @cached_property
    def projects(self) -> DataLoader[UUID, Project | None]:
        """Projects, by id alone."""
        return DataLoader(load_fn=self._projects)

    def clear(self) -> None:
        """Forget what was read: the next event may have changed it."""
        for loader in vars(self).values():
            if isinstance(loader, DataLoader):
                loader.clear_all()

    def _loader(
        self, read: Callable[[ProjectTx, Collection[UUID]], Mapping[UUID, T]]
    ) -> DataLoader[tuple[UUID, UUID], T | None]:
        async def load(keys: list[tuple[UUID, UUID]]) -> list[T | None]:
            def work(tx: UserTx) -> list[T | None]:
                projects = {project_id for project_id, _ in keys}
                found = {p: read(tx.project(p), {i for q, i in keys if q == p}) for p in projects}
                return [found[p].get(i) for p, i in keys]

            return await self._scope.read(work)

        return DataLoader(load_fn=load)

    async def _projects(self, ids: list[UUID]) -> list[Project | None]:
        found = await self._scope.read(lambda tx: tx.projects.many(ids))
        return [found.get(project_id) for project_id in ids]


class Context:
    """One operation: never shared between two, nor between users."""

    def __init__(
        self,
        services: Services,
        *,
        request: RequestInfo,
        principal: Principal | None,
        operation: OperationInfo,
        allowance: Allowance,
    ) -> None:
        self.services = services
        self.request = request
        self.operation = operation
        self.allowance = allowance
        self.principal: Principal | None = None
        self._scope: UserScope | None = None
        self._loaders: Loaders | None = None
        self._opened: list[UserScope] = []
        if principal is not None:
            self.become(principal)

    def become(self, principal: Principal) -> None:
        """Go on as the user who was just authenticated: the fields of a sign-in's payload are theirs."""
        self.principal = principal
        self._scope = self.services.scopes.open(principal.user_id)
        self._opened.append(self._scope)
        self._loaders = Loaders(self._scope)

    @property
    def scope(self) -> UserScope:
        """The doorway of the one who asks.

        Raises:
            Unauthenticated: nobody is signed in.
        """
        if self._scope is None:
            raise Unauthenticated
        return self._scope

    @property
    def signed_in(self) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated: nobody is signed in.
        """
        if self.principal is None:
            raise Unauthenticated
        return self.principal

    @property
    def loaders(self) -> Loaders:
        """Batched reads.

        Raises:
            Unauthenticated: nobody is signed in.
        """
        if self._loaders is None:
            raise Unauthenticated
        return self._loaders

    def begin_event(self) -> None:
        """Before an event of a subscription is resolved: what was read before it may be stale."""
        if self._loaders is not None:
            self._loaders.clear()

    async def aclose(self) -> None:
        """Give back what the operation holds."""
        for scope in self._opened:
            await scope.aclose()


Info = strawberry.Info[Context, None]


class Contexts:
    """Makes a context for each operation and closes it behind it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @asynccontextmanager
    async def open(
        self,
        request: RequestInfo,
        *,
        principal: Principal | None,
        operation: OperationInfo,
        allowance: Allowance,
    ) -> AsyncIterator[Context]:
        """A fresh context; log lines of the operation carry the user's id."""
        context = Context(
            self._services, request=request, principal=principal, operation=operation, allowance=allowance
        )
        user_id = str(principal.user_id) if principal else None
        with structlog.contextvars.bound_contextvars(user_id=user_id):
            try:
                yield context
            finally:
                await context.aclose()
