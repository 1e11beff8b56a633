"""One WebSocket that speaks graphql-transport-ws: its states, its operations, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from domain.errors import CodeLabError, Unauthenticated
from domain.identity.entities import Principal
from graphql_api.transport.bounds import Bounds
from graphql_api.transport.clients import client_ip, request_info, subject
from graphql_api.transport.connections import Connections
from graphql_api.transport.errors import Code, ErrorFormat, Refused, refused
from graphql_api.transport.frames import (
    CONNECTION_ACK,
    PING,
    Complete,
    ConnectionInit,
    Frame,
    Malformed,
    Ping,
    Pong,
    Subscribe,
    complete_frame,
    error_frame,
    next_prefix,
    parse_frame,
)
from graphql_api.transport.operations import Caller, Operations
from graphql_api.transport.parameters import Parameters, parameters_of
from graphql_api.transport.ports import OperationKind, TransportKind
from graphql_api.transport.seats import Seats
from graphql_api.transport.sign_ins import SignIns
from graphql_api.transport.socket_channel import CloseSocket, PeerGone, SocketChannel

_HERE = "this connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketParts:
    """What every WebSocket needs: a seat among the `newcomers` first, then among the user's `sockets`."""

    operations: Operations
    sign_ins: SignIns
    connections: Connections
    errors: ErrorFormat
    bounds: Bounds
    sockets: Seats
    newcomers: Seats


