"""Puts the models together: the offline one always, the endpoint when there is a key."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from graphql_api.app.stores import utc_now
from integrations.models.gateway import ModelRouter
from integrations.models.offline.model import OfflineModel
from integrations.models.openai import OpenAiModel
from integrations.models.prices import ModelPrices, prices_of
from integrations.models.settings import OpenAiSettings

if TYPE_CHECKING:
    from graphql_api.app.settings import Settings


def model_router(settings: Settings, stack: AsyncExitStack) -> ModelRouter:
    """The gateway to every model; the endpoint's client is loaded in the background."""
    offline = OfflineModel(tokens_per_second=settings.offline_tokens_per_second)
    endpoint = _endpoint(settings)
    router = ModelRouter(offline_model=offline, endpoint=endpoint)
    if endpoint is not None:
        stack.push_async_callback(endpoint.aclose)
        endpoint.warm_up()
    return router


def _endpoint(settings: Settings) -> OpenAiModel | None:
    if settings.openai_api_key is None:
        return None
    overrides = {name: price.model_dump() for name, price in settings.model_prices.items()}
    prices = ModelPrices(overrides=prices_of(overrides), clock=utc_now)
    bounds = OpenAiSettings(
        api_key=settings.openai_api_key.get_secret_value(),
        model=settings.openai_model,
        base_url=settings.openai_base_url,
        connect_timeout_s=settings.model_connect_timeout_seconds,
        first_token_timeout_s=settings.model_first_token_timeout_seconds,
        chunk_timeout_s=settings.model_chunk_timeout_seconds,
        total_timeout_s=settings.model_total_timeout_seconds,
        max_attempts=settings.model_max_attempts,
        retry_after_cap_s=settings.model_retry_after_cap_seconds,
    )
    return OpenAiModel(bounds, prices=prices, clock=utc_now)
