"""The tokens of a sign-in: kept, and renewed before they expire, one renewal at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from codelab_client.errors import Invalid, Unauthenticated

Clock = Callable[[], datetime]
MARGIN = timedelta(seconds=60)
"""Tokens are renewed so long before they expire."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What proves who you are; secrets. Without a refresh token the access token can't be renewed."""

    access_token: str = field(repr=False)
    access_expires_at: datetime | None = None
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_at: datetime | None = None


class TokenListener(Protocol):
    """Told of every change of the tokens, such as to keep them in a file; None is signed out."""

    def __call__(self, tokens: Tokens | None, /) -> None: ...


class SignIn:
    """The tokens that a client uses now.

    Args:
        renew: Exchanges a refresh token for new tokens.
        clock: The time in UTC.
        listener: Told of every change.
        tokens: What to begin with.
    """

    def __init__(
        self,
        renew: Callable[[str], Awaitable[Tokens]],
        *,
        clock: Clock,
        listener: TokenListener | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self._renew = renew
        self._clock = clock
        self._listener = listener
        self._tokens = tokens
        self._renewing = asyncio.Lock()

    @property
    def tokens(self) -> Tokens | None:
        """The present tokens; None when signed out."""
        return self._tokens

    def change(self, tokens: Tokens | None) -> None:
        """Use other tokens from now on."""
        self._tokens = tokens
        if self._listener is not None:
            self._listener(tokens)

    async def access_token(self) -> str | None:
        """A token that is valid for a while; None when signed out.

        Raises:
            Unauthenticated: it has expired and can't be renewed.
        """
        tokens = self._tokens
        if tokens is None:
            return None
        if tokens.refresh_token and self._expires_soon(tokens):
            return await self.renewed(tokens.access_token)
        return tokens.access_token

    async def renewed(self, stale: str) -> str:
        """A token other than the one that was refused; whoever comes while one is renewed waits for that one.

        Raises:
            Unauthenticated: there is no refresh token, or it is not accepted any more.
        """
        async with self._renewing:
            tokens = self._tokens
            if tokens is not None and tokens.access_token != stale:
                return tokens.access_token
            if tokens is None or tokens.refresh_token is None:
                raise Unauthenticated("The sign-in has ended.")
            try:
                fresh = await self._renew(tokens.refresh_token)
            except Invalid as problem:
                if self._tokens is tokens:
                    self.change(None)
                raise Unauthenticated("The sign-in has ended.") from problem
            if self._tokens is tokens:  # nobody signed in or out meanwhile
                self.change(fresh)
            return fresh.access_token

    def _expires_soon(self, tokens: Tokens) -> bool:
        return tokens.access_expires_at is not None and tokens.access_expires_at - MARGIN <= self._clock()
