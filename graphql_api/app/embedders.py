"""Makes embedders: the configured one, and those of collections that were made before it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql_api.app.stores import utc_now
from integrations.embeddings.lexical import LexicalEmbedder

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from domain.memory.ports import Embedder, Space
    from graphql_api.app.settings import Settings
    from integrations.embeddings.openai import OpenAiEmbedder

EMBEDDING_S = 60.0
"""The longest call for vectors, all attempts together."""


class Embedders:
    """One embedder for each space, made when it is first needed; the stack closes them."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._made: dict[tuple[str, int], OpenAiEmbedder] = {}
        self._lexical = LexicalEmbedder()

    def configured(self) -> Embedder:
        """The one that the settings name: the endpoint's model, or words alone."""
        model, key = self._settings.embedding_model, self._settings.openai_api_key
        if model is None or key is None:
            return self._lexical
        embedder = self._endpoints(key.get_secret_value(), model, self._settings.embedding_dimension)
        embedder.warm_up()
        return embedder

    def of(self, space: Space) -> Embedder | None:
        """The one that made a space's vectors: built in, or asked of the same endpoint while there is a key."""
        if space.compares_with(self._lexical.space):
            return self._lexical
        key = self._settings.openai_api_key
        if key is None or space.model == self._lexical.space.model:
            return None
        return self._endpoints(key.get_secret_value(), space.model, space.dimension)

    def _endpoints(self, key: str, model: str, dimension: int) -> OpenAiEmbedder:
        if (model, dimension) not in self._made:
            self._made[model, dimension] = self._make(key, model, dimension)
        return self._made[model, dimension]

    def _make(self, key: str, model: str, dimension: int) -> OpenAiEmbedder:
        from integrations.embeddings.openai import OpenAiEmbedder
        from integrations.embeddings.settings import EmbeddingSettings
        from integrations.models.settings import OpenAiSettings

        settings = self._settings
        endpoint = OpenAiSettings(
            api_key=key,
            model=model,
            base_url=settings.openai_base_url,
            connect_timeout_s=settings.model_connect_timeout_seconds,
            total_timeout_s=EMBEDDING_S,
            max_attempts=settings.model_max_attempts,
        )
        embedder = OpenAiEmbedder(EmbeddingSettings(endpoint, dimension=dimension), clock=utc_now)
        self._stack.push_async_callback(embedder.aclose)
        return embedder
