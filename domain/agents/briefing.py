"""What an answer is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.agents.entities import AgentSettings
from domain.conversations.entities import Turn
from domain.memory.entities import Recalled


@dataclass(frozen=True, slots=True)
class Briefing:
    """What an answer is made from: the agent, the branch up to the question, and what it was reminded of."""

    settings: AgentSettings
    turns: Sequence[Turn]
    recalled: Sequence[Recalled] = ()
