"""The endpoint's embeddings behind langchain-openai; importing this takes seconds, so it is done late."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import openai
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr

from integrations.embeddings.settings import EmbeddingSettings

# pydantic would print what a malformed response says.
warnings.filterwarnings("ignore", message="Pydantic serializer warnings", category=UserWarning)


class EmbeddingClient:
    """One pool of connections to the endpoint, shared by all calls."""

    def __init__(self, settings: EmbeddingSettings) -> None:
        endpoint = settings.endpoint
        timeout = openai.Timeout(settings.attempt_timeout_s, connect=endpoint.connect_timeout_s)
        self._http = openai.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False)
        self._unused_sync_http = openai.DefaultHttpxClient(timeout=timeout)
        # Without the length check texts go as they are: with it a tokenizer is downloaded, and other
        # servers refuse token arrays. Those also refuse `dimensions`, which only newer models of OpenAI know.
        self._embeddings = OpenAIEmbeddings(
            model=endpoint.model,
            dimensions=settings.dimension if endpoint.model.startswith("text-embedding-3") else None,
            check_embedding_ctx_length=False,
            chunk_size=settings.batch_texts,
            openai_api_base=endpoint.base_url,
            openai_api_key=SecretStr(endpoint.api_key),
            http_async_client=self._http,
            http_client=self._unused_sync_http,
            max_retries=0,
        )

    async def vectors(self, texts: Sequence[str]) -> Sequence[object]:
        """What the endpoint sends for one batch of texts, unchecked.

        Raises:
            Exception: anything that langchain, the SDK or the HTTP client raise.
        """
        return await self._embeddings.aembed_documents(list(texts))

    async def aclose(self) -> None:
        """Close every connection."""
        self._unused_sync_http.close()
        await self._http.aclose()
