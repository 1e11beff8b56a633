"""Production mode on the whole application: what it hides, refuses and says to browsers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query
from pydantic import SecretStr

from graphql_api.app.main import open_parts
from graphql_api.app.secrets import SecretsRefused
from graphql_api.app.security_headers import NOTHING_ALLOWED
from graphql_api.app.setting_types import Environment
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from persistence.memory.index import PlainMemoryIndex
from tests.graphql_api.schema.api import REGISTER

HOST = "codelab.example.com"
STRONG = SecretStr("new:kW3/yC5nPq0sVtX8zJb2LrFmUeHdGa7o")
PATHS = ["/", "/start.js", "/graphiql", "/schema.graphql", "/healthz", "/readyz", "/metrics", "/nothing"]


@asynccontextmanager
async def serving(folder: Path, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The application with production's settings, as a browser behind an HTTPS proxy reaches it."""
    chosen: dict[str, Any] = {
        "env": Environment.PRODUCTION,
        "secret_keys": STRONG,
        "allowed_hosts": (HOST,),
        "data_dir": folder,
        "rate_limit_per_minute": 100_000,
        **more,
    }
    async with open_parts(Settings(**chosen), memory_index=PlainMemoryIndex()) as parts:
        transport = httpx.ASGITransport(Web(parts).asgi, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as http:
            yield http


@pytest.fixture(scope="module")
async def production(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """Production as it is by default."""
    async with serving(tmp_path_factory.mktemp("production")) as http:
        yield http


@pytest.fixture(scope="module")
async def development(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """The same server in development."""
    more = {"env": Environment.DEVELOPMENT, "secret_keys": None}
    async with serving(tmp_path_factory.mktemp("development"), **more) as http:
        yield http


async def _errors(http: httpx.AsyncClient, query: str, **variables: object) -> list[dict[str, Any]]:
    answer = await http.post("/graphql", json={"query": query, "variables": variables})
    errors: list[dict[str, Any]] = answer.json()["errors"]
    return errors


PROBES = [
    get_introspection_query(),
    "{ __schema { queryType { name } } }",
    '{ __type(name: "User") { name } }',
    "{ ...f } fragment f on Query { a: __schema { description } }",
    "{ system { ...f } } fragment f on System { __schema { description } }",
]


@pytest.mark.parametrize("query", PROBES)
async def test_the_schema_is_not_told(production: httpx.AsyncClient, query: str) -> None:
    (error,) = await _errors(production, query)

    assert error["extensions"]["code"] == "INTROSPECTION_OFF"


async def test_the_schema_s_text_is_not_there(
    production: httpx.AsyncClient, development: httpx.AsyncClient
) -> None:
    assert (await production.get("/schema.graphql")).status_code == 404
    assert (await development.get("/schema.graphql")).status_code == 200


async def test_typename_is_answered(production: httpx.AsyncClient) -> None:
    answer = await production.post("/graphql", json={"query": "{ __typename system { __typename } }"})

    assert answer.json() == {"data": {"__typename": "Query", "system": {"__typename": "System"}}}


async def test_development_tells_its_schema_within_the_limits(development: httpx.AsyncClient) -> None:
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    answer = await development.post("/graphql", json={"query": query})

    assert "errors" not in answer.json()
    assert answer.json()["data"]["__schema"]["queryType"]["name"] == "Query"


SUGGESTED: list[tuple[str, Mapping[str, object]]] = [
    ("{ sytem { version } }", {}),
    ("{ system { versoin } }", {}),
    ("{ project(ID: 1) { id } }", {}),
    ("query ($v: Strng) { system { version } }", {}),
    ("{ ... on Qery { system { version } } }", {}),
    ("mutation { updatePreferences(input: {theme: DRK}) { __typename } }", {}),
    ("mutation { updatePreferences(input: {them: DARK}) { __typename } }", {}),
    (
        "mutation ($v: PreferencesInput!) { updatePreferences(input: $v) { __typename } }",
        {"v": {"them": "DARK"}},
    ),
    (
        "mutation ($v: PreferencesInput!) { updatePreferences(input: $v) { __typename } }",
        {"v": {"theme": "DRK"}},
    ),
]


@pytest.mark.parametrize(("query", "variables"), SUGGESTED)
async def test_errors_suggest_no_names(
    production: httpx.AsyncClient,
    development: httpx.AsyncClient,
    query: str,
    variables: Mapping[str, object],
) -> None:
    hidden = await _errors(production, query, **variables)
    shown = await _errors(development, query, **variables)

    assert "Did you mean" in json.dumps(shown)
    assert "Did you mean" not in json.dumps(hidden)
    assert len(hidden) == len(shown)


async def test_introspection_can_be_switched_on_in_production_and_off_in_development(tmp_path: Path) -> None:
    query = "{ __schema { queryType { name } } }"
    production, development = (tmp_path / name for name in ("on", "off"))
    for folder in (production, development):
        folder.mkdir()
    more = {"env": Environment.DEVELOPMENT, "secret_keys": None, "introspection": False}

    async with serving(production, introspection=True) as http:
        told = await http.post("/graphql", json={"query": query})
        schema = await http.get("/schema.graphql")
    async with serving(development, **more) as http:
        (error,) = await _errors(http, query)

    assert told.json() == {"data": {"__schema": {"queryType": {"name": "Query"}}}}
    assert schema.status_code == 200
    assert error["extensions"]["code"] == "INTROSPECTION_OFF"


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_tells_browsers_to_be_careful(production: httpx.AsyncClient, path: str) -> None:
    headers = (await production.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["cache-control"] in {"no-store", "no-cache"}
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"] or path in {
        "/",
        "/start.js",
        "/graphiql",
    }


@pytest.mark.parametrize("body", [{"query": "{ system { version } }"}, {"query": "{"}, [], {"query": 1}])
async def test_the_api_s_answers_are_kept_by_nobody_and_may_do_nothing(
    production: httpx.AsyncClient, body: object
) -> None:
    headers = (await production.post("/graphql", json=body)).headers

    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == NOTHING_ALLOWED
    assert headers["x-frame-options"] == "DENY"


async def test_a_refused_host_gets_the_headers_as_well(production: httpx.AsyncClient) -> None:
    answer = await production.get("/", headers={"host": "evil.example"})

    assert answer.status_code == 421
    assert answer.headers["content-security-policy"] == NOTHING_ALLOWED


async def test_only_https_in_production_promises_https(
    production: httpx.AsyncClient, development: httpx.AsyncClient
) -> None:
    plain = await production.get(f"http://{HOST}/healthz")

    assert "strict-transport-security" not in plain.headers
    assert "strict-transport-security" not in (await development.get("/healthz")).headers


async def test_cookies_are_for_https_and_for_this_site_only(production: httpx.AsyncClient) -> None:
    person = {"email": "ada@example.com", "password": "correct horse"}
    answer = await production.post("/graphql", json={"query": REGISTER, "variables": {"input": person}})

    cookie = answer.headers["set-cookie"].lower()
    assert {"secure", "httponly", "samesite=strict"} <= {part.strip() for part in cookie.split(";")}


async def test_the_page_of_the_same_host_may_use_the_api_and_no_other(production: httpx.AsyncClient) -> None:
    query = {"query": "{ system { version } }"}
    own = await production.post("/graphql", json=query, headers={"origin": f"https://{HOST}"})
    foreign = await production.post("/graphql", json=query, headers={"origin": "https://evil.example"})

    assert own.status_code == 200
    assert (foreign.status_code, foreign.json()["errors"][0]["extensions"]["code"]) == (
        403,
        "FORBIDDEN_ORIGIN",
    )


async def test_a_bug_is_masked_with_an_id(
    production: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("graphql_api.schema.roots.System", broken)
    (error,) = await _errors(production, "{ system { version } }")

    assert error["message"] == "Internal error"
    assert error["extensions"].keys() == {"code", "id"}
    assert "hunter2" not in json.dumps(error)


async def test_weak_secrets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretsRefused):
        async with serving(tmp_path, secret_keys=SecretStr("k:weak")):
            pass
