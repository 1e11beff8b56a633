"""What a deployment for strangers tells about itself: nothing that is not asked for by its own clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import websockets

from tests.attack.target import PROTOCOL, frame, subscribe
from tests.processes import CodelabProcess
from tests.resume.api import Api

SETTINGS = {
    "CODELAB_ENV": "production",
    "CODELAB_SECRET_KEYS": "attack:Vq8Zr1xT6mJ3uWc9LbYkP0sHgDfEa2N4",
    "CODELAB_ALLOWED_HOSTS": "127.0.0.1",
    "CODELAB_ALLOWED_ORIGINS": "https://app.example",
    "CODELAB_RATE_LIMIT_PER_MINUTE": "1000000",
}
PROBES = [
    "{ __schema { types { name } } }",
    "query IntrospectionQuery { __schema { queryType { name } directives { name } } }",
    '{ __type(name: "User") { name fields { name } } }',
    '{ harmless: __type(name: "Mutation") { fields { name } } }',
    "{ ...f } fragment f on Query { __schema { types { name } } }",
    "{ ... on Query { a: __schema { mutationType { fields { name } } } } }",
    "query A { __typename } query B { __schema { types { name } } }",
    "{ me { id } __schema @include(if: true) { types { name } } }",
    "subscription { __schema { types { name } } }",
]
GUESSES: list[tuple[str, dict[str, object]]] = [
    ("{ mee { id } }", {}),
    ("{ me { emial } }", {}),
    ("{ sesion(id: 1) { id } }", {}),
    ("{ session(idd: 1) { id } }", {}),
    ("{ me { ... on Usr { id } } }", {}),
    ("query($v: ProjectInputs) { me { id } }", {}),
    ("{ me { id @includ(if: true) } }", {}),
    ("mutation { updatePreferences(input: {theme: DARKK}) { __typename } }", {}),
    ("mutation { updatePreferences(input: {them: DARK}) { __typename } }", {}),
    (
        "mutation($i: PreferencesInput!) { updatePreferences(input: $i) { __typename } }",
        {"i": {"theme": "DARKK"}},
    ),
    (
        "mutation($i: PreferencesInput!) { updatePreferences(input: $i) { __typename } }",
        {"i": {"them": "DARK"}},
    ),
    ("query A { me { id } }", {"operationName": "B"}),
]


@pytest.fixture(scope="module")
async def production(
    tmp_path_factory: pytest.TempPathFactory, http: httpx.AsyncClient
) -> AsyncIterator[tuple[str, Api]]:
    """A deployment and someone signed in to it."""
    async with CodelabProcess(tmp_path_factory.mktemp("production"), settings=SETTINGS) as server:
        yield server.url, await Api.registered(http, server.url)


async def ask(production: tuple[str, Api], query: str, **headers: str) -> httpx.Response:
    url, api = production
    signed_in = {"Authorization": f"Bearer {api.token}", **headers}
    return await api.http.post(f"{url}/graphql", json={"query": query}, headers=signed_in)


@pytest.mark.parametrize("probe", PROBES)
async def test_introspection_is_off_over_http(production: tuple[str, Api], probe: str) -> None:
    body = (await ask(production, probe)).json()

    assert body["errors"]
    assert "data" not in body
    assert "Preferences" not in str(body)


@pytest.mark.parametrize("probe", PROBES)
async def test_introspection_is_off_over_event_streams(production: tuple[str, Api], probe: str) -> None:
    answer = await ask(production, probe, Accept="text/event-stream")

    assert '"errors"' in answer.text
    assert '"data"' not in answer.text


async def test_introspection_is_off_over_sockets(production: tuple[str, Api]) -> None:
    url, api = production
    address = f"{url.replace('http', 'ws', 1)}/graphql"

    async with websockets.connect(address, subprotocols=[PROTOCOL], proxy=None) as socket:
        await socket.send(frame("connection_init", payload={"token": api.token}))
        await socket.recv()
        for number, probe in enumerate(PROBES):
            await socket.send(subscribe(f"{number}", probe))

            assert json.loads(await socket.recv())["type"] == "error"


async def test_a_clients_own_typenames_are_answered(production: tuple[str, Api]) -> None:
    answer = await ask(production, "{ __typename me { __typename preferences { __typename } } }")

    assert answer.json()["data"]["me"]["__typename"] == "User"


@pytest.mark.parametrize(("query", "variables"), GUESSES)
async def test_no_error_suggests_a_name(
    production: tuple[str, Api], query: str, variables: dict[str, object]
) -> None:
    url, api = production
    headers = {"Authorization": f"Bearer {api.token}"}

    answer = await api.http.post(
        f"{url}/graphql", json={"query": query, "variables": variables}, headers=headers
    )

    assert "Did you mean" not in answer.text
    for name in ("email", "preferences", "'DARK'", "LIGHT", "theme", "PreferencesUpdated"):
        assert name in f"{query}{variables}" or name not in answer.text


async def test_the_schema_is_nowhere_to_be_had(production: tuple[str, Api]) -> None:
    url, api = production

    for path in ("/schema.graphql", "/graphql/schema", "/graphiql", "/docs", "/openapi.json"):
        answer = await api.http.get(f"{url}{path}")

        assert "type Mutation" not in answer.text
