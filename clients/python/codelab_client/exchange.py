"""Operations over HTTP: tokens, timeouts, errors as exceptions, and trying again where that is safe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import cast

import httpx

from codelab_client.connection import Sockets
from codelab_client.errors import CodelabError, Data, Disconnected, Unauthenticated, error_of, problem_of
from codelab_client.generated.operation_base import Data as Json
from codelab_client.retries import Retries, is_passing
from codelab_client.sign_in import SignIn

ANONYMOUS = frozenset({"Register", "LogIn", "RedeemSignInLink", "RefreshTokens"})
"""Operations that need no token; a stale one would only be refused."""
REPEATABLE = frozenset(
    {"SendMessage", "EditMessage", "RetryRun", "CreateSession", "RefreshTokens", "StopRun"}
)
"""Mutations that may reach the server twice: by their idempotency key, or because the second changes nothing."""

Sleep = Callable[[float], Awaitable[None]]
_ACCEPT = "application/graphql-response+json, application/json;q=0.9"
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class HttpExchange:
    """Runs operations for one client.

    Args:
        http: Sends requests; knows the server's address.
        sockets: Opens WebSockets, for subscriptions.
        sign_in: The tokens.
        retries: Bounds of trying again.
        timeout_s: The longest that one attempt may take.
        sleep: Waits.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        sockets: Sockets,
        sign_in: SignIn,
        retries: Retries,
        timeout_s: float,
        sleep: Sleep,
    ) -> None:
        self._http = http
        self._sockets = sockets
        self._sign_in = sign_in
        self._retries = retries
        self._timeout_s = timeout_s
        self._sleep = sleep

    async def execute(self, query: str, *, operation_name: str, variables: Json) -> Json:
        """The data of a query or mutation; an attempt that failed in passing is repeated.

        Raises:
            Problem: what the mutation answered instead of its payload.
            Refused: the server does not run it.
            Disconnected: there was no answer.
        """
        repeatable = query.lstrip().startswith("query") or operation_name in REPEATABLE
        body = {"query": query, "operationName": operation_name, "variables": variables}
        failures = 0
        while True:
            try:
                return await self._signed(body, anonymous=operation_name in ANONYMOUS)
            except CodelabError as failure:
                failures += 1
                pause_s = self._retries.pause_s(failure, failures=failures)
                if failures >= self._retries.attempts or pause_s is None:
                    raise
                if not is_passing(failure, repeatable=repeatable):
                    raise
            await self._sleep(pause_s)

    async def subscribe(self, query: str, *, operation_name: str, variables: Json) -> AsyncIterator[Json]:
        """The data of each event over one connection, which is not resumed when it breaks.

        Raises:
            CodelabError: it could not begin, or broke.
        """
        async with self._sockets.open(await self._sign_in.access_token()) as connection:
            payloads = connection.subscribe(query, operation_name=operation_name, variables=variables)
            async with aclosing(payloads) as stream:
                async for data in stream:
                    yield data

    async def _signed(self, body: Mapping[str, object], *, anonymous: bool) -> Json:
        """One attempt; a token that is refused is renewed once."""
        token = None if anonymous else await self._sign_in.access_token()
        try:
            return await self._sent(body, token)
        except Unauthenticated:
            if token is None:
                raise
            return await self._sent(body, await self._sign_in.renewed(token))

    async def _sent(self, body: Mapping[str, object], token: str | None) -> Json:
        headers = {"Accept": _ACCEPT} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._http.post("/graphql", json=body, headers=headers)
        except _NOT_SENT as error:
            raise Disconnected("The server can't be reached.", maybe_done=False) from error
        except (httpx.TransportError, TimeoutError) as error:
            raise Disconnected("The server did not answer.") from error
        return _data_of(response)


def _data_of(response: httpx.Response) -> Json:
    """The data of an answer without errors or problems."""
    try:
        answer = response.json()
    except ValueError as error:
        raise Disconnected(f"Not GraphQL, but HTTP status {response.status_code}.") from error
    if not isinstance(answer, dict) or not ("data" in answer or "errors" in answer):
        raise Disconnected(f"Not GraphQL, but HTTP status {response.status_code}.")
    return checked(answer)


def checked(answer: Data) -> Json:
    """The data of a result.

    Raises:
        CodelabError: its first error, or the problem that a field answered with.
    """
    if errors := cast("list[Data]", answer.get("errors")):
        raise error_of(errors[0])
    data = cast("Json", answer["data"])
    for field in data.values():
        if isinstance(field, dict) and isinstance(field.get("message"), str):
            raise problem_of(str(field.get("__typename")), field)
    return data
