"""Running selected operations on the schema, and encoding what comes out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeGuard, cast
from uuid import UUID

import orjson
import strawberry
from graphql import ExecutionResult, GraphQLError, create_source_event_stream
from graphql.execution import Executor as CoreExecutor
from strawberry.execution import optimized_is_awaitable

from graphql_api.transport.documents import Document, Operation
from graphql_api.transport.errors import Code, ErrorFormat, Refused, document_refused
from graphql_api.transport.plain import PlainExecution
from graphql_api.transport.ports import Outcome, StreamItem

_is_awaitable = cast("Callable[[object], TypeGuard[Awaitable[object]]]", optimized_is_awaitable)

TURN = 32
"""After so many events in a row a subscription lets others have their turn: a long replay never waits by itself."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A valid operation with its variables, ready to run."""

    document: Document
    operation: Operation
    variables: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Payload:
    """An encoded response: `text` is a JSON object, `cursor` the position it takes its reader to."""

    text: str
    outcome: Outcome = Outcome.OK
    cursor: int | None = None


class Executor:
    """Executes operations of one Strawberry schema through graphql-core.

    `PlainExecution` is the one place for a faster execution. Strawberry's schema extensions are not run.
    """

    def __init__(
        self, schema: strawberry.Schema, *, errors: ErrorFormat, hide_suggestions: bool = False
    ) -> None:
        self._schema = schema._schema
        self._errors = errors
        self._hide_suggestions = hide_suggestions

    async def execute(self, prepared: Prepared, context: object) -> Payload:
        """Run a query or a mutation; failing fields become errors of the payload.

        Raises:
            Refused: the variables do not fit the operation.
        """
        result: object = self._build(prepared, context).execute_operation()
        if _is_awaitable(result):
            result = await result
        return self._encode(result, prepared)

    @asynccontextmanager
    async def subscribe(
        self, prepared: Prepared, context: object, *, user_id: UUID | None
    ) -> AsyncIterator[AsyncIterator[Payload]]:
        """Open a subscription: its payloads in the order of its source, which is closed at the end.

        Raises:
            Refused: the variables do not fit the operation, or the resolver failed; what the source
                raises later comes out of the iterator as the same.
        """
        core = self._build(prepared, context)
        events = await self._source(prepared, core)
        try:
            yield _Payloads(self, prepared, core, events, user_id)
        finally:
            if (close := getattr(events, "aclose", None)) is not None:
                await close()

    async def _source(self, prepared: Prepared, core: CoreExecutor[None]) -> AsyncIterator[object]:
        source: object = create_source_event_stream(core)
        if _is_awaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise self.refusal((source.errors or [GraphQLError("Nothing to subscribe to.")])[0], prepared)
        return aiter(cast("AsyncIterable[object]", source))

    def refusal(self, error: Exception, prepared: Prepared) -> Refused:
        """What ends an operation that failed as a whole."""
        return self._errors.refusal(error, operation=prepared.operation.label, well_formed=True)

    async def execute_event(
        self, prepared: Prepared, core: CoreExecutor[None], value: object
    ) -> tuple[Payload, bool]:
        """Execute a subscription's selection on one event; the flag says that nothing had to be awaited."""
        result: object = core.build_per_event_executor(value).execute_operation(serially=False)
        if _is_awaitable(result):
            return self._encode(await result, prepared), False
        return self._encode(result, prepared), True

    def _build(self, prepared: Prepared, context: object) -> CoreExecutor[None]:
        built = PlainExecution.build(
            self._schema,
            prepared.document.ast,
            context_value=context,
            raw_variable_values=dict(prepared.variables),
            operation_name=prepared.operation.name,
            is_awaitable=_is_awaitable,
            hide_suggestions=self._hide_suggestions,
            plans=prepared.document.plans,
        )
        if isinstance(built, list):
            raise document_refused(Code.BAD_VARIABLES, built)
        return built

    def _encode(self, result: object, prepared: Prepared) -> Payload:
        executed = cast("ExecutionResult", result)
        try:
            return self._text(executed, prepared.operation.label)
        except TypeError as error:  # a scalar gave what JSON does not have
            unencodable = GraphQLError("The result can't be encoded.", original_error=error)
            return self._text(ExecutionResult(None, [unencodable]), prepared.operation.label)

    def _text(self, result: ExecutionResult, operation: str | None) -> Payload:
        if not result.errors:
            return Payload(orjson.dumps({"data": result.data}).decode())
        errors, outcome = self._errors.executed(result.errors, operation=operation)
        return Payload(orjson.dumps({"data": result.data, "errors": errors}).decode(), outcome)


class _Payloads(AsyncIterator[Payload]):
    """The events of one subscription, executed and encoded; what others have encoded is reused."""

    def __init__(
        self,
        executor: Executor,
        prepared: Prepared,
        core: CoreExecutor[None],
        events: AsyncIterator[object],
        user_id: UUID | None,
    ) -> None:
        self._executor = executor
        self._prepared = prepared
        self._core = core
        self._events = events
        self._key = _sharing_key(prepared, user_id)
        self._turn = 0
        self._begin_event = getattr(core.context_value, "begin_event", None)

    async def __anext__(self) -> Payload:
        self._turn += 1
        if self._turn % TURN == 0:
            await asyncio.sleep(0)
        try:
            event = await anext(self._events)
        except StopAsyncIteration:
            raise
        except Exception as error:
            raise self._executor.refusal(error, self._prepared) from error
        memo: dict[object, object] | None = getattr(event, "memo", None)
        if memo is None:
            return (await self._execute(event))[0]
        if isinstance(known := memo.get(self._key), Payload):
            return known
        return await self._first(cast("StreamItem", event))

    async def _first(self, item: StreamItem) -> Payload:
        """Encode an item that nobody has encoded, and keep the result where it is the same for all."""
        payload, at_once = await self._execute(item.value())
        payload = replace(payload, cursor=item.cursor)
        if at_once and payload.outcome is Outcome.OK:
            item.memo[self._key] = payload
        return payload

    async def _execute(self, value: object) -> tuple[Payload, bool]:
        if self._begin_event is not None:
            self._begin_event()
        return await self._executor.execute_event(self._prepared, self._core, value)


def _sharing_key(prepared: Prepared, user_id: UUID | None) -> object:
    """Equal for those who get equal payloads; nobody shares with another user."""
    resume = prepared.operation.resume_variable
    variables = {name: value for name, value in prepared.variables.items() if name != resume}
    try:
        # decoding leaves the encoder's buffer, which is far larger than its text, behind
        canonical = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # nested more deeply than can be encoded: nobody else has the same
        return object()
    owner = user_id.bytes if user_id else None  # compared for every event: bytes are quick at it
    return (prepared.document.id, prepared.operation.name, canonical, owner)
