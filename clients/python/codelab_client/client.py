"""The client: everything that a program does with CodeLab, as one asynchronous object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Self

import httpx

from codelab_client.answers import Piece, pieces_of
from codelab_client.connection import Sockets
from codelab_client.errors import Unauthenticated
from codelab_client.events import LiveEvents, ProjectChange, SessionEvent
from codelab_client.exchange import HttpExchange, Sleep
from codelab_client.generated.fragments import LoggedOut, SignedIn, User
from codelab_client.generated.operations import Operations
from codelab_client.requests import Requests, payload
from codelab_client.retries import Retries
from codelab_client.sign_in import Clock, SignIn, TokenListener, Tokens


class Client(Requests):
    """A user of one CodeLab server.

    Use it as an asynchronous context manager. Every method may raise `CodelabError`; see `codelab_client.errors`.
    Requests are repeated where that is safe, tokens renewed before they expire, and idempotency keys made where
    none is given.

    Args:
        url: Where the server is, such as `http://127.0.0.1:8000`.
        tokens: Of an earlier sign-in.
        on_tokens: Told of every change of the tokens, so that a program can keep them.
        retries: Bounds of trying again and of coming back.
        timeout_s: The longest that one request may take; the server itself takes at most 60 seconds.
        trust_env: Whether proxies of the environment are used.
        clock: The time in UTC.
        sleep: Waits.
    """

    def __init__(
        self,
        url: str,
        *,
        tokens: Tokens | None = None,
        on_tokens: TokenListener | None = None,
        retries: Retries | None = None,
        timeout_s: float = 75.0,
        trust_env: bool = True,
        clock: Clock = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        retries = retries or Retries()
        base = url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=base, timeout=timeout_s, trust_env=trust_env)
        self._sign_in = SignIn(self._renewed, clock=clock, listener=on_tokens, tokens=tokens)
        sockets = Sockets(url=f"{base.replace('http', 'ws', 1)}/graphql", trust_env=trust_env)
        exchange = HttpExchange(
            self._http,
            sockets=sockets,
            sign_in=self._sign_in,
            retries=retries,
            timeout_s=timeout_s,
            sleep=sleep,
        )
        super().__init__(Operations(exchange))
        self._live = LiveEvents(sockets, sign_in=self._sign_in, retries=retries, sleep=sleep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; the sign-in goes on."""
        await self._http.aclose()

    # Signing in

    @property
    def tokens(self) -> Tokens | None:
        """The present tokens, to keep for the next start; None when signed out."""
        return self._sign_in.tokens

    async def register(self, email: str, password: str) -> User:
        """Make an account and sign in to it."""
        return self._entered(await self.operations.register(email, password))

    async def log_in(self, email: str, password: str) -> User:
        """Sign in."""
        return self._entered(await self.operations.log_in(email, password))

    async def redeem_sign_in_link(self, link: str) -> User:
        """Sign in with the link that the server prints when it starts, or with the token in it."""
        token = link.rpartition("token=")[2]
        return self._entered(await self.operations.redeem_sign_in_link(token))

    async def log_out(self, *, everywhere: bool = False) -> int:
        """End this sign-in or all of the user's; returns how many ended."""
        ended = payload(LoggedOut, await self.operations.log_out(everywhere))
        self._sign_in.change(None)
        return ended.count

    async def me(self) -> User:
        """Who is signed in."""
        user = await self.operations.me()
        if user is None:
            raise Unauthenticated
        return user

    # Live

    async def events(self, session_id: str, *, after: str | None = None) -> AsyncGenerator[SessionEvent]:
        """A session's events after a cursor, by default from now on, until the session is deleted.

        Facts come exactly once and in order, whatever happens to the connection. Texts that are being
        written come again from offset 0 after a disconnect. `ReplayGap` says that facts are lost because
        the cursor is too old: read the session again; the stream goes on from there.
        """
        cursor = after if after is not None else (await self.session(session_id)).cursor
        async with aclosing(self._live.of_session(session_id, after=cursor)) as events:
            async for event in events:
                yield event

    async def changes(self, project_id: str) -> AsyncGenerator[ProjectChange]:
        """Every agent of a project as it is, then what changes around its sessions; all again after a disconnect."""
        async with aclosing(self._live.of_project(project_id)) as changes:
            async for change in changes:
                yield change

    async def ask(
        self,
        session_id: str,
        content: str,
        *,
        to: str | None = None,
        parent_id: str | None = None,
        timeout_s: float = 600.0,
        key: str | None = None,
    ) -> AsyncGenerator[Piece]:
        """Send a message and give its answer piece by piece, as it is written.

        Raises:
            AnswerFailed: the answer ended before it was whole.
            TimeoutError: it takes longer than `timeout_s`; it goes on being written.
        """
        cursor = (await self.session(session_id)).cursor
        sent = await self.send(session_id, content, to=to, parent_id=parent_id, key=key)

        async with aclosing(self.events(session_id, after=cursor)) as events:
            answer = pieces_of(sent.run, events, read=self.run, timeout_s=timeout_s)
            async with aclosing(answer) as pieces:
                async for piece in pieces:
                    yield piece

    async def _renewed(self, refresh_token: str) -> Tokens:
        return _tokens(payload(SignedIn, await self.operations.refresh_tokens(refresh_token)))

    def _entered(self, result: object) -> User:
        signed_in = payload(SignedIn, result)
        self._sign_in.change(_tokens(signed_in))
        return signed_in.user


def _tokens(signed_in: SignedIn) -> Tokens:
    return Tokens(
        signed_in.access_token,
        signed_in.access_expires_at,
        signed_in.refresh_token,
        signed_in.refresh_expires_at,
    )
