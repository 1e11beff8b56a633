"""Any OpenAI-compatible endpoint as an embedder: batches, cache, retries, and nothing but whole answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from domain.memory.ports import EmbeddingFailed, Space, TextRefused, Vector
from domain.models.ports import ModelProblem, ModelProblemKind
from domain.ports import Clock
from integrations.embeddings.settings import EmbeddingSettings
from integrations.embeddings.vectors import Kept, VectorCache, normalised
from integrations.models.late import LateClient
from integrations.models.retries import Jitter, pause_s

if TYPE_CHECKING:
    from integrations.embeddings.langchain_client import EmbeddingClient

Sleep = Callable[[float], Awaitable[None]]

_TRIED_AGAIN = frozenset(
    {
        ModelProblemKind.RATE_LIMITED,
        ModelProblemKind.UNAVAILABLE,
        ModelProblemKind.CUT_OFF,
        ModelProblemKind.TIMED_OUT,
    }
)
_NOT_TAKEN = frozenset({ModelProblemKind.TOO_LONG, ModelProblemKind.BAD_REQUEST})
SHORTEST = 250
"""Characters: what is refused in this length is not refused for its length."""
_ANY_TEXT = "text"
_SAID = {
    ModelProblemKind.TIMED_OUT: "The embedding model did not answer in time.",
    ModelProblemKind.TOO_LONG: "The text is too long for the embedding model.",
    ModelProblemKind.BAD_REQUEST: "The embedding model does not accept this request. Check its name and dimension.",
}
"""Where a chat model's problem would be told in words that do not fit."""


