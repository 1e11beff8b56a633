"""Any OpenAI-compatible endpoint as a model: timeouts, retries, usage, cost and prompt cancellation."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from domain.models.entities import ModelChunk, ModelFinished, ModelRequest, TextDelta
from domain.models.ports import ModelProblem, ModelProblemKind
from domain.ports import Clock
from integrations.models.late import LateClient
from integrations.models.pieces import Answer, Piece
from integrations.models.prices import ModelPrices
from integrations.models.retries import Jitter, pause_s
from integrations.models.settings import OpenAiSettings

if TYPE_CHECKING:
    from integrations.models.langchain_client import EndpointClient, EndpointStream

Sleep = Callable[[float], Awaitable[None]]

_TRIED_AGAIN = frozenset(
    {ModelProblemKind.RATE_LIMITED, ModelProblemKind.UNAVAILABLE, ModelProblemKind.CUT_OFF}
)


class OpenAiModel:
    """Streams answers from the configured endpoint.

    The client library takes seconds to import, so that happens in a thread at the first call, or
    earlier when `warm_up` was called.
    """

    def __init__(
        self,
        settings: OpenAiSettings,
        *,
        prices: ModelPrices,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        jitter: Jitter = random.random,
    ) -> None:
        self._settings = settings
        self._prices = prices
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._client = LateClient(self._load, name="load-model-client")

    @property
    def default_name(self) -> str:
        """The configured model."""
        return self._settings.model

    def warm_up(self) -> None:
        """Begin loading the client in the background; calling it again does nothing."""
        self._client.warm_up()

    async def aclose(self) -> None:
        """Close all connections; streams that are still open fail."""
        await self._client.aclose()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """Answer `request`; see the gateway's port."""
        answer = Answer()
        async with aclosing(self._attempts(request, answer)) as texts:
            async for text in texts:
                yield TextDelta(text)
        yield self._finished(request, answer)

    async def _attempts(self, request: ModelRequest, answer: Answer) -> AsyncGenerator[str, None]:
        """Try until something has arrived, the attempts are used up or the total time is over."""
        client = await self._client.get()
        deadline = _now() + self._settings.total_timeout_s
        attempt = 1
        while True:
            try:
                async with aclosing(self._attempt(client, request, answer, deadline)) as texts:
                    async for text in texts:
                        yield text
            except ModelProblem as problem:
                wait_s = self._wait_s(problem, answer, attempt)
                if wait_s is None or _now() + wait_s >= deadline:
                    raise
            else:
                return
            await self._sleep(wait_s)
            attempt += 1

    def _wait_s(self, problem: ModelProblem, answer: Answer, attempt: int) -> float | None:
        """Seconds until the next attempt; None when this problem is the last word."""
        if answer.started or problem.kind not in _TRIED_AGAIN:
            return None
        return pause_s(self._settings, problem, attempt=attempt, jitter=self._jitter)

    async def _attempt(
        self, client: EndpointClient, request: ModelRequest, answer: Answer, deadline: float
    ) -> AsyncGenerator[str, None]:
        first_by = _now() + self._settings.first_token_timeout_s
        answer.received = False
        stream = client.open(request)
        try:
            while (piece := await self._next(stream, request, answer, min(deadline, first_by))) is not None:
                answer.take(piece)
                if answer.started:
                    first_by = deadline
                if piece.text:
                    yield piece.text
        finally:
            await stream.aclose()
        _check_complete(answer)

    async def _next(
        self, stream: EndpointStream, request: ModelRequest, answer: Answer, limit: float
    ) -> Piece | None:
        """The next piece, or None when nothing is missing any more.

        Raises:
            ModelProblem: it did not come; what the library raised is mapped and goes no further, as
                it quotes the provider.
        """
        try:
            async with asyncio.timeout_at(self._piece_by(answer, limit)):
                return await stream.next()
        except Exception as error:
            problem = self._problem_of(error, stream, request, answer)
            if problem is None:
                raise
            if answer.finish_reason:
                return None
            raise problem from None

    def _piece_by(self, answer: Answer, limit: float) -> float:
        """The loop's time at which waiting for the next piece ends."""
        if answer.finish_reason:
            return min(limit, _now() + self._settings.tail_timeout_s)
        return min(limit, _now() + self._settings.chunk_timeout_s) if answer.started else limit

    def _problem_of(
        self, error: Exception, stream: EndpointStream, request: ModelRequest, answer: Answer
    ) -> ModelProblem | None:
        from integrations.models.problems import problem_of

        return problem_of(
            error,
            model=request.model.name,
            answered=stream.answered,
            received=answer.received,
            clock=self._clock,
        )

    def _finished(self, request: ModelRequest, answer: Answer) -> ModelFinished:
        usage = answer.counted(request)
        cached = answer.usage.cached_input_tokens if answer.usage else 0
        model = request.model
        cost = self._prices.cost(model.provider, model.name, usage, cached_input_tokens=cached)
        return ModelFinished(
            model=model.name,
            finish_reason=answer.finish_reason or "",
            usage=usage,
            cost_micro_usd=cost.micro_usd,
            price_known=cost.known,
            tool_calls=answer.tool_calls(),
        )

    def _load(self) -> EndpointClient:
        """Import the library and the price list; runs in a thread."""
        from integrations.models.langchain_client import EndpointClient

        self._prices.load()
        return EndpointClient(self._settings)


def _check_complete(answer: Answer) -> None:
    """Raise the problem that an ended stream leaves when the answer has not ended with it."""
    from integrations.models.problems import cut_off, garbage

    if answer.finish_reason is None:
        raise cut_off()
    if answer.finish_reason == "tool_calls" and not answer.tool_calls():
        raise garbage()


def _now() -> float:
    """The running loop's time, which its timeouts count in."""
    return asyncio.get_running_loop().time()
