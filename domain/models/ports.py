"""The doorway to language models, and the one way in which it fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Protocol

from domain.errors import CodeLabError
from domain.models.entities import ModelChunk, ModelRef, ModelRequest


class ModelGateway(Protocol):
    """Every model there is, behind one stream."""

    @property
    def default_name(self) -> str:
        """The name of the model that the deployment's default stands for."""
        ...

    @property
    def offline(self) -> bool:
        """True while no key is configured, so that the default is the built-in model."""
        ...

    def resolve(self, model: ModelRef) -> ModelRef:
        """The model that would really answer for `model`; unchanged unless it names a default.

        Raises:
            ModelProblem: UNKNOWN_MODEL for a name that CodeLab itself does not have.
        """
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """Answer piece by piece: deltas, then exactly one `ModelFinished`.

        Closing the generator or cancelling its reader ends the call promptly, also at the provider.

        Raises:
            ModelProblem: whenever the answer can't be completed; the deltas so far remain valid.
        """
        ...


class ModelProblemKind(StrEnum):
    """Why a model call failed."""

    UNAVAILABLE = "UNAVAILABLE"
    """No connection, or the provider reports a failure of its own."""
    TIMED_OUT = "TIMED_OUT"
    RATE_LIMITED = "RATE_LIMITED"
    REFUSED = "REFUSED"
    """The key is missing, wrong, not allowed this model, or out of credit."""
    BAD_REQUEST = "BAD_REQUEST"
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    CUT_OFF = "CUT_OFF"
    """The stream ended before the answer did."""
    GARBAGE = "GARBAGE"
    """What came is not an answer in the protocol's form."""
    TOO_LONG = "TOO_LONG"
    """The conversation does not fit into the model's context."""


class ModelProblem(CodeLabError):
    """A model call failed; `message` tells a person why and holds no provider text, key or prompt.

    `retryable` says that the same call may succeed later, `retry_after_s` when the provider asked to
    wait until then.
    """

    def __init__(
        self,
        kind: ModelProblemKind,
        message: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.retry_after_s = retry_after_s
