"""What is tried again, what is not, and how answers become exceptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from codelab_client import (
    CodelabError,
    Conflict,
    Disconnected,
    Invalid,
    LimitExceeded,
    NotFound,
    Problem,
    RateLimited,
    Refused,
    Retries,
    Unauthenticated,
    Unavailable,
)
from codelab_client.connection import Sockets
from codelab_client.exchange import HttpExchange
from codelab_client.sign_in import SignIn, Tokens
from tests.clients.servers import PASSWORD, client_of
from tests.processes import CodelabProcess

Answer = Callable[[httpx.Request], httpx.Response]
OK: Mapping[str, object] = {"data": {"me": None}}


class Peer:
    """A server that gives one prepared answer after the other."""

    def __init__(self, *answers: Answer | Mapping[str, object]) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        return answer(request) if callable(answer) else httpx.Response(200, json=answer)

    async def ask(self, query: str = "query Me { me { id } }", *, name: str = "Me") -> Mapping[str, object]:
        """Run one operation against it."""
        async with httpx.AsyncClient(base_url="http://peer", transport=httpx.MockTransport(self)) as http:
            exchange = HttpExchange(
                http,
                sockets=Sockets(url="ws://peer/graphql"),
                sign_in=SignIn(self._renew, clock=lambda: datetime.now(UTC), tokens=Tokens("old", None, "r")),
                retries=Retries(attempts=3, chance=lambda: 1.0),
                timeout_s=5,
                sleep=self._sleep,
            )
            return await exchange.execute(query, operation_name=name, variables={})

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def _renew(self, refresh_token: str) -> Tokens:
        return Tokens("new", None, refresh_token)


def _error(code: str, status: int = 200, **extensions: object) -> Answer:
    body = {"errors": [{"message": "No.", "extensions": {"code": code, **extensions}}]}
    return lambda _: httpx.Response(status, json=body)


def _unconnected(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def _cut(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("reset", request=request)


def _problem(kind: str, **details: object) -> Mapping[str, object]:
    return {"data": {"createProject": {"__typename": kind, "message": "No.", **details}}}


LATER = _error("RATE_LIMITED", 429, retryAfterSeconds=7.5, limit=100)
STORELESS = _problem("Unavailable", retryAfterSeconds=None)
MUTATION = "mutation CreateProject { createProject { __typename } }"


@pytest.mark.parametrize(
    "passing", [LATER, _error("UNAVAILABLE", 503), _error("SHUTTING_DOWN", 503), STORELESS]
)
async def test_what_did_not_happen_is_tried_again(passing: Answer | Mapping[str, object]) -> None:
    peer = Peer(passing, passing, OK)

    assert await peer.ask(MUTATION, name="CreateProject") == OK["data"]


async def test_the_pauses_double_and_are_never_shorter_than_the_server_asks() -> None:
    peer = Peer(_unconnected, LATER, OK)

    await peer.ask()

    assert peer.pauses == [0.2, 7.5]


async def test_nobody_waits_longer_than_the_bound() -> None:
    peer = Peer(_error("RATE_LIMITED", 429, retryAfterSeconds=61))

    with pytest.raises(RateLimited) as refusal:
        await peer.ask()

    assert refusal.value.retry_after_s == 61
    assert peer.pauses == []


@pytest.mark.parametrize(
    ("query", "name", "sent"),
    [
        ("query Me { me { id } }", "Me", 3),
        ("mutation SendMessage { sendMessage { __typename } }", "SendMessage", 3),
        (MUTATION, "CreateProject", 1),
    ],
)
async def test_only_what_may_happen_twice_is_repeated_after_a_lost_answer(
    query: str, name: str, sent: int
) -> None:
    peer = Peer(_cut, _cut, _cut)

    with pytest.raises(Disconnected):
        await peer.ask(query, name=name)

    assert len(peer.requests) == sent


async def test_what_never_left_is_always_sent_again() -> None:
    peer = Peer(_unconnected, _unconnected, OK)

    await peer.ask(MUTATION, name="CreateProject")

    assert len(peer.requests) == 3


async def test_a_refused_token_is_renewed_once() -> None:
    peer = Peer(_error("UNAUTHENTICATED", 401), _error("UNAUTHENTICATED", 401))

    with pytest.raises(Unauthenticated):
        await peer.ask()

    assert [it.headers["Authorization"] for it in peer.requests] == ["Bearer old", "Bearer new"]


async def test_signing_in_sends_no_token() -> None:
    peer = Peer({"data": {"logIn": {"__typename": "SignedIn"}}})

    await peer.ask("mutation LogIn { logIn { __typename } }", name="LogIn")

    assert "Authorization" not in peer.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_problem("NotFound"), NotFound),
        (_problem("Invalid", fields=[{"path": ["name"], "message": "Empty."}]), Invalid),
        (_problem("Conflict"), Conflict),
        (_problem("LimitExceeded", limit=100, retryAfterSeconds=3), LimitExceeded),
        (_problem("OutOfPaper"), Problem),
        (_error("NOT_FOUND"), NotFound),
        (_error("INVALID", fields=[{"path": ["first"], "message": "0 to 100."}]), Invalid),
        (_error("VALIDATION_FAILED", 400), Refused),
        (_error("INTERNAL", 500), Refused),
        (lambda _: httpx.Response(502, text="<html>"), Disconnected),
        (lambda _: httpx.Response(200, json=[1]), Disconnected),
    ],
)
async def test_every_failure_has_its_exception(
    answer: Answer | Mapping[str, object], kind: type[CodelabError]
) -> None:
    with pytest.raises(kind) as failure:
        await Peer(answer, answer, answer).ask(MUTATION, name="CreateProject")

    assert type(failure.value) is kind


async def test_a_problem_keeps_its_details() -> None:
    with pytest.raises(LimitExceeded) as limit:
        await Peer(_problem("LimitExceeded", limit=100, retryAfterSeconds=3)).ask(MUTATION, name="X")
    with pytest.raises(Problem) as unknown:
        await Peer(_problem("OutOfPaper")).ask(MUTATION, name="X")

    assert (limit.value.limit, limit.value.retry_after_s) == (100, 3)
    assert (unknown.value.kind, unknown.value.message) == ("OutOfPaper", "No.")


async def test_unavailable_is_raised_when_it_lasts() -> None:
    with pytest.raises(Unavailable):
        await Peer(STORELESS, STORELESS, STORELESS).ask(MUTATION, name="CreateProject")


async def test_a_client_waits_for_its_rate_limit(tmp_path: Path) -> None:
    settings = {"CODELAB_RATE_LIMIT_PER_MINUTE": "60"}
    async with CodelabProcess(tmp_path, settings=settings) as server, client_of(server.url) as client:
        await client.register("grace@example.com", PASSWORD)
        while (left := await client.rate_limit()).remaining > 5:
            assert left.limit == 60

        assert [(await client.me()).email for _ in range(8)] == ["grace@example.com"] * 8
