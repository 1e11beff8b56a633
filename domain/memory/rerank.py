"""Letting a model order what was found before an answer, where the deployment wants it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from domain.memory.entities import MAX_QUERY, Recalled
from domain.memory.judge import Judge
from domain.models.entities import ModelRef
from domain.models.ports import ModelProblem

log = logging.getLogger("codelab.memory")

SHOWN = 12
"""How many of the best are ordered anew; the rest stay behind them."""
MAX_SHOWN_TEXT = 600
"""Characters of a memory that the model is shown."""
ANSWER_S = 2.0
"""The longest that an answer is kept waiting for the order."""
TASK = (
    "`question` is asked of an assistant, `notes` are its memories by number. Name the notes that help to answer,"
    " the most helpful first, and none that do not help."
)


class Rerank:
    """Orders memories by one short question to a model. `told` hears whether it gave an order."""

    def __init__(
        self, judge: Judge, *, told: Callable[[bool], None] = lambda _: None, answer_s: float = ANSWER_S
    ) -> None:
        self._judge = judge
        self._told = told
        self._answer_s = answer_s

    async def __call__(
        self, question: str, found: Sequence[Recalled], *, model: ModelRef
    ) -> Sequence[Recalled]:
        """All that was found: what the model names first, the rest as it was; unchanged if no order comes in time.

        `model` is the agent's own: the memories of one that answers offline are not shown.
        """
        shown = found[:SHOWN]
        if len(shown) < 2 or not self._judge.may_see(model):
            return found
        numbers = await self._order(question, shown)
        self._told(numbers is not None)
        first = [shown[number - 1] for number in numbers or ()]
        return [*first, *(it for it in found if it not in first)]

    async def _order(self, question: str, shown: Sequence[Recalled]) -> Sequence[int] | None:
        notes = [{"number": n, "text": it.memory.text[:MAX_SHOWN_TEXT]} for n, it in enumerate(shown, 1)]
        data = {"question": question[:MAX_QUERY], "notes": notes}
        try:
            return await self._judge.numbers(TASK, data, most=len(shown), timeout_s=self._answer_s)
        except ModelProblem as problem:
            log.warning("memories keep their order: %s", problem.message)
            return None
