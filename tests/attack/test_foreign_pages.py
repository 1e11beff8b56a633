"""What a foreign page can make a browser send changes nothing and tells nothing."""

from __future__ import annotations

import json
from itertools import product
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import websockets

from tests.attack.target import APP_ORIGIN, Target

CREATE = 'mutation { createProject(input: {name: "foreign"}) { __typename } }'
REFRESH = "mutation { refreshTokens { __typename ... on SignedIn { refreshToken } } }"
COUNT = "{ me { projects { totalCount } } }"
FOREIGN = [
    "https://evil.example",
    "http://evil.example",
    "null",
    "file://",
    "",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://127.0.0.1:{port}.evil.example",
    "http://127.0.0.1:{port}@evil.example",
    "http://evil.example#127.0.0.1:{port}",
    "http://localhost:{port}",
    "https://app.example.evil.example",
    "https://evil.app.example",
    "http://app.example",
    "https://app.example:8443",
    "*",
    "http://[",
    "chrome-extension://abcdefgh",
]
FORMS = {
    "application/x-www-form-urlencoded": urlencode({"query": CREATE}),
    "text/plain": json.dumps({"query": CREATE}),
    "text/plain; charset=application/json": json.dumps({"query": CREATE}),
    "text/plain, application/json": json.dumps({"query": CREATE}),
    "multipart/form-data; boundary=x": (
        f'--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{json.dumps({"query": CREATE})}\r\n'
        '--x\r\ncontent-disposition: form-data; name="map"\r\n\r\n{}\r\n--x--\r\n'
    ),
    "application/graphql": CREATE,
    "application/xml": json.dumps({"query": CREATE}),
    "application/jsonp": json.dumps({"query": CREATE}),
    "application/json; charset=utf-16": json.dumps({"query": CREATE}),
    "": json.dumps({"query": CREATE}),
}
HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "evil.example:{port}",
    "127.0.0.1@evil.example",
    "evil.example#127.0.0.1",
    "",
    "127.0.0.1:{port}, evil.example",
    "[::ffff:127.0.0.1]",
    "localhost.evil.example:{port}",
]


def foreign(target: Target) -> list[str]:
    """Origins that are neither the server's own nor listed."""
    return [origin.format(port=target.server.port) for origin in FOREIGN]


async def projects(target: Target) -> object:
    return (await target.ask(COUNT)).body


async def test_a_form_changes_nothing(target: Target) -> None:
    before = await projects(target)

    for content_type, body in FORMS.items():
        answer = await target.post(body.encode(), content_type=content_type)

        assert (answer.status, answer.codes) == (415, {"UNSUPPORTED_MEDIA_TYPE"}), content_type
    assert await projects(target) == before


async def test_a_form_with_the_browsers_cookie_uses_up_no_token(target: Target) -> None:
    credentials = {"email": f"{uuid4().hex}@example.com", "password": f"pass {uuid4().hex}"}
    register = "mutation($i: CredentialsInput!) { register(input: $i) { ... on SignedIn { refreshToken } } }"
    signed_in = (await target.ask(register, i=credentials)).body["data"]["register"]
    cookie = f"codelab_refresh={signed_in['refreshToken']}"
    target.http.cookies.clear()

    for content_type, body in (
        ("application/x-www-form-urlencoded", urlencode({"query": REFRESH})),
        ("text/plain", json.dumps({"query": REFRESH})),
        ("application/json", json.dumps({"query": REFRESH})),
    ):
        refused = await target.post(
            body.encode(), content_type=content_type, cookie=cookie, origin="https://evil.example"
        )
        assert refused.status == 403
    by_get = await target.http.get(target.url, params={"query": REFRESH}, headers={"cookie": cookie})
    own = await target.post(json.dumps({"query": REFRESH}).encode(), cookie=cookie)
    target.http.cookies.clear()

    assert by_get.status_code == 405
    assert own.body["data"]["refreshTokens"]["__typename"] == "SignedIn"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": "text/event-stream"},
        {"X-HTTP-Method-Override": "POST"},
        {"Content-Type": "application/json"},
    ],
)
async def test_a_link_changes_nothing(target: Target, headers: dict[str, str]) -> None:
    before = await projects(target)

    answer = await target.http.get(
        target.url, params={"query": CREATE}, headers={**target.authorization, **headers}
    )

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert await projects(target) == before


async def test_other_methods_change_nothing(target: Target) -> None:
    before = await projects(target)

    for method in ("PUT", "PATCH", "DELETE", "HEAD", "TRACE", "POSTS"):
        answer = await target.http.request(
            method, target.url, params={"query": CREATE}, json={"query": CREATE}, headers=target.authorization
        )

        assert answer.status_code in {400, 405}, method
    assert await projects(target) == before


async def test_a_foreign_page_is_refused_and_reads_nothing(target: Target) -> None:
    before = await projects(target)

    for origin in foreign(target):
        for query, accept in product((CREATE, COUNT), ("application/json", "text/event-stream")):
            body = json.dumps({"query": query}).encode()
            answer = await target.post(body, origin=origin, accept=accept)

            assert (answer.status, answer.codes) == (403, {"FORBIDDEN_ORIGIN"}), origin
            assert "access-control-allow-origin" not in answer.headers
    assert await projects(target) == before


async def test_a_foreign_page_opens_no_socket(target: Target) -> None:
    for origin in foreign(target):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await _open(target, {"Origin": origin})

        assert refused.value.response.status_code == 403, origin


async def test_a_name_that_was_rebound_reaches_nothing(target: Target) -> None:
    for host in HOSTS:
        for path in ("/graphql", "/", "/metrics", "/assets/x.js"):
            headers = {"Host": host.format(port=target.server.port)}
            answer = await target.http.get(f"{target.server.url}{path}", headers=headers)

            assert answer.status_code in {400, 421}, host
            assert "errors" in answer.json()


async def test_two_hosts_are_not_one(target: Target) -> None:
    reader, writer = await target.raw()
    writer.write(
        f"GET /graphql?query={{__typename}} HTTP/1.1\r\nHost: 127.0.0.1:{target.server.port}\r\n"
        "Host: evil.example\r\nConnection: close\r\n\r\n".encode()
    )

    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_no_preflight_gives_credentials_to_everyone(target: Target) -> None:
    for origin in [*foreign(target), APP_ORIGIN]:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, x-anything",
        }
        answer = await target.http.options(target.url, headers=asked)

        allowed = answer.headers.get("access-control-allow-origin")
        assert allowed == (APP_ORIGIN if origin == APP_ORIGIN else None), origin
        assert "*" not in str(answer.headers)
        assert "x-anything" not in answer.headers.get("access-control-allow-headers", "")
        assert answer.headers["vary"] == "Origin"


async def test_a_listed_page_is_served(target: Target) -> None:
    answer = await target.post(json.dumps({"query": COUNT}).encode(), origin=APP_ORIGIN)

    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == APP_ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"


async def _open(target: Target, headers: dict[str, str]) -> None:
    async with target.socket(additional_headers=headers):
        pass
