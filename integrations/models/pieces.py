"""An answer as it arrives from an OpenAI-compatible stream, put together piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.models.entities import ModelRequest, ModelUsage, ToolRequest, estimated_tokens


@dataclass(frozen=True, slots=True)
class ToolFragment:
    """A part of a tool call; the first part of one carries its id and name, the rest more arguments."""

    index: int | None
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ReportedUsage:
    """The provider's own count; `cached_input_tokens` are part of the input and cost less."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """What one chunk of the stream says; each part may be absent."""

    text: str = ""
    tools: tuple[ToolFragment, ...] = ()
    finish_reason: str | None = None
    usage: ReportedUsage | None = None


@dataclass(slots=True)
class _GrowingCall:
    index: int | None
    id: str
    name: str
    arguments: list[str]


@dataclass(slots=True)
class Answer:
    """What has arrived of one answer so far."""

    finish_reason: str | None = None
    usage: ReportedUsage | None = None
    received: bool = False
    """Any chunk has come, if only an empty one."""
    _text: list[str] = field(default_factory=list)
    _calls: list[_GrowingCall] = field(default_factory=list)

    @property
    def started(self) -> bool:
        """Something of the answer itself has come: trying again would say it twice."""
        return bool(self._text or self._calls or self.finish_reason)

    def take(self, piece: Piece) -> None:
        """Add what `piece` says; a later usage replaces an earlier one, as providers count upwards."""
        self.received = True
        if piece.text:
            self._text.append(piece.text)
        for fragment in piece.tools:
            self._add(fragment)
        self.finish_reason = piece.finish_reason or self.finish_reason
        self.usage = piece.usage or self.usage

    def _add(self, fragment: ToolFragment) -> None:
        call = self._call_of(fragment)
        call.name += fragment.name
        call.arguments.append(fragment.arguments)

    def _call_of(self, fragment: ToolFragment) -> _GrowingCall:
        """The call that `fragment` continues: some servers number every call 0 and only change the id."""
        for call in reversed(self._calls):
            if call.index == fragment.index and fragment.id in {"", call.id}:
                return call
        started = _GrowingCall(fragment.index, fragment.id or f"call_{len(self._calls) + 1}", "", [])
        self._calls.append(started)
        return started

    def tool_calls(self) -> tuple[ToolRequest, ...]:
        """The tool calls, whole once the stream has finished, in the order in which they began."""
        return tuple(
            ToolRequest(id=call.id, name=call.name, arguments="".join(call.arguments) or "{}")
            for call in self._calls
        )

    def counted(self, request: ModelRequest) -> ModelUsage:
        """The provider's count, or an estimate from the length of the texts when it gave none."""
        if self.usage and (self.usage.input_tokens or self.usage.output_tokens):
            return ModelUsage(self.usage.input_tokens, self.usage.output_tokens)
        written = [*self._text, *("".join(call.arguments) for call in self._calls)]
        return ModelUsage(
            input_tokens=_estimate(message.content for message in request.messages),
            output_tokens=_estimate(["".join(written)]),
            estimated=True,
        )


def _estimate(texts: Iterable[str]) -> int:
    return sum(estimated_tokens(text) for text in texts)
