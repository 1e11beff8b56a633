"""Documents and variables that are small to send and dear to work on are refused before any resolver runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from graphql_api.app.main import Parts, open_parts
from graphql_api.app.setting_types import ProcessRole
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from persistence.memory.absent_index import AbsentIndex
from tests.attack.shapes import SHAPES
from tests.attack.target import Target, close_code, frame, subscribe
from tests.persistence.people import executed

PROJECTS = "{ me { projects { totalCount } } }"
CREATE = 'c: createProject(input: {name: "attack"}) { __typename }'
HUGE = [
    ({"capabilities": ["x"] * 100_000}, "a list of a hundred thousand texts"),
    ({"capabilities": [{}] * 50_000}, "a list of fifty thousand wrong things"),
    ({"systemPrompt": "x" * 1_900_000}, "a text of two megabytes"),
    ({"name": "\x00\ud7ff" * 100_000}, "a name of strange characters"),
    ({"tools": [{"name": "web_search", "enabled": True}] * 20_000}, "a list of twenty thousand objects"),
    ({f"field{n}": n for n in range(20_000)}, "twenty thousand fields that do not exist"),
    ({"temperature": 1e308, "maxTokens": 2**31 - 1, "concurrencyLimit": -(2**31)}, "the ends of numbers"),
]


async def test_a_costly_shape_is_refused_by_its_shape(target: Target) -> None:
    for name, (document, codes) in SHAPES.items():
        answer = await target.ask(document, id=target.session_id)

        assert answer.status in {400, 413}, name
        assert answer.codes, name
        assert answer.codes <= codes, name
        assert "data" not in answer.body, name
        assert len(answer.text) < 20_000, name


async def test_a_costly_shape_on_a_socket_ends_alone(target: Target) -> None:
    async with target.socket() as socket:
        for number, (document, codes) in enumerate(SHAPES.values()):
            await socket.send(subscribe(f"{number}", document, id=target.session_id))
            answer = json.loads(await socket.recv())

            assert (answer["id"], answer["type"]) == (f"{number}", "error")
            assert {error["extensions"]["code"] for error in answer["payload"]} <= codes
        await socket.send(subscribe("good", "{ me { __typename } }"))

        assert json.loads(await socket.recv())["payload"] == {"data": {"me": {"__typename": "User"}}}


@pytest.fixture(scope="module")
async def inside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[httpx.AsyncClient, Parts]]:
    """The application in this process, in which nothing happens but what is asked."""
    folder: Path = tmp_path_factory.mktemp("inside")
    settings = Settings(data_dir=folder, rate_limit_per_minute=100_000, process=ProcessRole.API)
    async with open_parts(settings, memory_index=AbsentIndex()) as parts:
        transport = httpx.ASGITransport(Web(parts).asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield http, parts


@pytest.mark.parametrize("name", SHAPES)
async def test_a_refused_shape_executes_no_statement(
    inside: tuple[httpx.AsyncClient, Parts], name: str
) -> None:
    http, parts = inside

    with executed(parts.stores.database) as statements:
        answer = await http.post("/graphql", json={"query": SHAPES[name][0], "variables": {"id": "ses_a"}})

    assert "data" not in answer.json()
    assert statements == []


async def test_a_mutation_beside_a_costly_shape_does_not_happen(target: Target) -> None:
    before = (await target.ask(PROJECTS)).body
    flood = " ".join(
        f'a{n}: createProject(input: {{name: "attack {n}"}}) {{ __typename }}' for n in range(120)
    )
    documents = [
        f"mutation {{ {CREATE} {flood} }}",
        f"mutation {{ {CREATE} {'b: __typename' + ' @include(if: true)' * 300} }}",
        f"mutation {{ {CREATE} {'__typename ' * 1500} }}",
        f"mutation {{ {CREATE} ...f }} fragment f on Mutation {{ ...f }}",
    ]

    for document in documents:
        assert "data" not in (await target.ask(document)).body

    assert (await target.ask(PROJECTS)).body == before


@pytest.mark.parametrize(("wrong", "what"), HUGE, ids=[what for _, what in HUGE])
async def test_huge_variables_are_refused_in_few_words(
    target: Target, wrong: dict[str, object], what: str
) -> None:
    create = """mutation($p: ID!, $i: AgentInput!) { createAgent(projectId: $p, input: $i) {
        __typename ... on Problem { message } } }"""

    answer = await target.ask(create, p=target.person.project_id, i={"name": "Bad", **wrong})

    assert answer.status in {200, 400}
    refused = answer.codes or {answer.body["data"]["createAgent"]["__typename"]}
    assert refused <= {"BAD_VARIABLES", "LIMIT_EXCEEDED", "Invalid"}
    assert len(answer.text) < 200_000


@pytest.mark.parametrize("first", [10**9, 2**31 - 1, 2**31, -1, 0])
async def test_no_page_is_larger_than_the_bound(target: Target, first: int) -> None:
    query = "query($id: ID!, $first: Int) { session(id: $id) { runs(first: $first) { nodes { id } } } }"

    answer = await target.ask(query, id=target.session_id, first=first)

    assert answer.codes <= {"INVALID", "BAD_VARIABLES", "LIMIT_EXCEEDED"}
    assert answer.codes or first == 0


@pytest.mark.parametrize("depth", [100, 1_000, 100_000, 900_000])
async def test_json_that_is_nested_deeply_is_refused_or_harmless(target: Target, depth: int) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        nested = opening * depth + "1" + closing * depth
        if len(nested) > 2_000_000:
            continue
        query = '"query":"query($id: ID!) { session(id: $id) { id } }"'
        for body in (
            f'{{{query},"variables":{{"id":{nested}}}}}',
            f'{{{query},"variables":{{"id":"ses_a","x":{nested}}}}}',
            f'{{{query},"extensions":{{"x":{nested}}}}}',
            nested,
        ):
            answer = await target.post(body.encode())

            assert answer.status in {200, 400, 413}
            assert answer.codes <= {"BAD_REQUEST", "BAD_VARIABLES", "LIMIT_EXCEEDED", "TOO_LARGE"}
            assert len(answer.text) < 20_000


@pytest.mark.parametrize(
    ("depth", "readable"), [(500, True), (1_000, True), (1_100, False), (900_000, False)]
)
async def test_json_that_is_nested_deeply_in_a_frame_ends_at_most_its_own_socket(
    target: Target, depth: int, readable: bool
) -> None:
    query = '"query":"query($id: ID!) { session(id: $id) { id } }"'
    nested = "[" * depth + "]" * depth

    async with target.socket() as socket:
        await socket.send(
            f'{{"type":"subscribe","id":"1","payload":{{{query},"variables":{{"id":{nested}}}}}}}'
        )

        if readable:
            assert json.loads(await socket.recv())["type"] == "error"
        else:
            assert await close_code(socket) == 4400


async def test_a_name_of_a_megabyte_is_not_sent_back(target: Target) -> None:
    body = {"query": "{ me { id } }", "operationName": "x" * 1_000_000}

    answer = await target.post(json.dumps(body).encode())

    assert answer.codes == {"UNKNOWN_OPERATION"}
    assert len(answer.text) < 20_000


async def test_a_batch_is_refused_whole(target: Target) -> None:
    one = {"query": "mutation { " + CREATE + " }"}
    before = (await target.ask(PROJECTS)).body

    for batch in ([one], [one] * 1_000, [[one]]):
        assert (await target.post(json.dumps(batch).encode())).codes == {"BAD_REQUEST"}

    assert (await target.ask(PROJECTS)).body == before


async def test_a_batch_in_a_frame_closes_the_socket_alone(target: Target) -> None:
    async with target.socket() as socket:
        await socket.send(f"[{frame('ping')}]")

        assert await close_code(socket) == 4400
