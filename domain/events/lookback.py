"""What became of messages that were created before a tail began to follow."""

from __future__ import annotations

from uuid import UUID

from domain.events.session_log import PAGE, SessionLog
from domain.events.texts import OpenTexts

FIRST_PAGE = 8
"""Facts to look at first: what is being written was mostly begun a moment ago."""


class LookBack:
    """Learns from older facts, newest first, no further back than it is asked and each page once.

    Args:
        log: Where the facts are.
        texts: What learns from them; it must learn every fact after `start` by other ways.
        start: The newest fact to look at.
        oldest: The oldest fact that is retained.
    """

    def __init__(self, log: SessionLog, texts: OpenTexts, *, start: int, oldest: int) -> None:
        self._log = log
        self._texts = texts
        self._below = start
        self._size = FIRST_PAGE
        self._oldest = oldest

    async def until_known(self, message_id: UUID) -> None:
        """Learn until a fact speaks of the message.

        A message that is older than what is retained counts as being written: texts live for minutes,
        so that its end can't be so far back.

        Raises:
            Unavailable: the log could not be read.
        """
        while self._below >= self._oldest and not self._texts.is_known(message_id):
            await self._learn_page()
        if self._oldest > 1:
            self._texts.open(message_id)

    async def _learn_page(self) -> None:
        after = max(self._below - self._size, 0)
        self._size = min(self._size * 5, PAGE)
        for fact in reversed(await self._log.page(after=after)):
            if fact.seq <= self._below:
                self._texts.learn(fact.body)
        self._below = after
