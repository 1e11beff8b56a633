"""A toy schema and fakes of everything that the transports ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast
from uuid import UUID, uuid4

import strawberry
from graphql import GraphQLError
from strawberry.dataloader import DataLoader
from strawberry.scalars import JSON

from domain.errors import (
    CodeLabError,
    Conflict,
    FieldProblem,
    Invalid,
    LimitExceeded,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from domain.events.items import SlowReader
from domain.identity.entities import Principal
from domain.limits.ports import Allowance
from graphql_api.transport.ports import Cookie, OperationInfo, Outcome, RequestInfo, TransportKind

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALICE, BOB = UUID(int=1), UUID(int=2)
USERS = {"alice": ALICE, "bob": BOB, "brief": ALICE}


@dataclass(eq=False)
class ToyAuthenticator:
    """Knows the tokens of USERS (`brief` expires in a tenth of a second); `failure` replaces every answer."""

    lifetime: timedelta = timedelta(minutes=30)
    failure: Exception | None = None
    hangs: bool = False
    watched: list[Principal] = field(default_factory=list)
    revocations: dict[UUID, asyncio.Event] = field(default_factory=dict)

    async def authenticate(self, token: str) -> Principal:
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        if token not in USERS:
            raise Unauthenticated
        lifetime = timedelta(seconds=0.1) if token == "brief" else self.lifetime
        return Principal(USERS[token], uuid4(), NOW + lifetime)

    def revoke(self, user_id: UUID) -> None:
        self.revocations.setdefault(user_id, asyncio.Event()).set()

    @asynccontextmanager
    async def watch(self, principal: Principal) -> AsyncIterator[asyncio.Event]:
        self.watched.append(principal)
        try:
            yield self.revocations.setdefault(principal.user_id, asyncio.Event())
        finally:
            self.watched.remove(principal)


@dataclass(eq=False)
class ToyContext:
    """What resolvers see."""

    world: World
    request: RequestInfo
    principal: Principal | None
    allowance: Allowance
    operation: OperationInfo
    batches: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begin_event()

    def begin_event(self) -> None:
        self.world.events_begun += 1
        self.squares = DataLoader(self._square)

    async def _square(self, keys: list[int]) -> list[int]:
        self.batches.append(keys)
        return [key * key for key in keys]


@dataclass(eq=False)
class Item:
    """One entry of the shared log."""

    cursor: int
    text: str
    world: World
    memo: dict[object, object] = field(default_factory=dict)

    def value(self) -> Line:
        self.world.values_made += 1
        return Line(cursor=self.cursor, text=self.text)


@dataclass(eq=False)
class World:
    """Everything a test may look at or turn."""

    authenticator: ToyAuthenticator = field(default_factory=ToyAuthenticator)
    refuse_for_s: float | None = None
    gate_failure: Exception | None = None
    context_failure: Exception | None = None
    close_failure: Exception | None = None
    open_contexts: int = 0
    contexts: list[ToyContext] = field(default_factory=list)
    events_begun: int = 0
    values_made: int = 0
    executions: int = 0
    charged: list[OperationInfo] = field(default_factory=list)
    in_flight: int = 0
    finished: list[tuple[OperationInfo, Outcome]] = field(default_factory=list)
    log: list[Item] = field(default_factory=list)
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)
    sources_open: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: int = 0

    async def append(self, *texts: str) -> None:
        async with self.grown:
            for text in texts:
                self.log.append(Item(len(self.log) + 1, text, self))
            self.grown.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that happens without our doing."""
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.002)

    def new_id(self) -> UUID:
        self.numbers += 1
        return UUID(int=self.numbers)

    async def admit(
        self, operation: OperationInfo, *, principal: Principal | None, client_ip: str
    ) -> Allowance:
        if self.gate_failure is not None:
            raise self.gate_failure
        self.charged.append(operation)
        return Allowance(100, 0 if self.refuse_for_s else 99, 1.0, self.refuse_for_s)

    @asynccontextmanager
    async def open(
        self,
        request: RequestInfo,
        *,
        principal: Principal | None,
        operation: OperationInfo,
        allowance: Allowance,
    ) -> AsyncIterator[object]:
        if self.context_failure is not None:
            raise self.context_failure
        context = ToyContext(self, request, principal, allowance, operation)
        self.contexts.append(context)
        self.open_contexts += 1
        try:
            yield context
        finally:
            self.open_contexts -= 1
            if self.close_failure is not None:
                raise self.close_failure


class ToyObserver:
    """Writes down what it hears."""

    def __init__(self, world: World) -> None:
        self._world = world

    def started(self, transport: TransportKind) -> None:
        self._world.in_flight += 1

    def finished(self, operation: OperationInfo, *, outcome: Outcome, seconds: float) -> None:
        assert seconds >= 0
        self._world.in_flight -= 1
        self._world.finished.append((operation, outcome))


Info = strawberry.Info[ToyContext, None]

FAILURES: dict[str, Exception] = {
    "bug": RuntimeError("the password is hunter2"),
    "unauthenticated": Unauthenticated(),
    "missing": NotFound("agent"),
    "invalid": Invalid(FieldProblem(("input", "name"), "Too long.")),
    "conflict": Conflict("The name is taken."),
    "limit": LimitExceeded("Full.", limit=100, retry_after_s=1.5),
    "unavailable": Unavailable("The model is away.", retry_after_s=2.0),
    "graphql": GraphQLError("On purpose.", extensions={"code": "PURPOSE"}),
    "plain": GraphQLError("On purpose."),
    "slow": SlowReader(),
    "other": CodeLabError("Something else."),
}


