"""How the tests of the model adapters make calls and what they keep of the answers."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.models.entities import (
    ChatMessage,
    ChatRole,
    ModelChunk,
    ModelFinished,
    ModelRef,
    ModelRequest,
    TextDelta,
    ToolOffer,
)
from integrations.models.openai import OpenAiModel
from integrations.models.prices import ModelPrices
from integrations.models.settings import OpenAiSettings

KEY = "sk-test-secret-key"
MODEL = ModelRef("openai", "gpt-4.1")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    """A moment that does not pass."""
    return NOW


@dataclass(slots=True)
class Sleeps:
    """A sleep that takes no time and remembers what it was asked for."""

    asked_s: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)


@dataclass(slots=True)
class Heard:
    """What came of one answer."""

    deltas: list[str] = field(default_factory=list)
    ends: list[ModelFinished] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.deltas)

    @property
    def end(self) -> ModelFinished:
        (end,) = self.ends
        return end

    async def listen(self, chunks: AsyncGenerator[ModelChunk, None]) -> "Heard":
        """Keep everything until the stream ends or fails."""
        async for chunk in chunks:
            match chunk:
                case TextDelta(text):
                    assert not self.ends, "nothing follows the end"
                    self.deltas.append(text)
                case ModelFinished():
                    self.ends.append(chunk)
        return self


def asking(
    text: str,
    *,
    model: ModelRef = MODEL,
    tools: tuple[ToolOffer, ...] = (),
    before: tuple[ChatMessage, ...] = (),
    after: tuple[ChatMessage, ...] = (),
    max_tokens: int = 1_000,
) -> ModelRequest:
    """A request whose last question is `text`."""
    messages = (*before, ChatMessage(ChatRole.USER, text), *after)
    return ModelRequest(model, messages, temperature=0.25, max_tokens=max_tokens, tools=tools)


def endpoint(
    base_url: str,
    *,
    sleep: Sleeps | None = None,
    connect_timeout_s: float = 5.0,
    first_token_timeout_s: float = 10.0,
    chunk_timeout_s: float = 10.0,
    tail_timeout_s: float = 5.0,
    total_timeout_s: float = 30.0,
    max_attempts: int = 3,
) -> OpenAiModel:
    """The adapter for a server on this machine; backing off takes no time."""
    settings = OpenAiSettings(
        api_key=KEY,
        model="gpt-4.1-mini",
        base_url=base_url,
        connect_timeout_s=connect_timeout_s,
        first_token_timeout_s=first_token_timeout_s,
        chunk_timeout_s=chunk_timeout_s,
        tail_timeout_s=tail_timeout_s,
        total_timeout_s=total_timeout_s,
        max_attempts=max_attempts,
    )
    prices = ModelPrices(overrides={}, clock=clock)
    return OpenAiModel(settings, prices=prices, clock=clock, sleep=sleep or Sleeps(), jitter=lambda: 1.0)
