"""What stands in a system prompt as memories: data to answer from, apart from what the prompt asks for."""

from __future__ import annotations

import re

from domain.agents.prompt import REMEMBERED

MAX_MEMORIES = 20
MAX_MEMORY = 2_000
"""Characters of a memory that are read."""

_MEMORY = re.compile(r"<memory>\n(.*?)\n</memory>", re.DOTALL)
_ANSWER = re.compile(r"^@[\w-]+: ", re.MULTILINE)
_OF_THE_USER = re.compile(r"\b(?:the )?user's\b", re.IGNORECASE)
_USER = "User: "


def without_memories(prompt: str) -> str:
    """The prompt's own words: nothing that stands in a memory is ever read as an instruction."""
    return prompt.partition(REMEMBERED)[0].rstrip()


def told_in_memories(prompt: str) -> tuple[str, ...]:
    """What the user said or noted in each memory, the best memory first; answers are left out."""
    memories = [found[1][:MAX_MEMORY] for found in _MEMORY.finditer(prompt.partition(REMEMBERED)[2])]
    told = (_told(memory) for memory in memories[:MAX_MEMORIES])
    return tuple(each for each in told if each)


def _told(memory: str) -> str:
    """The question of a turn, or a note whole, as the user would say it."""
    if memory.startswith(_USER):
        return _ANSWER.split(memory.removeprefix(_USER), maxsplit=1)[0].strip()
    return _OF_THE_USER.sub("my", memory).strip()
