"""A loopback server that makes embeddings as an OpenAI-compatible one does, and fails as it is told to."""

import asyncio
import base64
import json
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from tests.integrations.loopback import LoopbackServer, Request

DIMENSION = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    body: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Reply = Callable[[Request], Answer | None]
"""What a request is answered; None is silence."""


def numbers_of(text: str, *, dimension: int = DIMENSION) -> list[float]:
    """The vector that the server has for a text: not of length 1, and another one for each text."""
    seed = sha256(text.encode()).digest()
    return [float(seed[place % len(seed)] + 1) for place in range(dimension)]


def vectors(request: Request, *, dimension: int = DIMENSION, texts: int | None = None) -> Answer:
    """A vector for each text, or for the first ones only, in the form that was asked for."""
    found = [numbers_of(text, dimension=dimension) for text in request["input"][:texts]]
    coded = [_in_base64(each) for each in found] if request.get("encoding_format") == "base64" else found
    data = [{"object": "embedding", "index": at, "embedding": each} for at, each in enumerate(coded)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return Answer(json.dumps({"object": "list", "model": request["model"], "data": data, "usage": usage}))


def fails(status: int, **headers: str) -> Reply:
    """An error whose text must never reach anybody; underscores in header names become hyphens."""
    error = {"message": "INTERNAL-PROVIDER-TEXT sk-test-secret-key", "type": "some_error", "code": None}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Answer(json.dumps({"error": error}), status, named)


def sends(body: str) -> Reply:
    """Any body, with the status of success."""
    return lambda _: Answer(body)


def stays_silent(_: Request) -> Answer | None:
    """Take the request and never say anything."""
    return None


class EmbeddingServer(LoopbackServer):
    """Answers its n-th request with the n-th reply, the last one for all further requests.

    Attributes:
        open: How many requests wait for their answer, `most_open` the most there were.
        held: While it is not set, nothing is answered.
    """

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self._replies = replies or (vectors,)
        self.open = self.most_open = 0
        self.held = asyncio.Event()
        self.held.set()

    @property
    def asked(self) -> list[str]:
        """All texts that came."""
        return [text for request in self.requests for text in request["input"]]

    async def answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        reply = self._replies[min(len(self.requests), len(self._replies)) - 1]
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await self.held.wait()
        answer = reply(request)
        if answer is None:
            await asyncio.Event().wait()
            return
        self.open -= 1
        content = answer.body.encode()
        headers = {"content-type": "application/json", "content-length": str(len(content)), **answer.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {answer.status} X\r\n{lines}\r\n".encode() + content)
        await writer.drain()


def _in_base64(numbers: list[float]) -> str:
    return base64.b64encode(array("f", numbers).tobytes()).decode()
