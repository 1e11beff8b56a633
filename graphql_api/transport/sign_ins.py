"""Who is asking, and how long their sign-in may keep a connection open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from domain.errors import Unauthenticated
from domain.identity.entities import Principal
from domain.ports import Clock
from graphql_api.transport.ports import Authenticator

SCHEME = "bearer "


class SignIns:
    """Reads bearer credentials and watches the sign-in behind them."""

    def __init__(self, authenticator: Authenticator, *, clock: Clock) -> None:
        self._authenticator = authenticator
        self._clock = clock

    async def principal(self, authorization: str | None) -> Principal | None:
        """Whose `Authorization` this is; None without one.

        Raises:
            Unauthenticated: it is no valid bearer token.
        """
        if authorization is None:
            return None
        if not authorization.lower().startswith(SCHEME):
            raise Unauthenticated
        return await self.principal_of_token(authorization[len(SCHEME) :].strip())

    async def principal_of_token(self, token: str) -> Principal:
        """Whose token this is.

        Raises:
            Unauthenticated: it is not valid (any more).
        """
        principal = await self._authenticator.authenticate(token)
        if self._seconds_left(principal) <= 0:
            raise Unauthenticated
        return principal

    @asynccontextmanager
    async def watched(
        self, principal: Principal | None
    ) -> AsyncIterator[Callable[[], Coroutine[object, object, str]]]:
        """Watch a sign-in; await the call to learn why it is over. Without one it never is."""
        if principal is None:
            yield _forever
            return
        async with self._authenticator.watch(principal) as revoked:
            yield lambda: self._until_over(principal, revoked)

    async def _until_over(self, principal: Principal, revoked: asyncio.Event) -> str:
        try:
            async with asyncio.timeout(self._seconds_left(principal)):
                await revoked.wait()
        except TimeoutError:
            return "The access token has expired."
        return "The sign-in was revoked."

    def _seconds_left(self, principal: Principal) -> float:
        return (principal.expires_at - self._clock()).total_seconds()


async def _forever() -> str:
    never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    return await never