@strawberry.interface
class Named:
    """Something with a name."""

    name: str


@strawberry.type
class Cat(Named):
    """A cat."""

    lives: int = 9
    secret: strawberry.Private[str] = "purr"

    @strawberry.field
    def whisper(self) -> str:
        return self.secret


@strawberry.type
class Dog(Named):
    """A dog."""

    good: bool = True


@strawberry.type
class Line:
    """One line of the shared log."""

    cursor: int
    text: str

    @strawberry.field
    def loud(self, info: Info) -> str:
        info.context.world.executions += 1
        return self.text.upper()

    @strawberry.field
    async def squared(self, info: Info) -> int:
        return await info.context.squares.load(self.cursor)


@strawberry.type
class Tick:
    """A line of another kind, to make a union."""

    number: int


Event = Annotated[Line | Tick, strawberry.union("Event")]


@strawberry.input
class Nested:
    """An input that may contain itself."""

    inner: Nested | None = None


@strawberry.type
class Query:
    """Reads."""

    @strawberry.field
    def me(self, info: Info) -> str | None:
        principal = info.context.principal
        return None if principal is None else str(principal.user_id.int)

    @strawberry.field
    def echo(self, value: JSON) -> JSON:
        return value

    @strawberry.field
    def fail(self, how: str) -> str | None:
        raise FAILURES[how]

    @strawberry.field
    async def wait(self, info: Info) -> str:
        info.context.world.started.set()
        await info.context.world.release.wait()
        return "released"

    @strawberry.field
    async def square(self, info: Info, of: int) -> int:
        return await info.context.squares.load(of)

    @strawberry.field
    def pets(self) -> list[Cat | Dog]:
        return [Cat(name="Tom"), Dog(name="Rex")]

    @strawberry.field
    def named(self) -> list[Named]:
        return [Dog(name="Rex"), Cat(name="Tom")]

    @strawberry.field
    def unencodable(self) -> JSON:
        return cast("JSON", {"much": 2**70})

    @strawberry.field
    def nested(self, value: Nested) -> bool:
        return value.inner is None

    @strawberry.field
    def variables(self, info: Info) -> JSON:
        return cast("JSON", info.variable_values)

    @strawberry.field
    def seen(self, info: Info) -> JSON:
        request = info.context.request
        seen = {
            "transport": request.transport,
            "ip": request.client_ip,
            "agent": request.user_agent,
            "refresh": request.refresh_cookie,
            "cost": info.context.operation.cost,
            "remaining": info.context.allowance.remaining,
        }
        return cast("JSON", seen)


@strawberry.type
class Mutation:
    """Writes."""

    @strawberry.mutation
    def sign_in(self, info: Info) -> bool:
        info.context.request.changes.set_cookie(Cookie("refresh", "r1", max_age_s=60, path="/graphql"))
        info.context.request.changes.headers["X-Toy"] = "yes"
        return True

    @strawberry.mutation
    async def append(self, info: Info, text: str) -> int:
        await info.context.world.append(text)
        return len(info.context.world.log)


@strawberry.type
class Subscription:
    """Follows."""

    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(1, to + 1):
            yield number

    @strawberry.subscription
    async def lines(self, info: Info, after: int | None = None) -> AsyncGenerator[Line, None]:
        world, request = info.context.world, info.context.request
        position = int(request.last_event_id) if request.last_event_id else after or 0
        world.sources_open += 1
        try:
            while True:
                async with world.grown:
                    while len(world.log) <= position:
                        await world.grown.wait()
                for item in world.log[position:]:
                    yield cast("Line", item)
                    position = item.cursor
        finally:
            world.sources_open -= 1

    @strawberry.subscription
    async def events(self, count: int) -> AsyncGenerator[Event, None]:
        for number in range(count):
            yield Tick(number=number) if number % 2 else Line(cursor=number, text=f"line {number}")

    @strawberry.subscription
    async def breaks(self, how: str, after: int = 0) -> AsyncGenerator[int, None]:
        for number in range(after):
            yield number
        raise FAILURES[how]

    @strawberry.subscription
    async def guarded(self, info: Info) -> AsyncGenerator[int, None]:
        if info.context.principal is None:
            raise Unauthenticated
        yield 1

    @strawberry.subscription
    async def silent(self, info: Info) -> AsyncGenerator[int, None]:
        info.context.world.sources_open += 1
        try:
            info.context.world.started.set()
            await asyncio.Event().wait()
            yield 1
        finally:
            info.context.world.sources_open -= 1

    @strawberry.subscription
    async def patient(self, info: Info) -> AsyncGenerator[int, None]:
        principal = info.context.principal
        if principal is None or principal.expires_at < NOW + timedelta(seconds=1):
            await asyncio.Event().wait()
        yield 1

    @strawberry.subscription
    async def flood(self, info: Info, size: int) -> AsyncGenerator[str, None]:
        info.context.world.sources_open += 1
        try:
            while True:
                yield "x" * size
        finally:
            info.context.world.sources_open -= 1


schema = strawberry.Schema(Query, Mutation, Subscription)
