"""Headers of every response: added where a response does not speak for itself."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphql_api.app.security_headers import HEADERS, NOTHING_ALLOWED, SecurityHeaders


async def _answer(headers: dict[str, str], *, media_type: str = "application/json") -> httpx.Headers:
    async def endpoint(_: Request) -> Response:
        return Response("{}", headers=headers, media_type=media_type)

    app = SecurityHeaders(Starlette(routes=[Route("/", endpoint)]), https_only=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return (await client.get("/")).headers


async def test_an_answer_without_headers_gets_all_of_them() -> None:
    headers = await _answer({})

    assert {name: headers[name] for name in HEADERS} == HEADERS


async def test_what_a_response_says_itself_is_kept() -> None:
    own = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "no-cache"}

    headers = await _answer(own, media_type="text/html")

    assert {name: headers[name] for name in own} == own
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("media_type", "policy"), [("text/javascript", None), ("text/css", NOTHING_ALLOWED)])
async def test_a_script_s_workers_are_not_bound(media_type: str, policy: str | None) -> None:
    assert (await _answer({}, media_type=media_type)).get("content-security-policy") == policy
