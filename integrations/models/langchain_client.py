"""The configured endpoint behind langchain-openai; importing this takes seconds, so it is done late."""

from __future__ import annotations

import asyncio
import json
import re
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Protocol

import openai
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_openai import ChatOpenAI
from langsmith.run_helpers import tracing_context
from pydantic import SecretStr

from domain.models.entities import ChatMessage, ChatRole, ModelRequest, ToolOffer, ToolRequest
from integrations.models.pieces import Piece, ReportedUsage, ToolFragment
from integrations.models.problems import cut_off
from integrations.models.settings import OPENAI_BASE_URL, OpenAiSettings

# pydantic would print what a malformed chunk says, which may be a user's text.
warnings.filterwarnings("ignore", message="Pydantic serializer warnings", category=UserWarning)

CLOSE_TIMEOUT_S = 1.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What every provider accepts as a speaker's name; others are left out."""


class _Response(Protocol):
    """The part of an HTTP response that a stream needs to end it."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def aclose(self) -> None: ...


_responses: ContextVar[list[_Response]] = ContextVar("responses")
"""Where the HTTP client leaves the responses of the call that is being opened."""


async def _remember(response: _Response) -> None:
    _responses.get([]).append(response)


class EndpointClient:
    """One pool of connections to the endpoint, shared by all calls."""

    def __init__(self, settings: OpenAiSettings) -> None:
        self._settings = settings
        timeout = openai.Timeout(settings.total_timeout_s, connect=settings.connect_timeout_s)
        self._http = openai.DefaultAsyncHttpxClient(
            timeout=timeout, follow_redirects=False, event_hooks={"response": [_remember]}
        )
        self._unused_sync_http = openai.DefaultHttpxClient(timeout=timeout)

    def open(self, request: ModelRequest) -> EndpointStream:
        """Begin a call; nothing is sent before the stream's first `next`."""
        chunks = self._chat(request).astream(
            [_message_of(message) for message in request.messages],
            config={"callbacks": []},
        )
        return EndpointStream(chunks)

    async def aclose(self) -> None:
        """Close every connection."""
        self._unused_sync_http.close()
        await self._http.aclose()

    def _chat(self, request: ModelRequest) -> ChatOpenAI:
        settings = self._settings
        is_openai = settings.base_url.rstrip("/") == OPENAI_BASE_URL
        limit = "max_completion_tokens" if is_openai else "max_tokens"
        return ChatOpenAI(
            model_name=request.model.name,
            temperature=request.temperature,
            model_kwargs=_tools_of(request.tools),
            extra_body={limit: request.max_tokens},
            openai_api_base=settings.base_url,
            openai_api_key=SecretStr(settings.api_key),
            http_async_client=self._http,
            http_client=self._unused_sync_http,
            max_retries=0,
            stream_usage=True,
            stream_chunk_timeout=None,
            use_responses_api=False,
        )


class EndpointStream:
    """One answer on its way; used by one reader."""

    def __init__(self, chunks: AsyncIterator[AIMessageChunk]) -> None:
        self._chunks = chunks
        self._responses: list[_Response] = []
        self._opened = False

    @property
    def answered(self) -> bool:
        """The endpoint has begun to respond, in whatever way."""
        return bool(self._responses)

    async def next(self) -> Piece | None:
        """The next piece, or None at the stream's end.

        Raises:
            Exception: anything that langchain, the SDK or the HTTP client raise.
        """
        chunk = await (anext(self._chunks, None) if self._opened else self._open())
        return None if chunk is None else _piece_of(chunk)

    async def aclose(self) -> None:
        """Drop the connection at once if the answer is not complete; the server sees it close."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                for response in self._responses:
                    await response.aclose()
                if isinstance(self._chunks, AsyncGenerator):
                    await self._chunks.aclose()

    async def _open(self) -> AIMessageChunk | None:
        """Send the request; nothing of it reaches a tracing service, whatever the environment says."""
        self._opened = True
        token = _responses.set(self._responses)
        try:
            with tracing_context(enabled=False):
                return await anext(self._chunks, None)
        except ValueError as error:
            if type(error) is ValueError and self._answered_nothing():
                raise cut_off() from None
            raise
        finally:
            _responses.reset(token)

    def _answered_nothing(self) -> bool:
        """A stream of events began and held none (what could not be parsed raises a subclass)."""
        kinds = [response.headers.get("content-type", "") for response in self._responses]
        return any(kind.startswith("text/event-stream") for kind in kinds)


def _piece_of(chunk: AIMessageChunk) -> Piece:
    finish_reason = chunk.response_metadata.get("finish_reason")
    return Piece(
        text=str(chunk.text),
        tools=tuple(
            ToolFragment(
                index=fragment["index"] if isinstance(fragment["index"], int) else None,
                id=fragment["id"] or "",
                name=fragment["name"] or "",
                arguments=fragment["args"] or "",
            )
            for fragment in chunk.tool_call_chunks
        ),
        finish_reason=str(finish_reason) if finish_reason else None,
        usage=_usage_of(chunk),
    )


def _usage_of(chunk: AIMessageChunk) -> ReportedUsage | None:
    usage = chunk.usage_metadata
    if usage is None:
        return None
    cached = usage.get("input_token_details", {}).get("cache_read", 0) or 0
    return ReportedUsage(
        input_tokens=usage["input_tokens"],
        output_tokens=usage["output_tokens"],
        cached_input_tokens=min(cached, usage["input_tokens"]),
    )


def _message_of(message: ChatMessage) -> BaseMessage:
    name = message.name if message.name and _NAME.fullmatch(message.name) else None
    match message.role:
        case ChatRole.SYSTEM:
            return SystemMessage(message.content, name=name)
        case ChatRole.USER:
            return HumanMessage(message.content, name=name)
        case ChatRole.TOOL:
            return ToolMessage(message.content, tool_call_id=message.tool_call_id or "", name=name)
        case ChatRole.ASSISTANT:
            return _assistant(message, name=name)


def _assistant(message: ChatMessage, *, name: str | None) -> AIMessage:
    parsed: list[ToolCall] = []
    unparsed: list[InvalidToolCall] = []
    for call in message.tool_calls:
        arguments = _arguments_of(call)
        if arguments is None:
            unparsed.append(
                InvalidToolCall(
                    type="invalid_tool_call", id=call.id, name=call.name, args=call.arguments, error=None
                )
            )
        else:
            parsed.append(ToolCall(type="tool_call", id=call.id, name=call.name, args=arguments))
    return AIMessage(message.content, name=name, tool_calls=parsed, invalid_tool_calls=unparsed)


def _arguments_of(call: ToolRequest) -> dict[str, object] | None:
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        return None
    return arguments if isinstance(arguments, dict) else None


def _tools_of(offers: tuple[ToolOffer, ...]) -> dict[str, list[dict[str, object]]]:
    if not offers:
        return {}
    return {"tools": [_tool_of(offer) for offer in offers]}


def _tool_of(offer: ToolOffer) -> dict[str, object]:
    return {
        "type": "function",
        "function": {
            "name": offer.name,
            "description": offer.description,
            "parameters": dict(offer.arguments_schema),
        },
    }
