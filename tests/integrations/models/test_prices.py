"""What tokens cost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from domain.models.entities import ModelUsage
from integrations.models.prices import MAX_REMEMBERED_WARNINGS, Cost, ModelPrices, TokenPrice, prices_of
from tests.integrations.models.calls import clock


def _prices(**overrides: TokenPrice) -> ModelPrices:
    return ModelPrices(overrides=overrides, clock=clock)


@pytest.mark.parametrize(
    ("provider", "name", "micro_usd"),
    [
        ("openai", "gpt-4.1", 2_800),
        ("openai", "gpt-4o-mini", 210),
        ("openrouter", "openai/gpt-4.1", 2_800),
        ("openai", "openrouter/openai/gpt-4.1", 2_800),
        ("litellm", "openai/gpt-4.1", 2_800),
        ("openai", "claude-3-5-haiku-latest", 1_200),
    ],
)
def test_a_listed_model_has_its_price(provider: str, name: str, micro_usd: int) -> None:
    assert _prices().cost(provider, name, ModelUsage(1_000, 100)) == Cost(micro_usd, known=True)


def test_input_from_the_cache_has_its_own_price() -> None:
    cost = _prices().cost("openai", "gpt-4.1", ModelUsage(1_000, 100), cached_input_tokens=500)

    assert cost == Cost(2_050, known=True)


@pytest.mark.parametrize(
    ("provider", "name"),
    [("openai", "my-own-model"), ("ollama", "deepseek-r1"), ("acme", "gpt-4.1"), ("openai", ""), ("", "")],
)
def test_an_unknown_model_costs_nothing_and_says_that_it_is_unknown(provider: str, name: str) -> None:
    assert _prices().cost(provider, name, ModelUsage(1_000, 100)) == Cost(0, known=False)


def test_an_unknown_model_is_warned_about_once() -> None:
    prices = _prices()

    with capture_logs() as logs:
        for name in ("mystery", "mystery", "riddle"):
            prices.cost("openai", name, ModelUsage(1, 1))

    assert [(log["event"], log["model"], log["log_level"]) for log in logs] == [
        ("model_price_unknown", "mystery", "warning"),
        ("model_price_unknown", "riddle", "warning"),
    ]


def test_warnings_about_ever_new_names_end() -> None:
    prices = _prices()

    with capture_logs() as logs:
        for number in range(MAX_REMEMBERED_WARNINGS + 5):
            prices.cost("nobody", f"x{number}", ModelUsage(1, 1))

    assert len(logs) == MAX_REMEMBERED_WARNINGS


def test_the_deployments_own_price_comes_first() -> None:
    own = TokenPrice(Decimal("1.5"), Decimal(6))
    prices = ModelPrices(
        overrides={"gpt-4.1": own, "azure/gpt-4.1": TokenPrice(Decimal(0), Decimal(0))}, clock=clock
    )

    assert prices.cost("openai", "gpt-4.1", ModelUsage(1_000, 100)) == Cost(2_100, known=True)
    assert prices.cost("azure", "gpt-4.1", ModelUsage(1_000, 100)) == Cost(0, known=True)


@pytest.mark.parametrize(("tokens", "micro_usd"), [(1, 1), (2, 1), (3, 2), (5, 3), (0, 0)])
def test_half_a_micro_dollar_is_rounded_up(tokens: int, micro_usd: int) -> None:
    prices = _prices(m=TokenPrice(Decimal("0.5"), Decimal(0)))

    assert prices.cost("openai", "m", ModelUsage(tokens, 0)).micro_usd == micro_usd


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**5), st.integers(0, 10**5))
def test_a_cost_is_exact_to_half_a_micro_dollar(
    tokens_in: int, tokens_out: int, price_in: int, price_out: int
) -> None:
    prices = _prices(m=TokenPrice(Decimal(price_in) / 1000, Decimal(price_out) / 1000))

    cost = prices.cost("openai", "m", ModelUsage(tokens_in, tokens_out)).micro_usd

    assert abs(cost * 1000 - (tokens_in * price_in + tokens_out * price_out)) <= 500


def test_settings_become_prices() -> None:
    table = {"m": {"input_per_million_usd": 0.1, "output_per_million_usd": 2}}

    assert prices_of(table) == {"m": TokenPrice(Decimal("0.1"), Decimal(2))}


@pytest.mark.parametrize(
    "row",
    [
        {"input_per_million_usd": 1.0},
        {"input_per_million_usd": -1.0, "output_per_million_usd": 1.0},
        {"input_per_million_usd": float("nan"), "output_per_million_usd": 1.0},
        {"input_per_million_usd": float("inf"), "output_per_million_usd": 1.0},
    ],
)
def test_a_price_that_is_none_is_refused_by_name(row: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="price of my-model needs"):
        prices_of({"my-model": row})


def test_the_list_can_be_loaded_ahead() -> None:
    prices = _prices()

    prices.load()

    assert prices.cost("openai", "gpt-4.1", ModelUsage(0, 0)) == Cost(0, known=True)
