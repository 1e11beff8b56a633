"""The readers of one session in this process."""

from __future__ import annotations

from domain.events.items import SessionItem
from domain.events.mailbox import Mailbox


class Audience:
    """Hands every item to every reader's mailbox, and the end to all."""

    def __init__(self) -> None:
        self.ended = False
        self.problem: Exception | None = None
        self._mailboxes: dict[Mailbox, None] = {}
        self._last: SessionItem | None = None

    def join(self, *, after: int) -> Mailbox:
        """Make a mailbox for all items from now on; after the end it holds what is left for such a reader."""
        mailbox = Mailbox()
        if not self.ended:
            self._mailboxes[mailbox] = None
            return mailbox
        if self._last is not None and self._last.cursor > after:
            mailbox.put(self._last)
        mailbox.end(self.problem)
        return mailbox

    def leave(self, mailbox: Mailbox) -> None:
        """Put nothing into this mailbox any more."""
        self._mailboxes.pop(mailbox, None)

    def give(self, item: SessionItem) -> None:
        """Hand an item to everyone; a reader whose mailbox is full is let go and slows no one."""
        for mailbox in self._mailboxes:
            mailbox.put(item)

    def end(self, problem: Exception | None = None, *, last: SessionItem | None = None) -> None:
        """Let every stream end once its reader has what waits for it; only the first end counts."""
        if self.ended:
            return
        self.ended, self.problem, self._last = True, problem, last
        for mailbox in self._mailboxes:
            mailbox.end(problem)
        self._mailboxes.clear()
