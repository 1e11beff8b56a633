"""Trusted documents, asked for by their id over every transport."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from hashlib import sha256

import httpx
import pytest
from graphql import get_introspection_query

from graphql_api.limits.shape import shape_rule
from graphql_api.transport.documents import Documents
from graphql_api.transport.errors import Refused
from graphql_api.transport.library import Library
from graphql_api.transport.parameters import Parameters
from graphql_api.transport.routes import routes
from graphql_api.transport.trusted import TrustedDocument, UnfitDocument
from tests.graphql_api.transport.serving import Served, Server, serving, toy_transports
from tests.graphql_api.transport.test_websocket import connected
from tests.graphql_api.transport.toy import World, schema

ME = "query Me { me }"
SQUARE = "query Square($of: Int!) { square(of: $of) }"
COUNT = "subscription Count($to: Int!) { count(to: $to) }"
APPEND = 'mutation Append { append(text: "a") }'
STREAM = {"accept": "text/event-stream"}
MODERN = {"accept": "application/graphql-response+json"}


at_some_time = pytest.mark.parametrize("at_once", [True, False])


def _document(body: str) -> TrustedDocument:
    return TrustedDocument(sha256(body.encode()).hexdigest(), body.split()[1].partition("(")[0], body)


TRUSTED = [_document(body) for body in (ME, SQUARE, COUNT, APPEND)]
ID = {it.name: it.id for it in TRUSTED}
UNKNOWN = "0" * 64


@pytest.fixture(params=[False, True], ids=["any", "only trusted"])
def only_trusted(request: pytest.FixtureRequest) -> bool:
    """Whether other documents are refused."""
    return bool(request.param)


@pytest.fixture
async def served(server: Server, world: World, only_trusted: bool) -> AsyncIterator[Served]:
    """The toy with trusted documents."""
    transports = replace(toy_transports(world), trusted=TRUSTED, only_trusted=only_trusted)
    async with serving(server, world, transports) as it:
        yield it


def _by_hash(document_id: str) -> dict[str, object]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": document_id}}}


def _code(response: httpx.Response) -> object:
    return response.json()["errors"][0]["extensions"]["code"]


@pytest.mark.parametrize(
    "asked",
    [
        {"documentId": f"sha256:{ID['Square']}"},
        {"documentId": ID["Square"]},
        {"documentId": f"SHA256:{ID['Square'].upper()}"},
        _by_hash(ID["Square"]),
        {"query": None, **_by_hash(ID["Square"])},
        {"query": SQUARE},
    ],
    ids=str,
)
async def test_a_document_is_run_by_its_id_over_http(served: Served, asked: Mapping[str, object]) -> None:
    body: dict[str, object] = {**asked, "variables": {"of": 3}, "operationName": "Square"}
    url: dict[str, str] = {
        name: it if isinstance(it, str) else json.dumps(it) for name, it in body.items() if it
    }

    by_post = await served.http.post(served.url, json=body)
    by_get = await served.http.get(served.url, params=url)

    assert by_post.json() == by_get.json() == {"data": {"square": 9}}


async def test_a_document_is_run_by_its_id_over_event_streams(served: Served) -> None:
    asked = f"sha256:{ID['Count']}"
    body: dict[str, object] = {"documentId": asked, "variables": {"to": 1}}
    url = {"documentId": asked, "variables": '{"to": 1}'}

    by_post = await served.http.post(served.url, json=body, headers=STREAM)
    by_get = await served.http.get(served.url, params=url, headers=STREAM)

    assert 'event: next\ndata: {"data":{"count":1}}' in by_post.text
    assert by_get.text == by_post.text


async def test_a_document_is_run_by_its_id_over_a_websocket(served: Served) -> None:
    ways: list[dict[str, object]] = [{"documentId": ID["Square"]}, _by_hash(ID["Square"])]

    async with connected(served) as peer:
        for number, asked in enumerate(ways):
            await peer.say("subscribe", id=f"{number}", payload={**asked, "variables": {"of": 4}})
            answer, _ = await peer.hear_of(f"{number}")

            assert answer["payload"] == {"data": {"square": 16}}


async def test_a_mutation_is_not_run_by_get_whatever_it_is_called(served: Served) -> None:
    response = await served.http.get(served.url, params={"documentId": ID["Append"]})

    assert (response.status_code, _code(response), served.world.log) == (405, "METHOD_NOT_ALLOWED", [])


@pytest.mark.parametrize("asked", [{"documentId": f"sha256:{UNKNOWN}"}, _by_hash(UNKNOWN)], ids=str)
async def test_an_unknown_id_is_an_error_of_its_own(served: Served, asked: Mapping[str, object]) -> None:
    modern = await served.http.post(served.url, json=asked, headers=MODERN)
    legacy = await served.http.post(served.url, json=asked)
    async with connected(served) as peer:
        await peer.say("subscribe", id="1", payload=asked)
        (error,) = await peer.hear_of("1")

    assert (modern.status_code, legacy.status_code) == (400, 200)
    assert _code(modern) == _code(legacy) == "PERSISTED_QUERY_NOT_FOUND"
    assert error["payload"] == legacy.json()["errors"]
    assert served.world.contexts == []
    assert len(served.world.charged) == 3


async def test_a_hash_beside_a_text_registers_nothing(served: Served) -> None:
    query = "{ me }"
    digest = sha256(query.encode()).hexdigest()

    await served.http.post(served.url, json={"query": query, **_by_hash(digest)})
    later = await served.http.post(served.url, json=_by_hash(digest))

    assert _code(later) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "asked",
    [
        {"documentId": "me"},
        {"documentId": f"md5:{ID['Me']}"},
        {"documentId": f" {ID['Me']}"},
        {"documentId": ID["Me"][1:]},
        {"documentId": 1},
        {"documentId": ""},
        {"documentId": ID["Me"], "query": ME},
        {"documentId": ID["Me"], "query": ""},
        _by_hash("x"),
        {"extensions": {"persistedQuery": {"sha256Hash": 7}}},
        {"extensions": {"persistedQuery": []}},
        {"extensions": {"persistedQuery": {}}},
    ],
    ids=str,
)
async def test_what_is_no_id_is_a_bad_request(served: Served, asked: Mapping[str, object]) -> None:
    response = await served.http.post(served.url, json=asked)

    assert (response.status_code, _code(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("only_trusted", [True], indirect=True)
@pytest.mark.parametrize("query", ["{ me }", f"{ME} ", get_introspection_query(), "{ {{{", "x" * 200_000])
async def test_where_only_trusted_documents_are_run_any_other_text_is_not_even_parsed(
    served: Served, query: str
) -> None:
    response = await served.http.post(served.url, json={"query": query})
    streamed = await served.http.post(served.url, json={"query": query}, headers=STREAM)
    async with connected(served) as peer:
        await peer.subscribe("1", query)
        (error,) = await peer.hear_of("1")
        await peer.say("subscribe", id="2", payload={"documentId": ID["Me"]})
        sibling, _ = await peer.hear_of("2")

    assert (response.status_code, _code(response)) == (403, "UNTRUSTED_DOCUMENT")
    assert streamed.status_code == 403
    assert error["payload"] == response.json()["errors"]
    assert sibling["payload"] == {"data": {"me": None}}


@pytest.mark.parametrize("only_trusted", [False], indirect=True)
async def test_elsewhere_any_text_is_run(served: Served) -> None:
    response = await served.http.post(served.url, json={"query": "{ me }"})

    assert response.json() == {"data": {"me": None}}


@at_some_time
def test_a_text_and_its_id_are_one_document(at_once: bool) -> None:
    library = Library(Documents(schema._schema), trusted=TRUSTED, at_once=at_once)

    by_id = library.find(Parameters(None, None, {}, ID["Me"]))

    assert library.find(Parameters(ME, None, {})) is by_id


@at_some_time
def test_a_trusted_document_is_never_forgotten(at_once: bool) -> None:
    library = Library(Documents(schema._schema, capacity=1), trusted=TRUSTED, at_once=at_once)

    for _ in range(2):
        assert {library.find(Parameters(None, None, {}, it.id)).id for it in TRUSTED} == {1, 2, 3, 4}


def test_a_document_that_is_checked_later_and_does_not_fit_is_refused_each_time() -> None:
    library = Library(Documents(schema._schema), trusted=[_document("query Old { gone }")], at_once=False)

    for _ in range(2):
        with pytest.raises(Refused) as refusal:
            library.find(Parameters("query Old { gone }", None, {}))
        assert refusal.value.errors[0]["message"] == "Cannot query field 'gone' on type 'Query'."


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("query Old { gone }", "Cannot query field 'gone' on type 'Query'."),
        ("query Broken {", "Syntax Error"),
        ("query Deep { named { ...f } } fragment f on Named { ...f }", "fragments that contain themselves"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_by_name(body: str, reason: str) -> None:
    transports = replace(toy_transports(World()), trusted=[*TRUSTED, _document(body)], limits=[shape_rule()])

    with pytest.raises(UnfitDocument, match=reason) as unfit:
        routes(transports)

    assert unfit.value.name == body.split()[1]
