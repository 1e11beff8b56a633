"""One WebSocket that speaks graphql-transport-ws, and one subscription on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from codelab_client.errors import Data, Disconnected, Refused, Unauthenticated, error_of
from codelab_client.generated.operation_base import Data as Json

PROTOCOL = Subprotocol("graphql-transport-ws")
FORBIDDEN = 4403
RESTARTING = 1012
OUR_FAULT = frozenset({1009, 4400, 4401, 4406, 4409, 4429})
"""Close codes that say that this client did something wrong: coming back would not help."""
MAX_FRAME_BYTES = 16 * 2**20
_OPERATION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Opens WebSockets.

    Attributes:
        url: Where, as `ws://` or `wss://`.
        open_s: The longest that connecting and signing in may take, in seconds.
        silence_s: The longest silence; the server gives a sign of life every 30 seconds.
        trust_env: Whether proxies of the environment are used.
    """

    url: str
    open_s: float = 20.0
    silence_s: float = 75.0
    trust_env: bool = True

    @asynccontextmanager
    async def open(self, token: str | None) -> AsyncIterator[Connection]:
        """A connection that is signed in.

        Raises:
            Unauthenticated: the token is not accepted.
            Disconnected: the server can't be reached, or hung up.
        """
        try:
            async with asyncio.timeout(self.open_s):
                socket = await connect(
                    self.url,
                    subprotocols=[PROTOCOL],
                    open_timeout=None,
                    close_timeout=2,
                    ping_interval=None,
                    max_size=MAX_FRAME_BYTES,
                    proxy=True if self.trust_env else None,
                )
        except (OSError, TimeoutError, websockets.InvalidHandshake, EOFError) as error:
            raise Disconnected("The server can't be reached.", maybe_done=False) from error
        try:
            connection = Connection(socket, silence_s=self.silence_s)
            await connection.sign_in(token, within_s=self.open_s)
            yield connection
        finally:
            await socket.close()


class Connection:
    """A WebSocket for one subscription.

    Args:
        socket: The open WebSocket.
        silence_s: The longest silence before it counts as broken, in seconds.
    """

    def __init__(self, socket: ClientConnection, *, silence_s: float) -> None:
        self._socket = socket
        self._silence_s = silence_s

    async def sign_in(self, token: str | None, *, within_s: float) -> None:
        """Say who we are and wait for the acknowledgement.

        Raises:
            Unauthenticated: the token is not accepted.
            Disconnected: the server hung up or did not answer in time.
        """
        payload = {"Authorization": f"Bearer {token}"} if token else {}
        await self._send("connection_init", payload=payload)
        message = await self._receive(within_s)
        if message["type"] != "connection_ack":
            raise Disconnected("The server did not acknowledge the connection.")

    async def subscribe(self, query: str, *, operation_name: str, variables: Json) -> AsyncGenerator[Json]:
        """The data of each event, to the regular end of the subscription.

        Raises:
            Unauthenticated: the token has expired or was revoked.
            Refused: the server says why it does not go on.
            Disconnected: the connection broke.
        """
        payload = {"query": query, "operationName": operation_name, "variables": variables}
        await self._send("subscribe", id=_OPERATION, payload=payload)
        while True:
            message = await self._receive(self._silence_s)
            match message["type"]:
                case "next":
                    yield _data(cast("Data", message["payload"]))
                case "error":
                    raise error_of(cast("list[Data]", message["payload"])[0])
                case "complete":
                    return

    async def _send(self, kind: str, **parts: object) -> None:
        try:
            async with asyncio.timeout(self._silence_s):
                await self._socket.send(json.dumps({"type": kind, **parts}))
        except websockets.ConnectionClosed as closed:
            raise _closed(closed) from closed
        except TimeoutError as error:
            raise Disconnected("The server does not read.") from error

    async def _receive(self, within_s: float) -> Mapping[str, object]:
        """The next message that is no sign of life."""
        while True:
            try:
                async with asyncio.timeout(within_s):
                    message = cast("Data", json.loads(await self._socket.recv()))
            except websockets.ConnectionClosed as closed:
                raise _closed(closed) from closed
            except TimeoutError as error:
                raise Disconnected("The server gives no sign of life.") from error
            if message["type"] == "ping":
                with suppress(
                    Disconnected, Refused
                ):  # the server may have closed behind messages still to be read
                    await self._send("pong")
            elif message["type"] != "pong":
                return message


def _data(payload: Data) -> Json:
    if errors := cast("list[Data]", payload.get("errors")):
        raise error_of(errors[0])
    return cast("Json", payload["data"])


def _closed(closed: websockets.ConnectionClosed) -> Disconnected | Refused:
    """The end of a connection as an exception that says whether to come back."""
    if closed.rcvd is None:
        return Disconnected("The connection was cut.")
    code, reason = closed.rcvd.code, closed.rcvd.reason or "The server closed the connection."
    if code == FORBIDDEN:
        return Unauthenticated(reason)
    if code in OUR_FAULT:
        return Refused(reason, code=str(code))
    return Disconnected(reason, close_code=code)
