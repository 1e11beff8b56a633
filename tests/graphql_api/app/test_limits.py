"""The limits in force on the whole application: what operations cost, and that refusals read nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_api.app.main import open_parts
from graphql_api.app.setting_types import ProcessRole
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from persistence.memory.absent_index import AbsentIndex
from persistence.memory.rate_limiter import MemoryRateLimiter
from tests.graphql_api.limits.test_schema import ATTACKS
from tests.graphql_api.schema.api import Api, Json
from tests.persistence.people import executed

LOOK = """query ($n: Int) { rateLimit { cost remaining limit } me { projects(first: $n) { nodes { id
    agents { nodes { id name handle status } } } } } }"""


@asynccontextmanager
async def serving(folder: Path, **more: Any) -> AsyncIterator[Api]:
    """The application without a worker, for whose limiter no time passes, and a client that is not signed in."""
    settings = Settings(data_dir=folder, process=ProcessRole.API, **more)
    async with open_parts(settings, memory_index=AbsentIndex()) as parts:
        frozen = replace(parts, limiter=MemoryRateLimiter(monotonic_s=lambda: 0.0))
        transport = httpx.ASGITransport(Web(frozen).asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield Api(http, parts)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A client that is signed in."""
    async with serving(tmp_path) as nobody:
        yield await nobody.signed_up("ada@example.com")


async def test_the_rate_limit_shows_what_the_operation_costs(api: Api) -> None:
    small: Json = await api.data("{ rateLimit { cost remaining limit } }")
    answer = await api.send(LOOK, n=50)
    large: Json = answer["data"]["rateLimit"]

    assert (small["cost"], large["cost"]) == (1, 6)
    assert small["remaining"] - large["remaining"] == 6


async def test_log_ins_under_many_names_cost_as_many_units(tmp_path: Path) -> None:
    log_ins = " ".join(
        f'a{number}: logIn(input: {{email: "x@example.com", password: "p{number}"}}) {{ __typename }}'
        for number in range(20)
    )
    async with serving(tmp_path, rate_limit_per_minute=30) as nobody:
        await nobody.send(f"mutation {{ {log_ins} }}")
        left: Json = await nobody.data("{ rateLimit { remaining } }")
        again = await nobody.code(f"mutation {{ {log_ins} }}")

    assert left["remaining"] == 9
    assert again == "RATE_LIMITED"


async def test_what_a_minute_could_never_pay_for_is_refused_for_good(tmp_path: Path) -> None:
    async with serving(tmp_path, rate_limit_per_minute=5) as nobody:
        answer = await nobody.send(LOOK, n=50)

    (error,) = answer["errors"]
    assert error["extensions"] == {
        "code": "LIMIT_EXCEEDED",
        "name": "complexity",
        "limit": 10_000,
        "found": 10_157,
    }


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_refusal_reads_nothing(api: Api, name: str) -> None:
    await api.send("{ me { id } }")

    with executed(api.parts.stores.database) as statements:
        answer = await api.send(ATTACKS[name])

    assert {error["extensions"]["code"] for error in answer["errors"]} == {"LIMIT_EXCEEDED"}
    assert "data" not in answer
    assert statements == []


async def test_what_is_refused_is_charged(api: Api) -> None:
    before: Json = await api.data("{ rateLimit { remaining } }")
    for _ in range(10):
        await api.send(ATTACKS["nesting"])
    after: Json = await api.data("{ rateLimit { remaining } }")

    assert before["remaining"] - after["remaining"] == 11
