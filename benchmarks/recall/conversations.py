"""Long conversations made of written facts, near topics and chatter, and the questions asked at their end."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NotRequired, TypedDict, cast

_DATA = Path(__file__).parent / "data"
HALVES = ("tune", "test")
LANGUAGES = ("en", "ru")
CONVERSATIONS = 5
"""Of each language and half; each has all facts of its half, with values of its own."""
CHATTER = 80
TYPOS = 0.2
"""The part of the questions that is misspelled."""
SPAN = timedelta(days=60)
END = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

_NAMED = frozenset({"sister", "boss", "daughter", "landlord"})
_NOTED = {
    "en": ("Noted.", "Got it, I'll keep that in mind.", "Thanks for telling me.", "All right!"),
    "ru": ("Записал.", "Хорошо, буду иметь в виду.", "Спасибо, что сказали.", "Понятно!"),
}
_NEAR = {
    "en": (
        "Let me think about it.",
        "It depends on a few things.",
        "I see, that happens.",
        "Sure, one moment.",
    ),
    "ru": ("Надо подумать.", "Зависит от обстоятельств.", "Понимаю, бывает.", "Конечно, минуту."),
}
_SLOTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "name": ("Paul", "Irene", "Victor", "Yuki", "Bea", "Anton"),
        "city": ("Lyon", "Bergen", "Split", "Graz", "Lisbon", "Riga", "Chicago"),
        "thing": (
            "report",
            "budget draft",
            "contract",
            "invoice",
            "slide deck",
            "survey",
            "grant letter",
            "key list",
        ),
    },
    "ru": {
        "name": ("Павел", "Ирина", "Виктор", "Юля", "Белла", "Антон"),
        "city": ("Вологда", "Анапа", "Калуга", "Томск", "Рига", "Минск"),
        "thing": ("отчёт", "черновик бюджета", "договор", "счёт", "презентация", "опрос", "письмо о гранте"),
    },
}


@dataclass(frozen=True, slots=True)
class Said:
    """One turn: what the user said, what was answered, and which fact it states, if any."""

    user: str
    answer: str
    fact: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the index of the turn that answers it.

    `kind` is `direct` (in words of the statement, mostly), `paraphrase` (in others), or either `misspelled`.
    """

    text: str
    turn: int
    kind: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns in order, evenly spread over SPAN, and what is asked after them."""

    language: str
    half: str
    turns: Sequence[Said]
    asked: Sequence[Asked]

    def at(self, turn: int) -> datetime:
        """When a turn was."""
        return END - SPAN + SPAN * (turn + 1) / len(self.turns)


class _Fact(TypedDict):
    half: str
    topic: str
    told: Sequence[str]
    values: Sequence[str]
    near: Sequence[str]
    direct: Sequence[str]
    paraphrase: Sequence[str]
    was: NotRequired[str]
    lead: NotRequired[str]


class _Chatter(TypedDict):
    half: str
    ask: str
    answer: str


@dataclass(slots=True)
class _Draft:
    """Blocks of turns that stay together, each at a moment between 0 and 1."""

    blocks: list[tuple[float, Sequence[Said]]] = field(default_factory=list)

    def add(self, moment: float, *turns: Said) -> None:
        self.blocks.append((moment, turns))

    def turns(self) -> list[Said]:
        return [turn for _, block in sorted(self.blocks, key=lambda block: block[0]) for turn in block]


def conversations(half: str) -> Sequence[Conversation]:
    """All conversations of a half; the same ones every time. The halves share neither facts nor questions."""
    return [
        _conversation(language, half, number) for language in LANGUAGES for number in range(CONVERSATIONS)
    ]


def _conversation(language: str, half: str, number: int) -> Conversation:
    chance = random.Random(f"{language} {half} {number}")
    facts = [fact for fact in _facts(language) if fact["half"] == half]
    draft = _Draft()
    for fact in facts:
        _tell(draft, fact, number, language, chance)
    _chat(draft, facts, number, language, half, chance)
    turns = draft.turns()
    told = {turn.fact: place for place, turn in enumerate(turns) if turn.fact}
    asked = [each for fact in facts for each in _questions(fact, told[fact["topic"]], number, chance)]
    return Conversation(language, half, turns, asked)


def _tell(draft: _Draft, fact: _Fact, number: int, language: str, chance: random.Random) -> None:
    """The fact, what was true before it, and what is near to it."""
    moment = chance.random()
    value = fact["values"][number % len(fact["values"])]
    noted, near = _NOTED[language], _NEAR[language]
    turns = [Said(chance.choice(fact["told"]).format(v=value), chance.choice(noted), fact["topic"])]
    if lead := fact.get("lead"):
        turns.insert(0, Said(lead, chance.choice(near)))
    draft.add(moment, *turns)
    if was := fact.get("was"):
        before = fact["values"][(number + 2) % len(fact["values"])]
        draft.add(moment * chance.random(), Said(was.format(v=before), chance.choice(noted)))
    for text in fact["near"]:
        draft.add(chance.random(), Said(text, chance.choice(near)))


def _chat(
    draft: _Draft, facts: Sequence[_Fact], number: int, language: str, half: str, chance: random.Random
) -> None:
    """Turns about nothing that is asked, in which names of the facts come up as well."""
    slots = _SLOTS[language]
    named = [fact["values"][number % len(fact["values"])] for fact in facts if fact["topic"] in _NAMED]
    templates = [each for each in _chatter(language) if each["half"] == half]
    for _ in range(CHATTER):
        template = chance.choice(templates)
        n, m = chance.randint(2, 9), chance.randint(11, 40)
        filled = {
            "name": chance.choice([*slots["name"], *named]),
            "city": chance.choice(slots["city"]),
            "city2": chance.choice(slots["city"]),
            "thing": chance.choice(slots["thing"]),
        } | {"n": str(n), "m": str(m), "p": str(n * m)}
        said = Said(template["ask"].format(**filled), template["answer"].format(**filled))
        draft.add(chance.random(), said)


def _questions(fact: _Fact, turn: int, number: int, chance: random.Random) -> Iterator[Asked]:
    """One question of each kind about a fact; conversations differ in the words."""
    for kind, forms in (("direct", fact["direct"]), ("paraphrase", fact["paraphrase"])):
        text = forms[number % len(forms)]
        if chance.random() < TYPOS:
            yield Asked(misspelled(text, chance), turn, "misspelled")
        else:
            yield Asked(text, turn, kind)


def misspelled(text: str, chance: random.Random) -> str:
    """The text with two neighbouring letters swapped inside its longest word."""
    word = max(text.split(), key=len)
    place = chance.randint(1, len(word) - 3)
    swapped = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return text.replace(word, swapped, 1)


def _facts(language: str) -> Sequence[_Fact]:
    return cast("Sequence[_Fact]", _rows(f"facts_{language}"))


def _chatter(language: str) -> Sequence[_Chatter]:
    return cast("Sequence[_Chatter]", _rows(f"chatter_{language}"))


def _rows(name: str) -> Sequence[object]:
    lines = (_DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
