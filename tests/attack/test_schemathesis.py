"""Operations that schemathesis makes of the schema, with ids that exist among those that do not: no bug shows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes
from schemathesis.schemas import APIOperation

from tests.attack.target import Target
from tests.resume.api import Api

log = logging.getLogger("tests.attack")
SCHEMA = Path(__file__).parents[2] / "schema.graphql"
SECONDS, SOAK_SECONDS = 60, 600
EXAMPLES = 5
UNKNOWN_IDS = ("ses_00000000000000000000000000", "prj_", "agt_zzz", "", "\x00", "1", "run_" + "z" * 1_000)
SIGNED_OUT = {"register", "logIn", "redeemSignInLink", "refreshTokens", "logOut"}
"""They would end the sign-in, or have it for nothing."""
BUGS = {"INTERNAL", "EXECUTION_FAILED", "UNAVAILABLE", "TIMEOUT", "BAD_REQUEST"}


@dataclass
class Fuzz:
    """Sends what schemathesis makes, and counts what came of it."""

    http: httpx.Client
    url: str
    token: str
    ids: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        ids = st.integers(min_value=0).map(lambda number: (self.ids or [""])[number % len(self.ids or [""])])
        schemathesis.graphql.scalar("ID", (ids | st.sampled_from(UNKNOWN_IDS)).map(nodes.String))
        cursors = st.integers(0, 20).map(str) | st.text(max_size=5)
        schemathesis.graphql.scalar("Cursor", cursors.map(nodes.String))
        schemathesis.graphql.scalar("MicroUSD", st.integers(-10, 2**60).map(nodes.Int))
        results = schemathesis.graphql.from_path(SCHEMA).get_all_operations()
        self.operations = [it.ok() for it in results if isinstance(it, Ok)]

    def run(self, operations: list[APIOperation[Any, Any, Any, Any]], *, number: int, until: float) -> None:
        """Some examples of each operation; the number seeds them."""
        for operation in operations:
            if time.monotonic() < until:
                self._examples(operation, number)

    def _examples(self, operation: APIOperation[Any, Any, Any, Any], number: int) -> None:
        send = self._sender(operation.label.split(".")[1])

        @seed(number)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def examples(case: schemathesis.Case[Any]) -> None:
            send(str(case.body))

        examples()

    def _sender(self, name: str) -> Callable[[str], None]:
        headers = {} if name in SIGNED_OUT else {"Authorization": f"Bearer {self.token}"}

        def send(query: str) -> None:
            response = self.http.post(self.url, json={"query": query}, headers=headers)
            errors = response.json().get("errors", [])
            codes = {error["extensions"]["code"] for error in errors}
            assert response.status_code < 500, (query, response.text)
            assert not codes & BUGS, (query, response.text)
            self.outcomes.update(codes or {"OK"})

        return send


def destructive(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    return ".delete" in operation.label


async def found(api: Api, server: str) -> tuple[list[str], list[str]]:
    """Ids of what a new session has, and of what is there for good."""
    session = await api.session(server)
    sent = [await api.send(server, session, f"@{handle} hello") for handle in api.handles[:3]]
    return [session, *(each for pair in sent if pair for each in pair)], [api.project_id]


@pytest.mark.slow
@pytest.mark.timeout(SOAK_SECONDS * 2)
async def test_nothing_that_the_schema_allows_shows_a_bug(target: Target, soak: bool) -> None:
    server, until = target.server.url, time.monotonic() + (SOAK_SECONDS if soak else SECONDS)
    api = await Api.registered(target.http, server)

    with httpx.Client(timeout=90, trust_env=False) as http:
        fuzz = Fuzz(http, target.url, api.token)
        for number in _rounds(until):
            passing, lasting = await found(api, server)
            for operations, ids in (
                ([it for it in fuzz.operations if not destructive(it)], passing + lasting),
                ([it for it in fuzz.operations if destructive(it)], passing),
            ):
                fuzz.ids = ids
                await asyncio.to_thread(fuzz.run, operations, number=number, until=until)

    log.info("schemathesis: %s", dict(fuzz.outcomes))
    assert fuzz.outcomes["OK"] > fuzz.outcomes.total() / 3, fuzz.outcomes


def _rounds(until: float) -> Iterator[int]:
    for number in count():
        if time.monotonic() > until:
            return
        yield number