class OpenAiEmbedder:
    """Vectors of the configured model, of length 1.

    The client library takes seconds to import, so that happens in a thread at the first call, or
    earlier when `warm_up` was called.
    """

    def __init__(
        self,
        settings: EmbeddingSettings,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        jitter: Jitter = random.random,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._cache = VectorCache(settings.cached_vectors)
        self._requests = asyncio.Semaphore(settings.max_requests)
        self._client = LateClient(self._load, name="load-embedding-client")

    @property
    def space(self) -> Space:
        """What its vectors can be compared with."""
        return Space(self._settings.endpoint.model, self._settings.dimension)

    @property
    def label(self) -> str:
        """The model's name."""
        return self._settings.endpoint.model

    def warm_up(self) -> None:
        """Begin loading the client in the background; calling it again does nothing."""
        self._client.warm_up()

    async def aclose(self) -> None:
        """Close all connections; calls that are still open fail."""
        await self._client.aclose()

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector for each text, in order; what came before a failure is not asked for again.

        A text that is too long for the model is compared by its beginning.

        Raises:
            EmbeddingFailed: also when a vector has another dimension or is missing. TextRefused: the model answers, but
                takes one of the texts in no length.
        """
        _check_sendable(texts)
        vectors = self._cache.find(texts)
        if missing := [text for text in dict.fromkeys(texts) if text not in vectors]:
            client = await self._client.get()
            try:
                async with asyncio.timeout(self._settings.endpoint.total_timeout_s):
                    vectors |= await self._fetched(client, missing)
            except TimeoutError:
                raise EmbeddingFailed(_SAID[ModelProblemKind.TIMED_OUT]) from None
        return [vectors[text].tolist() for text in texts]

    async def _fetched(self, client: EmbeddingClient, texts: Sequence[str]) -> dict[str, Kept]:
        """The vectors of all texts, in requests side by side; the first failure ends the others."""
        deadline = _now() + self._settings.endpoint.total_timeout_s
        size = self._settings.batch_texts
        failed: list[Exception] = []
        tasks: list[asyncio.Task[dict[str, Kept]]] = []
        try:
            async with asyncio.TaskGroup() as group:
                for start in range(0, len(texts), size):
                    batch = self._batch(client, texts[start : start + size], deadline)
                    tasks.append(group.create_task(batch))
        except* EmbeddingFailed as failures:
            failed.extend(failures.exceptions)
        if failed:
            raise failed[0]
        return {text: vector for task in tasks for text, vector in task.result().items()}

    async def _batch(self, client: EmbeddingClient, texts: Sequence[str], deadline: float) -> dict[str, Kept]:
        """The vectors of one request; of one for each text, where the model does not take them together."""
        try:
            return await self._request(client, texts, deadline)
        except TextRefused:
            if len(texts) > 1:
                found = [await self._batch(client, [text], deadline) for text in texts]
                return {text: vector for each in found for text, vector in each.items()}
            return {texts[0]: await self._of_beginning(client, texts[0], deadline)}

    async def _of_beginning(self, client: EmbeddingClient, text: str, deadline: float) -> Kept:
        """The vector of as much of a text's beginning as the model takes: not all say that a text is too long.

        Raises:
            TextRefused: it takes none. EmbeddingFailed: it takes no text at all.
        """
        beginning = text[: len(text) // 2]
        if len(beginning) < SHORTEST:
            await self._request(client, [_ANY_TEXT], deadline, otherwise=EmbeddingFailed)
            raise TextRefused("The embedding model does not take this text.")
        vector = (await self._batch(client, [beginning], deadline))[beginning]
        self._cache.keep(text, vector)
        return vector

    async def _request(
        self,
        client: EmbeddingClient,
        texts: Sequence[str],
        deadline: float,
        *,
        otherwise: type[EmbeddingFailed] = TextRefused,
    ) -> dict[str, Kept]:
        """One request's vectors, tried again while that makes sense; backing off keeps its place in the queue.

        Raises:
            EmbeddingFailed: there are none; `otherwise` where the model answers and does not take these texts.
        """
        async with self._requests:
            attempt = 1
            while True:
                try:
                    return await self._attempt(client, texts)
                except ModelProblem as problem:
                    wait_s = self._wait_s(problem, attempt)
                    if wait_s is None or _now() + wait_s >= deadline:
                        failure = otherwise if problem.kind in _NOT_TAKEN else EmbeddingFailed
                        raise failure(_SAID.get(problem.kind, problem.message)) from None
                await self._sleep(wait_s)
                attempt += 1

    async def _attempt(self, client: EmbeddingClient, texts: Sequence[str]) -> dict[str, Kept]:
        """Ask once, and keep what came.

        Raises:
            ModelProblem: nothing came. EmbeddingFailed: not what was asked for.
        """
        sent = await self._sent(client, texts)
        if len(sent) != len(texts):
            raise EmbeddingFailed(
                f"The embedding model sent {len(sent)} vectors for {len(texts)} texts. Check OPENAI_BASE_URL."
            )
        vectors = await asyncio.to_thread(self._checked, texts, sent)
        for text, vector in vectors.items():
            self._cache.keep(text, vector)
        return vectors

    def _checked(self, texts: Sequence[str], sent: Sequence[object]) -> dict[str, Kept]:
        """The vectors by text; runs in a thread, as a batch has a hundred thousand numbers."""
        dimension = self._settings.dimension
        return {
            text: normalised(numbers, dimension=dimension) for text, numbers in zip(texts, sent, strict=True)
        }

    async def _sent(self, client: EmbeddingClient, texts: Sequence[str]) -> Sequence[object]:
        """What the endpoint sends; what the library raises goes no further, as it quotes the provider."""
        from integrations.models.problems import problem_of

        try:
            async with asyncio.timeout(self._settings.attempt_timeout_s):
                return await client.vectors(texts)
        except Exception as error:
            model = self._settings.endpoint.model
            problem = problem_of(error, model=model, answered=True, received=False, clock=self._clock)
            if problem is None:
                raise
            raise problem from None

    def _wait_s(self, problem: ModelProblem, attempt: int) -> float | None:
        """Seconds until the next attempt; None when this problem is the last word."""
        if problem.kind not in _TRIED_AGAIN:
            return None
        return pause_s(self._settings.endpoint, problem, attempt=attempt, jitter=self._jitter)

    def _load(self) -> EmbeddingClient:
        """Import the library; runs in a thread."""
        from integrations.embeddings.langchain_client import EmbeddingClient

        return EmbeddingClient(self._settings)


def _check_sendable(texts: Sequence[str]) -> None:
    """Refuse what would fail, and its whole batch with it."""
    for text in texts:
        if not text.strip():
            raise TextRefused("A blank text has nothing to be found by.")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise TextRefused("The text holds characters that are no valid text.")


def _now() -> float:
    """The running loop's time, which its timeouts count in."""
    return asyncio.get_running_loop().time()
