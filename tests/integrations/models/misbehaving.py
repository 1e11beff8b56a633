"""A loopback HTTP server that does to a model call what the peer can't: stall, cut and talk nonsense to the byte."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from tests.integrations.loopback import LoopbackServer, Request

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]

_EVENTS_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class MisbehavingServer(LoopbackServer):
    """Answers its n-th request with the n-th behaviour, the last one for all further requests.

    Attributes:
        asked: Set once a request has come.
        left: Set when a client closed its connection before the behaviour had ended.
        left_at_s: The loop's time of that.
    """

    def __init__(self, *behaviours: Behaviour) -> None:
        super().__init__()
        self._behaviours = behaviours
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self.left_at_s = 0.0

    async def answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.asked.set()
        behaviour = self._behaviours[min(len(self.requests), len(self._behaviours)) - 1]
        speaking = asyncio.ensure_future(behaviour(writer))
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([speaking, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not speaking.done():
                self.left_at_s = asyncio.get_running_loop().time()
                self.left.set()
                raise ConnectionError
            await speaking
        finally:
            for waiting in (speaking, leaving):
                waiting.cancel()
            await asyncio.gather(speaking, leaving, return_exceptions=True)


def delta(text: str | None = None, *, finish: str | None = None, **more: object) -> bytes:
    """One chunk of a chat completion, in the form of a server-sent event."""
    choice = {"index": 0, "delta": {"content": text, **more}, "finish_reason": finish}
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def usage(input_tokens: int, output_tokens: int, *, cached: int = 0) -> bytes:
    """The event that counts the tokens."""
    count = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": count})


def event(data: object) -> bytes:
    """A server-sent event whose data is JSON."""
    return raw_event(json.dumps(data))


def raw_event(data: str) -> bytes:
    """A server-sent event whose data is anything."""
    return f"data: {data}\n\n".encode()


DONE = raw_event("[DONE]")


def streams(*events: bytes, ends: bool = True) -> Behaviour:
    """Send the events and end properly, or, unless it `ends`, say nothing more and keep the connection."""

    async def behaviour(writer: asyncio.StreamWriter) -> None:
        writer.write(_EVENTS_HEAD)
        for each in events:
            writer.write(b"%x\r\n%s\r\n" % (len(each), each))
        if ends:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        if not ends:
            await asyncio.Event().wait()

    return behaviour


def streams_then_drops(*events: bytes) -> Behaviour:
    """Send the events and close the connection in the middle of the response."""

    async def behaviour(writer: asyncio.StreamWriter) -> None:
        writer.write(_EVENTS_HEAD)
        for each in events:
            writer.write(b"%x\r\n%s\r\n" % (len(each), each))
        await writer.drain()
        raise ConnectionError

    return behaviour


def answers(status: int, body: str = "{}", *, kind: str = "application/json", **headers: str) -> Behaviour:
    """Send one complete response; underscores in header names become hyphens."""

    async def behaviour(writer: asyncio.StreamWriter) -> None:
        content = body.encode()
        head = {"content-type": kind, "content-length": str(len(content))}
        head |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + content)
        await writer.drain()

    return behaviour


async def stays_silent(_: asyncio.StreamWriter) -> None:
    """Take the request and never say anything."""
    await asyncio.Event().wait()


async def drops(_: asyncio.StreamWriter) -> None:
    """Take the request and close the connection."""
    raise ConnectionError


def fails_with(status: int, *, code: str | None = None, **headers: str) -> Behaviour:
    """Answer with an error in the provider's form, whose text must never reach anybody."""
    error = {"message": "INTERNAL-PROVIDER-TEXT sk-test-secret-key", "type": "some_error", "code": code}
    return answers(status, json.dumps({"error": error}), **headers)
