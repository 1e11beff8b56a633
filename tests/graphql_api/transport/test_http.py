"""GraphQL over HTTP, on a real server."""

from uuid import UUID

import httpx
import pytest

from domain.errors import Conflict, LimitExceeded, NotFound, Unavailable
from graphql_api.transport.ports import OperationKind, Outcome, TransportKind
from tests.graphql_api.transport.serving import Served
from tests.graphql_api.transport.toy import ALICE, World

GRAPHQL_JSON = "application/graphql-response+json"
MODERN = {"accept": GRAPHQL_JSON}


async def post(
    served: Served, query: str, headers: dict[str, str] | None = None, **body: object
) -> httpx.Response:
    return await served.http.post(served.url, json={"query": query, **body}, headers=headers)


def code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


async def test_a_query_is_answered(served: Served) -> None:
    response = await post(served, "{ me }", MODERN)

    assert response.status_code == 200
    assert response.json() == {"data": {"me": None}}
    assert response.headers["content-type"] == f"{GRAPHQL_JSON}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"


async def test_a_bearer_token_signs_in(served: Served) -> None:
    response = await post(served, "{ me }", {"authorization": "bearer alice"})

    assert response.json() == {"data": {"me": "1"}}
    assert served.world.finished[0][0].user_id == ALICE
    assert served.world.contexts[0].request.transport is TransportKind.HTTP


@pytest.mark.parametrize("header", ["Bearer mallory", "Bearer", "Basic YTpi", "alice", ""])
async def test_a_bad_token_is_401_whatever_is_asked(served: Served, header: str) -> None:
    response = await post(served, "{ me }", {"authorization": header})

    assert response.status_code == 401
    assert code(response) == "UNAUTHENTICATED"
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_an_expired_token_is_401(served: Served) -> None:
    served.world.authenticator.lifetime *= -1

    response = await post(served, "{ me }", {"authorization": "Bearer alice"})

    assert response.status_code == 401


async def test_a_store_that_is_away_is_503_with_retry_after(served: Served) -> None:
    served.world.authenticator.failure = Unavailable("The database is away.", retry_after_s=0.2)

    response = await post(served, "{ me }", {"authorization": "Bearer alice"})

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert code(response) == "UNAVAILABLE"


async def test_a_bug_before_execution_is_masked(served: Served) -> None:
    served.world.authenticator.failure = ZeroDivisionError("secret")

    response = await post(served, "{ me }", {"authorization": "Bearer alice"})

    assert response.status_code == 500
    extensions = {"code": "INTERNAL", "id": str(UUID(int=1))}
    assert response.json() == {"errors": [{"message": "Internal error", "extensions": extensions}]}


async def test_cookies_and_headers_of_resolvers_are_sent(served: Served) -> None:
    response = await post(served, "mutation { signIn }")

    assert response.headers["x-toy"] == "yes"
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("refresh=r1;")
    assert {"HttpOnly", "Max-Age=60", "Path=/graphql", "SameSite=strict", "Secure"} <= set(cookie.split("; "))


async def test_the_refresh_cookie_reaches_resolvers_by_post_only(served: Served) -> None:
    cookie = {"cookie": "codelab_refresh=r0", "user-agent": "toy"}

    by_post = await post(served, "{ seen }", cookie)
    by_get = await served.http.get(served.url, params={"query": "{ seen }"}, headers=cookie)

    assert by_post.json()["data"]["seen"] == {
        "transport": "http",
        "ip": "127.0.0.1",
        "agent": "toy",
        "refresh": "r0",
        "cost": 1,
        "remaining": 99,
    }
    assert by_get.json()["data"]["seen"]["refresh"] is None


async def test_a_cookie_signs_nothing_in_outside_of_streams(served: Served) -> None:
    cookie = {"cookie": "codelab_access=alice"}

    by_post = await post(served, "{ me }", cookie)
    by_get = await served.http.get(served.url, params={"query": "{ me }"}, headers=cookie)

    assert by_post.json() == by_get.json() == {"data": {"me": None}}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_other_methods_are_405_and_say_what_is_allowed(served: Served, method: str) -> None:
    response = await served.http.request(method, served.url)

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


