"""The built pages, as the server gives them out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.app.frontend import frontend


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "graphiql.html").write_text("<!doctype html><title>GraphiQL</title>")
    (tmp_path / "assets" / "graphiql-Ab_1.js").write_text("export {};")
    (tmp_path / "secret.txt").write_text("not an asset")
    return tmp_path


@pytest.fixture
async def client(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=frontend(dist))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_the_page_is_asked_for_again_each_time_and_sent_when_it_changed(
    client: httpx.AsyncClient, dist: Path
) -> None:
    first = await client.get("/graphiql")
    known = {"If-None-Match": first.headers["etag"]}

    again = await client.get("/graphiql", headers=known)
    (dist / "graphiql.html").write_text("<!doctype html><title>Newer</title>")
    changed = await client.get("/graphiql", headers=known)

    assert (first.status_code, first.headers["cache-control"]) == (200, "no-cache")
    assert first.headers["content-type"].startswith("text/html")
    assert (again.status_code, again.content) == (304, b"")
    assert (changed.status_code, "Newer" in changed.text) == (200, True)


async def test_the_page_may_use_its_own_server_only_and_write_styles(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/graphiql")).headers["content-security-policy"].split("; ")

    assert "default-src 'self'" in policy
    assert [directive for directive in policy if "unsafe" in directive] == [
        "style-src 'self' 'unsafe-inline'"
    ]
    assert not [directive for directive in policy if "http" in directive or "*" in directive]


async def test_an_asset_is_kept_for_ever(client: httpx.AsyncClient) -> None:
    response = await client.get("/assets/graphiql-Ab_1.js")

    assert (response.status_code, response.text) == (200, "export {};")
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "name",
    ["gone.js", "..%2Fsecret.txt", "../secret.txt", "%2e%2e/secret.txt", "", ".hidden", "a%00b", "ä.js"],
)
async def test_a_missing_asset_is_never_a_page(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get(f"/assets/{name}")

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/plain")


async def test_without_a_build_a_page_says_how_to_get_it(tmp_path: Path) -> None:
    app = Starlette(routes=frontend(tmp_path / "nothing"))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        response = await client.get("/graphiql")
        asset = await client.get("/assets/a.js")

    assert (response.status_code, asset.status_code) == (404, 404)
    assert response.headers["cache-control"] == "no-cache"
    assert "unsafe" not in response.headers["content-security-policy"]
    assert re.search(r"<code>make run</code> builds this page", response.text)
    assert "/graphql" in response.text
