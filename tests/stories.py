"""A session's log in words, so that a test can say what it expects to read there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from domain.conversations.entities import Author
from domain.events.kinds import (
    Fact,
    FactBody,
    HeadMoved,
    MemoryRecalled,
    MessageCompleted,
    MessageCreated,
    MessageDeleted,
    RunStarted,
    RunStatusChanged,
    SessionDeleted,
    SessionRenamed,
)


class Names:
    """Q1, A1, R1, ... in the order in which questions, answers and runs appear."""

    def __init__(self) -> None:
        self._known: dict[UUID, str] = {}
        self._counts: defaultdict[str, int] = defaultdict(int)

    def of(self, thing_id: UUID, kind: str = "?") -> str:
        if thing_id not in self._known:
            self._counts[kind] += 1
            self._known[thing_id] = f"{kind}{self._counts[kind]}"
        return self._known[thing_id]


def story(facts: Sequence[Fact]) -> list[str]:
    """What happened, one line for each fact."""
    names = Names()
    return [_told(fact.body, names) for fact in facts]


def _told(body: FactBody, names: Names) -> str:  # noqa: C901 - one case for each kind of fact
    match body:
        case MessageCreated(message_id, parent_id, author, content, agent, run_id):
            name = names.of(message_id, "Q" if author == Author.USER else "A")
            under = f" under {names.of(parent_id)}" if parent_id else ""
            run = names.of(run_id, "R") if run_id else "no run"
            who = f"@{agent.handle} v{agent.version}" if agent else repr(content)
            return f"{name}{under} in {run}: {who}"
        case MessageCompleted(message_id, generation, status, content, _, _, problem):
            again = f" generation {generation}" if generation else ""
            why = f" ({problem})" if problem else ""
            return f"{names.of(message_id)} {status} {content!r}{again}{why}"
        case MessageDeleted(message_id):
            return f"{names.of(message_id)} deleted"
        case HeadMoved(head_id):
            return f"head {names.of(head_id)}"
        case RunStarted(run_id, mode, agent):
            return f"{names.of(run_id, 'R')} {mode} @{agent.handle if agent else None}"
        case RunStatusChanged(run_id, status, problem):
            return f"{names.of(run_id)} {status}" + (f" ({problem})" if problem else "")
        case MemoryRecalled(run_id, _, citations):
            return f"{names.of(run_id)} recalled {len(citations)}"
        case SessionRenamed(title):
            return f"renamed {title!r}"
        case SessionDeleted():
            return "deleted"