async def test_get_runs_no_mutation(served: Served) -> None:
    params = {"query": 'mutation { append(text: "x") }'}

    response = await served.http.get(served.url, params=params, headers=MODERN)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert served.world.log == []


async def test_a_subscription_needs_an_event_stream(served: Served) -> None:
    query = "subscription { count(to: 1) }"

    by_post = await post(served, query)
    by_get = await served.http.get(served.url, params={"query": query})

    assert by_post.status_code == by_get.status_code == 406
    assert code(by_post) == code(by_get) == "NOT_ACCEPTABLE"


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", "application/json;q=0", "application/json;q=nonsense"]
)
async def test_what_can_not_be_sent_is_406(served: Served, accept: str) -> None:
    response = await post(served, "{ me }", {"accept": accept})

    assert response.status_code == 406
    assert code(response) == "NOT_ACCEPTABLE"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/graphql",
        "application/json; charset=latin-1",
        "",
    ],
)
async def test_a_body_that_a_form_could_send_is_415(served: Served, content_type: str) -> None:
    body = b'{"query": "mutation { append(text: \\"x\\") }"}'

    response = await served.http.post(served.url, content=body, headers={"content-type": content_type})

    assert response.status_code == 415
    assert code(response) == "UNSUPPORTED_MEDIA_TYPE"
    assert served.world.log == []


async def test_a_compressed_body_is_415(served: Served) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}

    response = await served.http.post(served.url, content=b"{}", headers=headers)

    assert response.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"1",
        b'"{ me }"',
        b"[]",
        b'[{"query":"{ me }"}]',
        b"{}",
        b'{"query":null}',
        b'{"query":""}',
        b'{"query":["{ me }"]}',
        b'{"query":"{ me }","operationName":1}',
        b'{"query":"{ me }","variables":[]}',
        b'{"query":"{ me }","variables":"{}"}',
        b'{"query":"{ me }","extensions":[]}',
        b'{"query":"{ me }","variables":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
async def test_a_malformed_body_is_400(served: Served, body: bytes) -> None:
    response = await served.http.post(served.url, content=body, headers={"content-type": "application/json"})

    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"
    assert served.world.contexts == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{", "SYNTAX_ERROR"),
        ("{ a" * 50 + "}" * 50, "VALIDATION_FAILED"),
        ("{ a" * 250 + "}" * 250, "SYNTAX_ERROR"),
        ("{ nothing }", "VALIDATION_FAILED"),
        ("fragment f on Query { me }", "VALIDATION_FAILED"),
        ("query($v: Int!) { square(of: $v) }", "BAD_VARIABLES"),
        ("query A { me } query B { me }", "UNKNOWN_OPERATION"),
    ],
)
async def test_what_graphql_refuses_is_400_or_200_by_the_media_type(
    served: Served, query: str, expected: str
) -> None:
    modern = await post(served, query, MODERN)
    legacy = await post(served, query)

    assert (modern.status_code, legacy.status_code) == (400, 200)
    assert code(modern) == code(legacy) == expected
    assert "data" not in modern.json()
    assert {outcome for _, outcome in served.world.finished} == {Outcome.INVALID}


async def test_the_named_operation_is_run(served: Served) -> None:
    query = "query A { a: me } query B { b: me }"

    known = await post(served, query, operationName="B")
    unknown = await post(served, query, MODERN, operationName="C")

    assert known.json() == {"data": {"b": None}}
    assert code(unknown) == "UNKNOWN_OPERATION"
    assert served.world.finished[0][0].name == "B"
    assert served.world.finished[0][0].kind is OperationKind.QUERY


async def test_a_query_string_carries_variables(served: Served) -> None:
    params = {"query": "query($v: Int!) { square(of: $v) }", "variables": '{"v": 3}', "operationName": ""}

    good = await served.http.get(served.url, params=params)
    bad = await served.http.get(served.url, params={**params, "variables": "{v: 3}"})

    assert good.json() == {"data": {"square": 9}}
    assert bad.status_code == 400


