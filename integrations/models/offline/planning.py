"""The rule that answers a request for a plan with JSON: stages one after another, tasks side by side."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from domain.models.entities import PLAN_MARKER
from integrations.models.offline.conversation import Conversation, Reply

_AGENT = re.compile(r"^[ \t]*-[ \t]*@(?P<handle>[\w-]+)[ \t]*:?(?P<capabilities>.*)$", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*(?:\d+[.)]|[-*•])[ \t]+(?P<step>.+)$", re.MULTILINE)
_THEN = re.compile(
    r"(?<![\s,;.])[\s,;.]*\b(?:and\s+then|after\s+that|then|и\s+затем|и\s+потом|после\s+этого|затем|потом)\b[\s,:]*",
    re.IGNORECASE,
)
_MENTION = re.compile(r"@(?P<handle>[\w-]+)[,:]?\s*")
_WORD = re.compile(r"[^\W\d_]{3,}")
STEM_LENGTH = 5
"""Words count as the same when they begin alike: a crude stem for both languages."""


@dataclass(frozen=True, slots=True)
class _Agent:
    handle: str
    stems: frozenset[str]


def plan(conversation: Conversation) -> Reply | None:
    """A plan as JSON `{goal, tasks: [{key, description, agent, dependsOn}]}`; handles without @.

    Each task depends on all tasks of the stage before its own. The agent is the one that the step
    mentions, else the one whose handle and capabilities share most words with it, else the first.
    """
    if PLAN_MARKER not in conversation.system:
        return None
    agents = [
        _Agent(a["handle"], _stems(f"{a['handle']} {a['capabilities']}"))
        for a in _AGENT.finditer(conversation.system)
    ]
    tasks = _tasks(_stages(conversation.said), agents) if agents else []
    return Reply(json.dumps({"goal": conversation.said, "tasks": tasks}, ensure_ascii=False))


def _stages(goal: str) -> list[list[str]]:
    """The steps of each stage; a list of two lines or more makes each of its lines a stage."""
    listed = [found["step"] for found in _NUMBERED.finditer(goal)]
    parts = listed if len(listed) > 1 else _THEN.split(goal)
    stages = [[step for each in part.split(";") if (step := each.strip(" \n\t.,"))] for part in parts]
    return [stage for stage in stages if stage]


def _tasks(stages: list[list[str]], agents: list[_Agent]) -> list[dict[str, object]]:
    tasks: list[dict[str, object]] = []
    previous: list[str] = []
    for stage in stages:
        keys = [f"t{len(tasks) + number}" for number in range(1, len(stage) + 1)]
        tasks.extend(_task(key, step, agents, previous) for key, step in zip(keys, stage, strict=True))
        previous = keys
    return tasks


def _task(key: str, step: str, agents: list[_Agent], depends_on: list[str]) -> dict[str, object]:
    description = _MENTION.sub("", step).strip() or step
    return {
        "key": key,
        "description": description,
        "agent": _agent_for(step, agents).handle,
        "dependsOn": list(depends_on),
    }


def _agent_for(step: str, agents: list[_Agent]) -> _Agent:
    by_handle = {agent.handle.casefold(): agent for agent in agents}
    for mention in _MENTION.finditer(step):
        if named := by_handle.get(mention["handle"].casefold()):
            return named
    wanted = _stems(step)
    return max(agents, key=lambda agent: len(wanted & agent.stems))


def _stems(text: str) -> frozenset[str]:
    spaced = re.sub(r"(?<=[a-zа-яё])(?=[A-ZА-ЯЁ])", " ", text)
    return frozenset(word.casefold()[:STEM_LENGTH] for word in _WORD.findall(spaced))
