"""Choosing the agent for a message without a target: by capabilities, with confidence and reason (spec S3).

The choice is lexical and deterministic: words of the message are looked for in what the agents say
of themselves, by stem and by topic; what few agents mention counts more than what all do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from domain.agents.entities import Agent, AgentSettings, AgentStatus
from domain.errors import NotFound
from domain.folding import folded
from domain.orchestrator import words

SIMILAR = 0.85
"""A score of at least this share of the best one counts as similar: then a free agent goes before a busy one."""
NAMED_CONFIDENCE = 0.95
GUESS_CONFIDENCE = 0.15
"""When nothing in the message speaks for anyone."""
ONLY_CONFIDENCE = 0.5
"""When there is one agent, and nothing speaks for it."""
READ_CHARACTERS = 4_000
"""How much of a message, from its beginning, is looked at."""
PROMPT_CHARACTERS = 2_000

_NAME, _CAPABILITY, _ROLE, _PROMPT = 3.0, 3.0, 2.0, 0.25
_TOPIC_SHARE = 0.6
"""What a word of the same topic is worth compared with the same word."""
_STRONG = 1.5
"""The score at which half of the full confidence is reached."""
_WEAKEST = 0.5
"""Scores below come from prompts alone and speak for nobody."""
_QUOTED = 3
_WORTH_QUOTING = 0.4
"""The share of the strongest word's worth that another one must have to be given as a reason."""

Profile = Mapping[str, float]
"""Weights of an agent's stems and `#topics`."""


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers, how sure the choice is (0 to 1), and why in one sentence of the message's language."""

    agent: Agent
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    agent: Agent
    score: float
    spoken_for: tuple[str, ...]
    """The message's words that speak for the agent, the strongest first."""

    @property
    def is_ready(self) -> bool:
        return self.agent.queue.status is AgentStatus.READY


def route(content: str, agents: Sequence[Agent]) -> Route:
    """Choose among the agents of a project, in their order.

    READY goes before BUSY at similar scores, ERROR only when the message names the agent, inactive never.

    Raises:
        NotFound: no agent can be chosen; the message says what to do.
    """
    asked = content[:READ_CHARACTERS]
    active = [agent for agent in agents if agent.is_active]
    russian = words.is_russian(asked)
    for agent in active:
        if _is_named(agent.settings, asked):
            return Route(agent, NAMED_CONFIDENCE, _named_reason(agent, russian=russian))
    able = [agent for agent in active if agent.queue.status is not AgentStatus.ERROR]
    if not able:
        raise _nobody(active, russian=russian)
    ranked = _ranked(asked, able)
    if ranked[0].score < _WEAKEST:
        return _guess(able, russian=russian)
    return _best(ranked, russian=russian)


def _ranked(asked: str, agents: Sequence[Agent]) -> list[_Candidate]:
    """Candidates with the best first; equals keep their order."""
    profiles = [_profile(agent.settings) for agent in agents]
    terms = list(dict.fromkeys(filter(words.is_meaningful, words.words(asked))))
    values = {term: _values(term, profiles) for term in terms}
    candidates = [
        _candidate(agent, {term: values[term][index] for term in terms}) for index, agent in enumerate(agents)
    ]
    return sorted(candidates, key=lambda candidate: -candidate.score)


def _candidate(agent: Agent, worth: Mapping[str, float]) -> _Candidate:
    strongest = max(worth.values(), default=0.0)
    speaking = [term for term, value in worth.items() if 0 < value >= _WORTH_QUOTING * strongest]
    return _Candidate(agent, sum(worth.values()), tuple(sorted(speaking, key=lambda term: -worth[term])))


def _values(term: str, profiles: Sequence[Profile]) -> list[float]:
    """What one word of the message is worth for each agent."""
    stem, topics = words.stem(term), words.topics(term)
    values = [
        max(
            profile.get(stem, 0.0),
            max((profile.get(f"#{topic}", 0.0) for topic in topics), default=0.0) * _TOPIC_SHARE,
        )
        for profile in profiles
    ]
    speaking = sum(value >= _WEAKEST for value in values)
    rarity = math.log(1 + len(values) / speaking) if speaking else 1.0
    return [value * rarity * words.weight(term) for value in values]


