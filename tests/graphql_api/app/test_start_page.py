"""The page that a new user sees first."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from graphql import build_schema as schema_from_text
from graphql import parse, validate
from starlette.applications import Starlette
from starlette.routing import Route

from graphql_api.app.schema_text import schema_text
from graphql_api.app.start_page import FILES, FOLDER, SCHEMA_PATH, start_page

MAX_SCRIPT_BYTES = 12_500
SCRIPT = (FOLDER / "start.js").read_text()
PAGE = (FOLDER / "index.html").read_text()
RUSSIAN: dict[str, str] = json.loads((FOLDER / "ru.json").read_text())


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=start_page())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("path", FILES)
async def test_each_file_is_served_under_a_strict_policy(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    assert (response.status_code, response.headers["cache-control"]) == (200, "no-cache")
    assert response.headers["content-type"].startswith(FILES[path][1])
    policy = response.headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'self'"
    assert not [directive for directive in policy if "unsafe" in directive or "http" in directive]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/index.html", "/page/start.js", "/../settings.py", "/favicon.ico", "/x"])
async def test_nothing_else_is_there(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_the_schema_is_served_as_text(client: httpx.AsyncClient) -> None:
    response = await client.get(SCHEMA_PATH)

    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == schema_text()


async def test_the_schema_is_written_once() -> None:
    asked: list[None] = []

    def schema() -> str:
        asked.append(None)
        return "type Query { a: Int }"

    app = Starlette(routes=start_page(schema))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        texts = [(await client.get(SCHEMA_PATH)).text for _ in range(3)]

    assert (len(asked), set(texts)) == (1, {"type Query { a: Int }"})


async def test_a_page_without_a_schema_does_not_speak_of_one() -> None:
    pages = {shown: await _get(start_page(schema)) for shown, schema in ((True, schema_text), (False, None))}

    assert {shown: (SCHEMA_PATH in page, "/graphiql" in page) for shown, page in pages.items()} == {
        True: (True, True),
        False: (False, True),
    }


async def _get(routes: list[Route]) -> str:
    app = Starlette(routes=routes)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return (await client.get("/")).text


def test_the_page_keeps_its_own_policy() -> None:
    assert not re.search(r"<style|style=|\son\w+=|javascript:", PAGE)
    assert not re.findall(r"<script(?![^>]*src=)", PAGE)
    assert not re.search(r"(src|href)=\"(?!/)", PAGE)
    assert not re.search(r"\beval\(|innerHTML|https?://|localStorage|sessionStorage", SCRIPT)


def test_the_script_is_small() -> None:
    assert len(SCRIPT.encode()) < MAX_SCRIPT_BYTES


def test_every_text_is_there_in_russian() -> None:
    in_page = set(re.findall(r'data-t="(\w+)"', PAGE))
    english = SCRIPT[SCRIPT.index("const EN = {") : SCRIPT.index("};")]
    in_script = set(re.findall(r"^  (\w+): ", english, re.MULTILINE))

    assert set(RUSSIAN) == in_page | in_script
    for key, text in re.findall(r'^  (\w+): "(.*)",$', english, re.MULTILINE):
        assert re.findall(r"\{\d\}", RUSSIAN[key]) == re.findall(r"\{\d\}", text), key


def test_every_operation_of_the_page_fits_the_schema() -> None:
    constants = dict(re.findall(r"^const ([A-Z_]+) = [\"'`](.*)[\"'`];$", SCRIPT, re.MULTILINE))
    documents = {
        name: re.sub(r"\$\{([A-Z_]+)\}", lambda found: constants[found[1]], text)
        for name, text in constants.items()
        if text.startswith(("{", "mutation", "subscription"))
    }
    schema = schema_from_text(schema_text())

    assert set(documents) == {"REDEEM", "REFRESH", "PROJECTS", "SYSTEM", "CREATE", "SEND", "WATCH", "FOLLOW"}
    for name, document in documents.items():
        assert validate(schema, parse(document)) == [], name
        assert "'" not in document, f"{name} stands between single quotes of a shell"
