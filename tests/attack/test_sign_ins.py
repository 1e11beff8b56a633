"""Guessing passwords: however attempts are packed, they count one by one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from uuid import uuid4

import httpx
import pytest

from domain.identity.throttle import LOG_IN_PER_EMAIL, LOG_IN_PER_IP
from tests.processes import CodelabProcess

LOG_IN = "logIn(input: {email: $email, password: %s}) { __typename ... on SignedIn { accessToken } }"


class Door:
    """Where people sign in, and somebody's right password."""

    def __init__(self, http: httpx.AsyncClient, url: str, *, address: str) -> None:
        self._http = http
        self._url = url
        self._headers = {"X-Forwarded-For": address}
        self.email, self.password = f"{uuid4().hex}@example.com", f"right {uuid4().hex}"

    async def send(self, body: object) -> dict[str, object]:
        answer = await self._http.post(self._url, json=body, headers=self._headers)
        return dict(answer.json())

    async def register(self) -> None:
        query = """mutation($e: String!, $p: String!) {
            register(input: {email: $e, password: $p}) { __typename } }"""
        made = await self.send({"query": query, "variables": {"e": self.email, "p": self.password}})
        assert made == {"data": {"register": {"__typename": "SignedIn"}}}

    async def attempt(self, *passwords: str, email: str | None = None) -> list[str]:
        """Log-ins by aliases of one document; what each came to, or the refusal of them all."""
        fields = " ".join(f"a{n}: " + LOG_IN % json.dumps(it) for n, it in enumerate(passwords))
        query = "mutation($email: String!) { " + fields + " }"
        answer = await self.send({"query": query, "variables": {"email": email or self.email}})
        data = answer.get("data")
        if not isinstance(data, dict):
            return ["refused"]
        return [attempt["__typename"] for attempt in data.values()]


@pytest.fixture(scope="module")
async def entrance(
    tmp_path_factory: pytest.TempPathFactory, http: httpx.AsyncClient
) -> AsyncIterator[Callable[[], Awaitable[Door]]]:
    """A server that believes its proxy, so that each test comes from an address of its own."""
    numbers = count(1)
    settings = {"CODELAB_RATE_LIMIT_PER_MINUTE": "1000000", "CODELAB_TRUSTED_PROXIES": "127.0.0.1"}

    async with CodelabProcess(tmp_path_factory.mktemp("sign-ins"), settings=settings) as server:

        async def made() -> Door:
            door = Door(http, f"{server.url}/graphql", address=f"192.0.2.{next(numbers)}")
            await door.register()
            return door

        yield made


@pytest.fixture
async def door(entrance: Callable[[], Awaitable[Door]]) -> Door:
    """An address from which nobody has tried yet."""
    return await entrance()


async def test_guesses_by_aliases_hit_the_limit_of_the_account(door: Door) -> None:
    allowed, made = LOG_IN_PER_EMAIL[0].limit, []
    for size in (100, 20, 5, 3, 2, 1):
        made += await door.attempt(*(f"wrong {n} {size}" for n in range(size)))

    assert made.count("Invalid") <= allowed
    assert "SignedIn" not in made
    assert await door.attempt(door.password) == ["LimitExceeded"]  # even the right one waits now


async def test_guesses_at_many_accounts_hit_the_limit_of_the_address(door: Door) -> None:
    made: list[str] = []
    for _ in range(2 * LOG_IN_PER_IP[0].limit):
        made += await door.attempt("wrong password", email=f"{uuid4().hex}@example.com")

    assert made.count("Invalid") <= LOG_IN_PER_IP[0].limit + 1  # one is given back every few seconds
    assert made[-1] == "LimitExceeded"


async def test_guesses_in_an_array_are_no_guesses(door: Door) -> None:
    query = "mutation($email: String!) { " + LOG_IN % '"wrong password"' + " }"
    one = {"query": query, "variables": {"email": door.email}}

    answer = await door.send([one] * 100)

    assert "BAD_REQUEST" in str(answer)
    assert await door.attempt(door.password) == ["SignedIn"]


async def test_accounts_are_not_made_in_bulk(door: Door) -> None:
    fields = " ".join(
        f'a{n}: register(input: {{email: "{n}@example.com", password: "long enough {n}"}}) {{ __typename }}'
        for n in range(40)
    )
    made = await door.send({"query": f"mutation {{ {fields} }}"})

    assert str(made).count("SignedIn") <= 10