async def test_nonsense_is_charged_and_then_refused(served: Served) -> None:
    first = await post(served, "{")
    served.world.refuse_for_s = 1.2
    second = await post(served, "{")

    assert first.status_code == 200
    assert [operation.kind for operation in served.world.charged] == [None, None]
    assert second.status_code == 429


async def test_over_the_rate_limit_is_429_with_retry_after(served: Served) -> None:
    served.world.refuse_for_s = 1.2

    response = await post(served, "{ me }")

    assert response.status_code == 429
    assert response.headers["retry-after"] == "2"
    assert response.json()["errors"][0]["extensions"] == {
        "code": "RATE_LIMITED",
        "retryAfterSeconds": 1.2,
        "limit": 100,
    }
    assert served.world.contexts == []
    assert served.world.finished[0][1] is Outcome.REFUSED


async def test_a_gate_that_breaks_is_masked(served: Served) -> None:
    served.world.gate_failure = OSError("redis://secret")

    response = await post(served, "{ me }")

    assert response.status_code == 500
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("failure", "status", "expected"),
    [
        (Unavailable("The database is away."), 503, "UNAVAILABLE"),
        (LimitExceeded("Too many.", limit=1), 429, "LIMIT_EXCEEDED"),
        (NotFound("user"), 404, "NOT_FOUND"),
        (Conflict("Not now."), 400, "CONFLICT"),
        (TimeoutError(), 500, "INTERNAL"),
    ],
)
async def test_a_context_that_can_not_be_opened_refuses_the_operation(
    served: Served, failure: Exception, status: int, expected: str
) -> None:
    served.world.context_failure = failure

    response = await post(served, "{ me }")

    assert (response.status_code, code(response)) == (status, expected)


async def test_a_context_that_breaks_while_closing_is_masked(served: Served) -> None:
    served.world.close_failure = RuntimeError("secret")

    response = await post(served, "{ me }")

    assert response.status_code == 500
    assert "secret" not in response.text


async def test_a_host_that_is_not_ours_is_421(served: Served) -> None:
    response = await post(served, "{ me }", {"host": "evil.example"})

    assert response.status_code == 421
    assert code(response) == "FORBIDDEN_HOST"


@pytest.mark.parametrize(
    "host", ["a.codelab.example", "b.a.codelab.example:8000", "127.0.0.1:1", "127.0.0.1."]
)
async def test_listed_hosts_are_served(served: Served, host: str) -> None:
    response = await post(served, "{ me }", {"host": host})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "file://", "http://[::", "https://app.example.evil"]
)
async def test_a_foreign_page_is_refused(served: Served, origin: str) -> None:
    response = await post(served, 'mutation { append(text: "x") }', {"origin": origin})

    assert response.status_code == 403
    assert code(response) == "FORBIDDEN_ORIGIN"
    assert "access-control-allow-origin" not in response.headers
    assert served.world.log == []


async def test_pages_of_the_same_host_and_of_listed_origins_are_served(served: Served) -> None:
    same = await post(served, "{ me }", {"origin": f"http://127.0.0.1:{served.port}"})
    listed = await post(served, "{ me }", {"origin": "https://APP.example"})

    assert same.status_code == listed.status_code == 200
    assert "access-control-allow-origin" not in same.headers
    assert listed.headers["access-control-allow-origin"] == "https://APP.example"
    assert listed.headers["access-control-allow-credentials"] == "true"
    assert listed.headers["vary"] == "Origin"


async def test_a_preflight_is_answered_for_listed_origins_only(served: Served) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}

    listed = await served.http.options(served.url, headers={"origin": "https://app.example", **asked})
    foreign = await served.http.options(served.url, headers={"origin": "https://evil.example", **asked})

    assert listed.status_code == 204
    assert "authorization" in listed.headers["access-control-allow-headers"]
    assert foreign.status_code == 403


async def test_the_observer_hears_of_every_operation(served: Served, world: World) -> None:
    await post(served, "query Q { me }")
    await post(served, '{ fail(how: "missing") }')
    await post(served, '{ fail(how: "bug") }')

    outcomes = [outcome for _, outcome in world.finished]
    assert outcomes == [Outcome.OK, Outcome.ERRORS, Outcome.INTERNAL]
    assert world.in_flight == 0
