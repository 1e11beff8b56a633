"""How many SQL statements an operation takes, exactly: a list costs the same however long it is (no N+1).

BEGIN and COMMIT are not counted, nor is the check that the sign-in stands, which is remembered for half a
minute. The process runs no tasks, so that nothing but the operation executes anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from domain.scopes import UserTx
from graphql_api.app.identity import new_id
from graphql_api.app.main import open_parts
from graphql_api.app.setting_types import ProcessRole
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from graphql_api.schema.ids import Kind, maybe, shown
from persistence.memory.absent_index import AbsentIndex
from tests.graphql_api.fifty import MANY, cite, filled
from tests.graphql_api.schema.api import Api
from tests.launchers.postgres import PostgresServer
from tests.persistence.databases import postgres_template
from tests.persistence.people import executed

__all__ = ["postgres_template"]

_AGENTS = """query ($project: ID!) { project(id: $project) { agents(first: 50) { totalCount nodes {
    id handle status version capabilities model { name } queue { waiting running }
    statistics { processed errorRate p95Seconds } project { name } } } } }"""
_SESSION_PAGE = """query ($session: ID!) { session(id: $session) { title cursor messages(last: 50) { totalCount pageInfo { hasPreviousPage } edges { cursor } nodes {
        id author content status model createdAt citations { memoryId score excerpt }
        usage { inputTokens outputTokens cost seconds } agent { handle version agent { status queue { running } } }
    } } } }"""
_BRANCHES = """query ($session: ID!) { session(id: $session) { messages(last: 50) { nodes {
    id parent { id } siblings { id } run { id status } } } } }"""
_MEMORIES = """query ($agent: ID!) { agent(id: $agent) { memory { count limit entries(first: 50) { totalCount nodes {
    id text kind indexed source { content } session { title } supersededBy { id } } } } } }"""
_RUNS = """query ($session: ID!) { session(id: $session) { runs(first: 50) { totalCount nodes {
    id status agent { handle agent { status } } question { content } answer { content } session { title } } } } }"""
_SENT = "{ __typename ... on MessageSent { message { id } run { id status answer { id status } } } }"

READS = {
    "me": ("{ me { id email preferences { theme } signIns { id current } } }", 3),
    "projects": ("{ me { projects(first: 50) { totalCount nodes { id name } } } }", 2),
    "project": ("query ($project: ID!) { project(id: $project) { name orchestrator { prompt } } }", 2),
    "agents": (_AGENTS, 3),
    "agent": (
        "query ($agent: ID!) { agent(id: $agent) { handle versions { totalCount nodes { version } } } }",
        3,
    ),
    "sessions": (
        "query ($project: ID!) { project(id: $project) { sessions(first: 50) { nodes { title } } } }",
        2,
    ),
    "a page of 50 messages with agents, usage and citations": (_SESSION_PAGE, 5),
    "a session with its head and its project": (
        "query ($session: ID!) { session(id: $session) { head { id content } project { name } } }",
        3,
    ),
    "a page of 50 memories with their sources": (_MEMORIES, 6),
    "a search of a memory without an index": (
        'query ($agent: ID!) { agent(id: $agent) { memory { search(query: "tea") { score memory { text } } } } }',
        2,
    ),
    "a page of 50 messages with their branches and runs": (_BRANCHES, 6),
    "a page of 50 runs": (_RUNS, 5),
    "run": ("query ($run: ID!) { run(id: $run) { status question { content } answer { content } } }", 3),
    "system": ("{ system { version } rateLimit { remaining } }", 0),
}
"""Queries, and what each takes."""

WRITES = {
    "a new project": (
        'mutation { createProject(input: {name: "New"}) { __typename ... on ProjectSaved { project { id name } } } }',
        13,
    ),
    "a new agent": (
        """mutation ($project: ID!) { createAgent(projectId: $project, input: {name: "New"}) {
            __typename ... on AgentSaved { agent { id handle version } } } }""",
        7,
    ),
    "a new session": (
        """mutation ($project: ID!) { createSession(projectId: $project) {
            __typename ... on SessionSaved { session { id cursor } } } }""",
        3,
    ),
    "a renamed session": (
        """mutation ($session: ID!) { renameSession(id: $session, title: "New") {
            __typename ... on SessionSaved { session { id title } } } }""",
        4,
    ),
    "a message to a named agent": (
        """mutation ($session: ID!, $agent: String!) { sendMessage(sessionId: $session,
            input: {content: "Hi", targetAgent: $agent, idempotencyKey: "a"}) """
        + _SENT
        + " }",
        12,
    ),
    "a message to whoever knows best": (
        """mutation ($session: ID!) { sendMessage(sessionId: $session,
            input: {content: "Hi", idempotencyKey: "b"}) """
        + _SENT
        + " }",
        12,
    ),
    "a note for an agent": (
        """mutation ($agent: ID!) { remember(agentId: $agent, text: "My name is Ada.") {
            __typename ... on MemorySaved { memory { id text } } } }""",
        9,
    ),
    "an edited message": (
        """mutation ($message: ID!) { editMessage(messageId: $message, content: "Hi", idempotencyKey: "c") """
        + _SENT
        + " }",
        16,
    ),
    "another try": (
        """mutation ($run: ID!) { retryRun(runId: $run, idempotencyKey: "d") """ + _SENT + " }",
        15,
    ),
}
"""Mutations, and what each takes."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Somebody with 50 of everything, and the ids of what the operations are about."""

    api: Api
    ids: dict[str, object]

    async def count(self, query: str) -> int:
        """Run an operation and count its statements."""
        wanted = {name: value for name, value in self.ids.items() if f"${name}:" in query}
        with executed(self.api.parts.stores.database) as statements:
            answer = await self.api.send(query, **wanted)
        assert "errors" not in answer, answer
        assert '"NotFound"' not in str(answer).replace("'", '"'), answer
        return len(statements)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no index to wait for."""
    monkeypatch.setattr("domain.memory.remember.INDEXED_WITHIN_S", 0)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> tuple[PostgresServer, str] | None:
    """The server and its template database, or None for a file of our own."""
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")


@pytest.fixture(scope="module")
async def scene(
    url: tuple[PostgresServer, str] | None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """The whole application on each database, without a worker."""
    folder: Path = tmp_path_factory.mktemp("statements")
    settings = Settings(data_dir=folder, rate_limit_per_minute=100_000, process=ProcessRole.API)
    if url is not None:
        server, template = url
        address = server.url(await server.create_database(template=template))
        settings = settings.model_copy(update={"database_url": SecretStr(address)})
    async with open_parts(settings, memory_index=AbsentIndex()) as parts:
        transport = httpx.ASGITransport(Web(parts).asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield await _scene(await Api(http, parts).signed_up("ada@example.com"))


@pytest.mark.parametrize("name", READS)
async def test_a_query_takes_so_many_statements(scene: Scene, name: str) -> None:
    query, expected = READS[name]
    await scene.count(query)

    assert await scene.count(query) == expected


@pytest.mark.parametrize("name", WRITES)
async def test_a_mutation_takes_so_many_statements(scene: Scene, name: str) -> None:
    mutation, expected = WRITES[name]

    assert await scene.count(mutation) == expected


async def _scene(api: Api) -> Scene:
    me = await api.data("{ me { id } }")
    project = await api.project()
    project_id, user_id = _uuid(Kind.PROJECT, project["id"]), _uuid(Kind.USER, me["id"])
    made: dict[str, UUID] = {}

    def fill(tx: UserTx) -> None:
        for n in range(MANY - 1):
            tx.projects.add(new_id(), name=f"Project {n}", workspace_path=None)
        made.update(filled(tx.project(project_id)))

    await api.parts.stores.scopes.open(user_id).write(fill)
    await api.parts.stores.database.write(cite, user_id=user_id)
    return Scene(
        api,
        {
            "project": project["id"],
            "agent": shown(Kind.AGENT, made["agent"]),
            "session": shown(Kind.SESSION, made["session"]),
            "message": shown(Kind.MESSAGE, made["question"]),
            "run": shown(Kind.RUN, made["run"]),
        },
    )


def _uuid(kind: Kind, text: str) -> UUID:
    found = maybe(kind, text)
    assert found is not None
    return found
