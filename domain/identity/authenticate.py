"""Telling who asks by their access token, and noticing when their sign-in ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from domain.errors import Unauthenticated, Unavailable
from domain.events.live import Hints
from domain.identity.entities import Principal
from domain.identity.ports import AccessTokens
from domain.identity.standing import REVOKED_CHANNEL, Known, Standing
from domain.scopes import Scopes

RETRY_S = 5.0


@dataclass(slots=True, eq=False)
class _Recheck:
    """The task that asks about one sign-in again and again, while it has watchers."""

    task: asyncio.Task[None]
    watchers: int = 0


class Authenticate:
    """Reads access tokens; a valid one of an ended sign-in is refused.

    SQL decides whether a sign-in stands, and what it said is believed for 30 seconds. Hints of
    revocations shorten that to a moment in every process that hears them.

    Args:
        standing: What this process knows; shared with the use cases that revoke.
        retry_s: How soon SQL is asked again about a watched sign-in when it did not answer.
    """

    def __init__(
        self,
        *,
        access: AccessTokens,
        scopes: Scopes,
        hints: Hints,
        standing: Standing,
        retry_s: float = RETRY_S,
    ) -> None:
        self._access = access
        self._scopes = scopes
        self._hints = hints
        self._standing = standing
        self._retry_s = retry_s
        self._rechecks: dict[UUID, _Recheck] = {}

    async def authenticate(self, token: str) -> Principal:
        """Whose token this is.

        Raises:
            Unauthenticated: the token is malformed, forged, expired or of an ended sign-in.
            Unavailable: the database does not answer.
        """
        principal = self._access.read(token)
        known = self._standing.known(principal.sign_in_id)
        if known is Known.REVOKED or (known is Known.UNKNOWN and not await self._stands(principal)):
            raise Unauthenticated
        return principal

    @asynccontextmanager
    async def watch(self, principal: Principal) -> AsyncIterator[asyncio.Event]:
        """An event that is set once the sign-in is over, at once when it was before."""
        sign_in_id = principal.sign_in_id
        with self._standing.watch(sign_in_id) as over:
            recheck = self._joined(principal)
            try:
                yield over
            finally:
                recheck.watchers -= 1
                if not recheck.watchers:
                    if self._rechecks.get(sign_in_id) is recheck:
                        del self._rechecks[sign_in_id]
                    recheck.task.cancel()
                    await asyncio.wait({recheck.task})

    def _joined(self, principal: Principal) -> _Recheck:
        """The one task that asks for all watchers of a sign-in, with one watcher more."""
        recheck = self._rechecks.get(principal.sign_in_id)
        if recheck is None or recheck.task.done():
            task = asyncio.create_task(self._recheck(principal), name="recheck of a watched sign-in")
            recheck = self._rechecks[principal.sign_in_id] = _Recheck(task)
        recheck.watchers += 1
        return recheck

    async def follow_revocations(self) -> None:
        """Take in hints for ever; one task of the process."""
        async with self._hints.listen(REVOKED_CHANNEL) as hints:
            async for hint in hints:
                self._standing.revoke(_sign_in_ids(hint))

    async def _recheck(self, principal: Principal) -> None:
        """Ask SQL whenever its last answer is too old, because hints may be lost; until the sign-in is over."""
        while self._standing.known(principal.sign_in_id) is not Known.REVOKED:
            if self._standing.known(principal.sign_in_id) is Known.UNKNOWN:
                with suppress(Unavailable):  # it can't be told just now: the next round tells
                    await self._stands(principal)
            await asyncio.sleep(self._standing.live_for_s(principal.sign_in_id) or self._retry_s)

    async def _stands(self, principal: Principal) -> bool:
        sign_in_id = principal.sign_in_id
        scope = self._scopes.open(principal.user_id)
        stands = await scope.read_once(lambda tx: tx.identity.sign_in(sign_in_id)) is not None
        if stands:
            self._standing.confirm(sign_in_id)
        else:
            self._standing.revoke([sign_in_id])
        return stands and self._standing.known(sign_in_id) is not Known.REVOKED


def _sign_in_ids(hint: Mapping[str, object]) -> list[UUID]:
    try:
        return [UUID(str(hint["sign_in_id"]))]
    except (KeyError, ValueError):  # from a newer version of us, perhaps
        return []
