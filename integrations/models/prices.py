"""What tokens cost: the offline list of genai-prices, and a deployment's own prices before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import structlog

from domain.models.entities import ModelUsage
from domain.ports import Clock

MICRO: Final = Decimal(1_000_000)
MAX_REMEMBERED_WARNINGS = 1_000
"""Names warned about and remembered; users choose names, so they are bounded."""


GENERIC_PROVIDER = "openai"
"""What agents name when they mean "the configured endpoint", whoever runs it."""


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """What a deployment pays for one model, in USD per million tokens."""

    input_per_million_usd: Decimal
    output_per_million_usd: Decimal


@dataclass(frozen=True, slots=True)
class Cost:
    """The price of one call in integer micro-USD; 0 when it is not known."""

    micro_usd: int
    known: bool


class ModelPrices:
    """Costs of calls, with no network: overrides first, then the list that came with the library.

    `overrides` are keyed by the model's name, or by `provider/name` where the same name costs
    differently. The list takes most of a second to load: `load` does it ahead, off the event loop.
    """

    def __init__(self, *, overrides: Mapping[str, TokenPrice], clock: Clock) -> None:
        self._overrides = dict(overrides)
        self._clock = clock
        self._warned: set[str] = set()

    def load(self) -> None:
        """Read the list into memory; blocks for up to a second."""
        import genai_prices.data  # noqa: F401 - loaded for its effect, so that `cost` does not stall

    def cost(self, provider: str, name: str, usage: ModelUsage, *, cached_input_tokens: int = 0) -> Cost:
        """The price of `usage`, rounded half up; cached input is part of the input, at its own price.

        An unknown model costs 0 and is warned about once.
        """
        usd = self._own(provider, name, usage)
        if usd is None:
            usd = self._listed(provider, name, usage, cached_input_tokens)
        if usd is None:
            self._warn(name)
            return Cost(0, known=False)
        return Cost(int((usd * MICRO).quantize(Decimal(1), ROUND_HALF_UP)), known=True)

    def _own(self, provider: str, name: str, usage: ModelUsage) -> Decimal | None:
        price = self._overrides.get(f"{provider}/{name}", self._overrides.get(name))
        if price is None:
            return None
        spent = price.input_per_million_usd * usage.input_tokens
        return (spent + price.output_per_million_usd * usage.output_tokens) / MICRO

    def _listed(self, provider: str, name: str, usage: ModelUsage, cached: int) -> Decimal | None:
        from genai_prices import Usage, calc_price

        spent = Usage(
            input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, cache_read_tokens=cached
        )
        for listed_provider, model in _candidates(provider, name):
            try:
                price = calc_price(
                    spent, model, provider_id=listed_provider, genai_request_timestamp=self._clock()
                )
            except (LookupError, ValueError):
                continue
            return price.total_price
        return None

    def _warn(self, name: str) -> None:
        if name in self._warned or len(self._warned) >= MAX_REMEMBERED_WARNINGS:
            return
        self._warned.add(name)
        structlog.get_logger(__name__).warning("model_price_unknown", model=name)


def _candidates(provider: str, name: str) -> Iterator[tuple[str | None, str]]:
    """The ways in which the list may know the model, the most exact first.

    Gateways put the provider before the name (`openrouter/openai/gpt-4.1`): each prefix is tried as
    the provider of what follows it. Only the generic provider `openai` lets a bare name speak for
    itself: what an `ollama` runs under a paid model's name costs nothing.
    """
    yield provider, name
    rest = name
    while "/" in rest:
        prefix, rest = rest.split("/", 1)
        yield prefix, rest
    if "/" not in name and provider == GENERIC_PROVIDER:
        yield None, name


def prices_of(table: Mapping[str, Mapping[str, float]]) -> dict[str, TokenPrice]:
    """The overrides in a settings table: model name to input and output price in USD per million tokens.

    Raises:
        ValueError: a price is missing or not a price; the message names the model and the key.
    """
    return {
        name: TokenPrice(_usd(name, row, "input_per_million_usd"), _usd(name, row, "output_per_million_usd"))
        for name, row in table.items()
    }


def _usd(name: str, row: Mapping[str, float], key: str) -> Decimal:
    try:
        usd = Decimal(str(row[key]))
    except (KeyError, ArithmeticError):
        usd = Decimal("NaN")
    if not usd.is_finite() or usd < 0:
        raise ValueError(f"The price of {name} needs {key}, a number of USD per million tokens from 0.")
    return usd