@lru_cache(maxsize=512)
def _profile(settings: AgentSettings) -> Profile:
    profile: dict[str, float] = {}
    _weigh(profile, words.words(settings.system_prompt[:PROMPT_CHARACTERS]), _PROMPT)
    _weigh(profile, words.words(settings.role), _ROLE)
    _weigh(profile, words.words(f"{settings.name} {settings.handle}"), _NAME)
    _weigh(profile, words.words("\n".join(settings.capabilities)), _CAPABILITY)
    return profile


def _weigh(profile: dict[str, float], found: Iterable[str], weight: float) -> None:
    for word in filter(words.is_meaningful, found):
        for key in (words.stem(word), *(f"#{topic}" for topic in words.topics(word))):
            profile[key] = max(profile.get(key, 0.0), weight * words.weight(word))


def _is_named(settings: AgentSettings, asked: str) -> bool:
    """Whether the message has `@handle` anywhere, or all words of the name one after the other."""
    mentioned = {folded(word.strip(".,:;!?()[]\"'«»")) for word in asked.split() if "@" in word}
    if f"@{folded(settings.handle)}" in mentioned:
        return True
    name = [words.stem(word) for word in words.words(settings.name)]
    if len(name) < 2:  # one word may be meant as itself: "python"
        return False
    said = [words.stem(word) for word in words.words(asked)]
    return any(said[start : start + len(name)] == name for start in range(len(said) - len(name) + 1))


def _best(ranked: Sequence[_Candidate], *, russian: bool) -> Route:
    best = ranked[0]
    similar = [candidate for candidate in ranked if candidate.score >= SIMILAR * best.score]
    chosen = next((candidate for candidate in similar if candidate.is_ready), best)
    rival = max((c.score for c in ranked if c is not chosen), default=0.0)
    sureness = chosen.score / (chosen.score + _STRONG)
    confidence = max(
        GUESS_CONFIDENCE, min(NAMED_CONFIDENCE, sureness * chosen.score / (chosen.score + rival))
    )
    return Route(chosen.agent, round(confidence, 2), _best_reason(chosen, best, russian=russian))


def _guess(able: Sequence[Agent], *, russian: bool) -> Route:
    """Nothing speaks for anyone: one who does everything, or the first who is free."""
    only = len(able) == 1
    free = [agent for agent in able if agent.queue.status is AgentStatus.READY] or able
    chosen = next((agent for agent in free if "#general" in _profile(agent.settings)), free[0])
    confidence = ONLY_CONFIDENCE if only else GUESS_CONFIDENCE
    return Route(chosen, confidence, _guess_reason(chosen, only=only, russian=russian))


def _named_reason(agent: Agent, *, russian: bool) -> str:
    name = agent.settings.name
    return f"В сообщении назван агент {name}." if russian else f"The message names {name}."


def _best_reason(chosen: _Candidate, best: _Candidate, *, russian: bool) -> str:
    name = chosen.agent.settings.name
    opening, closing = ("«", "»") if russian else ("“", "”")
    about = ", ".join(f"{opening}{term[:30]}{closing}" for term in chosen.spoken_for[:_QUOTED])
    if russian:
        busy = "" if chosen is best else f" ({best.agent.settings.name} тоже подходит, но занят)"
        return f"Лучше всего подходит {name}{busy}: в сообщении есть {about}."
    busy = "" if chosen is best else f" ({best.agent.settings.name} fits too, but is busy)"
    return f"{name} fits best{busy}: the message speaks of {about}."


def _guess_reason(agent: Agent, *, only: bool, russian: bool) -> str:
    name = agent.settings.name
    if only:
        return (
            f"Сейчас отвечать может только {name}."
            if russian
            else f"{name} is the only agent that can answer now."
        )
    if russian:
        return f"Ничто в сообщении не указывает на определённого агента, поэтому отвечает {name}."
    return f"Nothing in the message points at an agent, so {name} answers."


def _nobody(active: Sequence[Agent], *, russian: bool) -> NotFound:
    if not active:
        return NotFound(
            "agent",
            "В этом проекте нет активных агентов: создайте или включите хотя бы одного."
            if russian
            else "This project has no active agent: create or activate one first.",
        )
    named = ", ".join(f"@{agent.settings.handle}" for agent in active)
    return NotFound(
        "agent",
        f"Последние три запуска каждого агента не удались. Назовите агента сами ({named}) или измените его настройки."
        if russian
        else f"Every agent has failed three times in a row. Name one yourself ({named}) or edit its settings.",
    )
