"""Writes an answer while the model speaks: live at once, to SQL about once a second."""

from __future__ import annotations

from collections.abc import Callable

from domain.bus.guard import Guard
from domain.bus.ports import ClaimLost
from domain.errors import Unavailable
from domain.events.live import Appended, Delta, Live, SessionKey
from domain.scopes import UserScope
from domain.tasks.entities import Claim

CHECKPOINT_S = 1.0


class AnswerWriter:
    """The only voice of one claim; falls silent the moment that the claim is lost."""

    def __init__(
        self, claim: Claim, guard: Guard, *, scope: UserScope, live: Live, monotonic: Callable[[], float]
    ) -> None:
        self._claim = claim
        self._guard = guard
        self._scope = scope
        self._live = live
        self._monotonic = monotonic
        self._key = SessionKey(claim.task.user_id, claim.session_id)
        self._parts: list[str] = []
        self._length = 0
        self._saved_at = monotonic()

    @property
    def text(self) -> str:
        """All that was written in this generation."""
        return "".join(self._parts)

    async def begin(self) -> None:
        """Open the generation, so that older ones are refused.

        Raises:
            ClaimLost: a newer one has begun.
        """
        self._check(await self._start(""))

    async def write(self, piece: str) -> None:
        """Add text.

        Raises:
            ClaimLost: this worker may not speak any more.
        """
        text = storable(piece)
        if not text:
            return
        if not self._guard.open:
            raise ClaimLost
        delta = Delta(self._claim.answer_id, self._claim.generation, self._length, text)
        self._parts.append(text)
        self._length += len(text)
        appended = await self._live.append(self._key, delta)
        if appended == Appended.GAP:
            appended = await self._start(self.text)
        self._check(appended)
        if self._monotonic() - self._saved_at >= CHECKPOINT_S:
            await self._checkpoint()

    async def _start(self, text: str) -> Appended:
        claim = self._claim
        return await self._live.begin(
            self._key, message_id=claim.answer_id, generation=claim.generation, text=text
        )

    async def _checkpoint(self) -> None:
        claim, text = self._claim, self.text
        self._saved_at = self._monotonic()
        try:
            kept = await self._scope.write(
                lambda tx: tx.project(claim.task.project_id).messages.checkpoint(
                    claim.answer_id, generation=claim.generation, content=text
                )
            )
        except Unavailable:
            return  # the text is here and live; the next second tries again
        if not kept:
            raise ClaimLost

    @staticmethod
    def _check(appended: Appended) -> None:
        if appended == Appended.STALE:
            raise ClaimLost


def storable(text: str) -> str:
    """The text as every store and protocol can hold it: no NUL, no lone surrogate."""
    if text.isascii():
        return text.replace("\0", "\ufffd")
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
