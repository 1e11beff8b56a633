"""A model that does as it is told, by chance: speaks in pieces, fails, breaks, or says nothing."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from domain.models.entities import ModelChunk, ModelFinished, ModelRef, ModelRequest, ModelUsage, TextDelta
from domain.models.ports import ModelProblem, ModelProblemKind


@dataclass(frozen=True, slots=True)
class Temper:
    """Probabilities of what else a call may do than answer, and the longest pause between two pieces, in seconds."""

    fails: float = 0.06
    breaks: float = 0.02
    hangs: float = 0.03
    pause_s: float = 0.02


@dataclass
class ScriptedModel:
    """The gateway of one process; counts how its calls ended."""

    chance: random.Random
    temper: Temper = Temper()
    calls: Counter[str] = field(default_factory=Counter)

    default_name = "scripted"
    offline = True

    def resolve(self, model: ModelRef) -> ModelRef:
        return model

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        self.calls["begun"] += 1
        fate, temper = self.chance.random(), self.temper
        text = answer_to(request.messages[-1].content)
        cuts = sorted(self.chance.sample(range(1, len(text)), 3))
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            await asyncio.sleep(self.chance.random() * temper.pause_s)
            yield TextDelta(text[start:end])
            if fate < temper.fails:
                raise ModelProblem(ModelProblemKind.UNAVAILABLE, "The model is down.")
            if fate < temper.fails + temper.breaks:
                raise RuntimeError("a fault of the adapter")
            if fate < temper.fails + temper.breaks + temper.hangs:
                await asyncio.sleep(3_600)
        self.calls["finished"] += 1
        yield ModelFinished("scripted", "stop", ModelUsage(1, 4), 7, price_known=True, tool_calls=())


def answer_to(question: str) -> str:
    """The whole answer that belongs to a question."""
    return f"This is all that there is to say about {question}"
