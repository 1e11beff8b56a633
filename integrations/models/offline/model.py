"""The offline model as a model: its words streamed at a speed that people can read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable

from domain.models.entities import (
    OFFLINE_MODEL,
    ModelChunk,
    ModelFinished,
    ModelRequest,
    ModelUsage,
    TextDelta,
    ToolRequest,
)
from integrations.models.offline.reply import reply

DEFAULT_TOKENS_PER_SECOND = 60.0
BREATH = 32
"""Words between two turns of the event loop when streaming as fast as possible."""
_WORD = re.compile(r"\S+\s*|\s+")

Sleep = Callable[[float], Awaitable[None]]


class OfflineModel:
    """Answers by rules, with no network and at no cost.

    `tokens_per_second` words appear each second; 0 streams as fast as possible.
    """

    def __init__(
        self, *, tokens_per_second: float = DEFAULT_TOKENS_PER_SECOND, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._pause_s = 1 / tokens_per_second if tokens_per_second else 0.0
        self._sleep = sleep

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """Answer `request`; see the gateway's port. A token is a word, cut at `max_tokens` of them."""
        answer = reply(request)
        words = _WORD.findall(answer.text)
        allowed = words[: request.max_tokens]
        for number, word in enumerate(allowed):
            if self._pause_s or number % BREATH == 0:
                await self._sleep(self._pause_s)
            yield TextDelta(word)
        yield ModelFinished(
            model=OFFLINE_MODEL.name,
            finish_reason=_finish_reason(answer.tool_calls, complete=len(allowed) == len(words)),
            usage=_usage(request, spoken=len(allowed), asked=answer.tool_calls),
            cost_micro_usd=0,
            price_known=True,
            tool_calls=answer.tool_calls,
        )


def _finish_reason(tool_calls: tuple[ToolRequest, ...], *, complete: bool) -> str:
    if tool_calls:
        return "tool_calls"
    return "stop" if complete else "length"


def _usage(request: ModelRequest, *, spoken: int, asked: tuple[ToolRequest, ...]) -> ModelUsage:
    heard = sum(len(message.content.split()) for message in request.messages)
    return ModelUsage(
        input_tokens=heard, output_tokens=spoken + sum(len(call.arguments.split()) for call in asked)
    )
