"""Which model answers a request: the offline one or the configured endpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from domain.models.entities import DEFAULT_MODEL, OFFLINE_MODEL, ModelChunk, ModelRef, ModelRequest
from domain.models.ports import ModelProblem, ModelProblemKind
from integrations.models.offline.model import OfflineModel
from integrations.models.openai import OpenAiModel
from integrations.models.prices import GENERIC_PROVIDER


class ModelRouter:
    """The gateway: provider `offline` is the built-in model, every other one is the endpoint.

    `endpoint` is None while no key is configured. The provider's name only tells models apart for
    the user and the price list: there is one endpoint, and model names reach it unchanged.
    """

    def __init__(self, *, offline_model: OfflineModel, endpoint: OpenAiModel | None) -> None:
        self._offline_model = offline_model
        self._endpoint = endpoint

    @property
    def default_name(self) -> str:
        """The name of the model that the deployment's default stands for."""
        return self._endpoint.default_name if self._endpoint else OFFLINE_MODEL.name

    @property
    def offline(self) -> bool:
        """True while no key is configured."""
        return self._endpoint is None

    def warm_up(self) -> None:
        """Load what the endpoint needs in the background, when there is one."""
        if self._endpoint:
            self._endpoint.warm_up()

    async def aclose(self) -> None:
        """Close the connections to the endpoint."""
        if self._endpoint:
            await self._endpoint.aclose()

    def resolve(self, model: ModelRef) -> ModelRef:
        """The model that would answer for `model`; see the port."""
        if model.provider == OFFLINE_MODEL.provider:
            return OFFLINE_MODEL
        if model.provider != DEFAULT_MODEL.provider:
            return model
        if model.name != DEFAULT_MODEL.name:
            raise ModelProblem(
                ModelProblemKind.UNKNOWN_MODEL,
                f"CodeLab has no model named {model.name}. Use {DEFAULT_MODEL.provider}/{DEFAULT_MODEL.name}, "
                "or name the provider of the model.",
            )
        return ModelRef(GENERIC_PROVIDER, self._endpoint.default_name) if self._endpoint else OFFLINE_MODEL

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """Answer `request` by the model it resolves to; see the port."""
        resolved = replace(request, model=self.resolve(request.model))
        async with aclosing(self._answer(resolved)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _answer(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        if request.model == OFFLINE_MODEL:
            return self._offline_model.stream(request)
        if self._endpoint is None:
            raise ModelProblem(
                ModelProblemKind.REFUSED,
                f"No key is set for the model {request.model.name}. Set OPENAI_API_KEY and restart the server, "
                "or let the agent use the offline model.",
            )
        return self._endpoint.stream(request)