class SocketConnection:
    """Serves one accepted WebSocket; `newcomer` is closed when it is acknowledged.

    Each operation is a task of the connection's group, so nothing outlives the socket. An operation
    that fails ends with an `error` message of its own; only what breaks the protocol, the
    credentials or the socket itself ends the connection, by `CloseSocket` from any of its tasks.
    """

    def __init__(
        self, parts: SocketParts, connection: HTTPConnection, channel: SocketChannel, *, newcomer: ExitStack
    ) -> None:
        self._parts = parts
        self._connection = connection
        self._channel = channel
        self._newcomer = newcomer
        self._turns = asyncio.Semaphore(parts.bounds.operations_at_work)
        limit = parts.bounds.subscriptions_per_connection
        self._subscriptions = Seats(limit, of="subscriptions run at once on one connection")
        self._principal: Principal | None = None
        self._initialised = False
        self._acknowledged = False
        self._heard = True
        self._restarting = False
        self._woken = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Serve until either side closes; every task has ended then."""
        closing: CloseSocket | None = None
        try:
            with self._parts.connections.connected(TransportKind.WEBSOCKET, self._restart):
                await self._run()
        except* PeerGone:
            pass
        except* CloseSocket as group:
            closing = _first(group)
        except* Exception as group:  # noqa: BLE001 a bug, logged under an id
            self._parts.errors.refusal(group)
            closing = CloseSocket(1011, "Internal error")
        if closing is not None:
            await self._channel.close(closing.code, closing.reason)

    async def _run(self) -> None:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._supervise())
            while True:  # no name is given to a frame: it would be kept until the next one comes
                await self._handle(await self._next(), stack, tasks)

    async def _next(self) -> Frame:
        text = await self._channel.receive()
        self._heard = True
        try:
            return parse_frame(text)
        except Malformed as problem:
            raise CloseSocket(4400, str(problem)) from None

    async def _handle(self, frame: Frame, stack: AsyncExitStack, tasks: asyncio.TaskGroup) -> None:
        match frame:
            case ConnectionInit(payload):
                await self._initialise(payload, stack, tasks)
            case Ping(answer):
                await self._channel.send(answer)
            case Pong():
                pass
            case Subscribe(operation_id, payload):
                await self._subscribe(operation_id, payload, tasks)
            case Complete(operation_id):
                if (task := self._running.pop(operation_id, None)) is not None:
                    task.cancel()

    async def _initialise(
        self, payload: Mapping[str, object], stack: AsyncExitStack, tasks: asyncio.TaskGroup
    ) -> None:
        if self._initialised:
            raise CloseSocket(4429, "Too many initialisation requests")
        self._initialised = True
        try:
            self._principal = await self._authenticated(payload)
            over = await stack.enter_async_context(self._parts.sign_ins.watched(self._principal))
        except Unauthenticated:
            raise CloseSocket(4403, "Forbidden") from None
        except CodeLabError as error:
            raise CloseSocket(1013, error.message) from None
        self._take_seat(stack)
        if self._principal is not None:
            tasks.create_task(_until_over(over))
        self._acknowledged = True
        self._newcomer.close()
        await self._channel.send(CONNECTION_ACK)

    def _take_seat(self, stack: AsyncExitStack) -> None:
        who = subject(self._principal, client_ip(self._connection))
        try:
            stack.enter_context(self._parts.sockets.taken(who))
        except Refused:
            raise CloseSocket(1013, "Too many connections: close some") from None

    async def _authenticated(self, payload: Mapping[str, object]) -> Principal | None:
        given = {name.lower(): value for name, value in payload.items()}
        sign_ins, token = self._parts.sign_ins, given.get("token")
        authorization = given.get("authorization") or self._connection.headers.get("authorization")
        if not isinstance(token, str | None) or not isinstance(authorization, str | None):
            raise Unauthenticated
        return await (sign_ins.principal_of_token(token) if token else sign_ins.principal(authorization))

    async def _subscribe(
        self, operation_id: str, payload: Mapping[str, object], tasks: asyncio.TaskGroup
    ) -> None:
        if not self._acknowledged:
            raise CloseSocket(4401, "Unauthorized")
        if operation_id in self._running:
            raise CloseSocket(4409, f"Subscriber for {operation_id} already exists")
        limit = self._parts.bounds.operations_per_connection
        if len(self._running) >= limit:
            message = f"A connection runs at most {limit} operations at once."
            refusal = refused(Code.LIMIT_EXCEEDED, message, limit=limit)
            await self._channel.send(error_frame(operation_id, refusal.errors))
            return
        self._running[operation_id] = tasks.create_task(self._operate(operation_id, payload))

    async def _operate(self, operation_id: str, payload: Mapping[str, object]) -> None:
        """Run one operation to its last message; the id is free for reuse before that is sent."""
        try:
            await self._execute(operation_id, parameters_of(payload))
            last = complete_frame(operation_id)
        except Refused as refusal:
            last = error_frame(operation_id, refusal.errors)
        if self._running.get(operation_id) is asyncio.current_task():
            del self._running[operation_id]
        await self._channel.send(last)

    async def _execute(self, operation_id: str, parameters: Parameters) -> None:
        caller = Caller(request_info(self._connection, TransportKind.WEBSOCKET), self._principal)
        prefix, send = next_prefix(operation_id), self._channel.send
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._turns)
            async with self._parts.operations.open(parameters, caller) as operation:
                if operation.info.kind is not OperationKind.SUBSCRIPTION:
                    payload = await operation.execute()
                    await send(f"{prefix}{payload.text}}}")
                    return
                with self._subscriptions.taken(_HERE):
                    async with operation.subscribe() as payloads:
                        await turn.aclose()  # what lasts must not hold up what is short
                        async for payload in payloads:
                            await send(f"{prefix}{payload.text}}}")

    async def _supervise(self) -> None:
        """Close what is never initialised, what gives no sign of life, and everything at a restart."""
        await self._pause(self._parts.bounds.connection_init_s)
        if not self._acknowledged:
            raise CloseSocket(4408, "Connection initialisation timeout")
        while True:
            self._heard = False
            await self._channel.send(PING)
            await self._pause(self._parts.bounds.ping_s)
            if not self._heard:
                raise CloseSocket(1013, "No sign of life")

    async def _pause(self, seconds: float) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
        self._woken.clear()
        if self._restarting:
            raise CloseSocket(1012, "Service restart")

    def _restart(self) -> None:
        self._restarting = True
        self._woken.set()


async def _until_over(over: Callable[[], Coroutine[object, object, str]]) -> None:
    raise CloseSocket(4403, await over())


def _first(group: BaseExceptionGroup[CloseSocket]) -> CloseSocket:
    """The first of the reasons to close, however deep it is in the group."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
