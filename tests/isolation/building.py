"""Builds the two people's projects through the API, as they would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa

from domain.bus.claim import claim
from domain.identity.refresh_tokens import token_hash
from domain.memory.entities import MemoryKind, NewMemory, Provenance
from domain.memory.similar import content_hash
from domain.scopes import UserTx
from graphql_api.app.identity import new_id
from graphql_api.app.main import Parts, open_parts
from graphql_api.app.setting_types import ProcessRole
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from graphql_api.schema.ids import Kind, maybe, shown
from persistence.memory.index import PlainMemoryIndex
from persistence.tables.identity import sign_in_links, sign_ins
from tests.isolation.api import PROBLEMS, Api
from tests.isolation.people import People, Person, Place

PASSWORD = "correct horse battery staple"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LEASE_S = 1e8
"""The answers that are being written belong to a worker that never comes back."""
_WAIT_S = 20

_REGISTER = """mutation($email: String!, $password: String!) {
  register(input: {email: $email, password: $password}) {
    __typename ... on SignedIn { accessToken refreshToken user { id } } } }"""
_PREFER = """mutation($input: PreferencesInput!) { updatePreferences(input: $input) { __typename } }"""
_PROJECT = """mutation($name: String!, $path: String!) {
  createProject(input: {name: $name, workspacePath: $path}) { __typename ... on ProjectSaved { project { id } } } }"""
_CONFIGURE = """mutation($id: ID!, $prompt: String!) {
  configureOrchestrator(projectId: $id, input: {prompt: $prompt}) { __typename } }"""
_AGENT = """mutation($id: ID!, $input: AgentInput!) {
  createAgent(projectId: $id, input: $input) { __typename ... on AgentSaved { agent { id } } } }"""
_EDIT_AGENT = """mutation($id: ID!, $version: Int!, $input: AgentInput!) {
  updateAgent(id: $id, expectedVersion: $version, input: $input) { __typename } }"""
_SESSION = """mutation($id: ID!, $title: String!) {
  createSession(projectId: $id, title: $title, idempotencyKey: $title) {
    __typename ... on SessionSaved { session { id } } } }"""
_SENT = """{ __typename ... on MessageSent { message { id } run { id status answer { id } } } }"""
_SEND = f"""mutation($id: ID!, $content: String!, $agent: String, $key: String!, $wait: Float) {{
  sendMessage(sessionId: $id, waitSeconds: $wait,
    input: {{content: $content, targetAgent: $agent, idempotencyKey: $key}}) {_SENT} }}"""
_EDIT = f"""mutation($id: ID!, $content: String!, $key: String!) {{
  editMessage(messageId: $id, content: $content, idempotencyKey: $key) {_SENT} }}"""
_DELETE = "mutation($id: ID!) {{ delete{0}(id: $id) {{ __typename }} }}"
_DELETE_MESSAGE = "mutation($id: ID!) { deleteMessage(messageId: $id) { __typename } }"
_RUN = "query($id: ID!) { run(id: $id) { __typename status } }"


@asynccontextmanager
async def talking(settings: Settings) -> AsyncIterator[tuple[Parts, Api]]:
    """The application in this process, and a client of it."""
    async with open_parts(settings, migrate=False, memory_index=PlainMemoryIndex()) as parts:
        transport = httpx.ASGITransport(Web(parts).asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as http:
            yield parts, Api(http, port=0)


async def build(settings: Settings) -> People:
    """Two people with two projects each, over an empty database."""
    async with talking(settings) as (parts, api):
        started = [
            await _first_part(Caller(api, person.token), person, mark)
            for person in [await _person(parts, api, name) for name in ("alice", "bob")]
            for mark in (f"{person.name}-one", f"{person.name}-two")
        ]
    idle = settings.model_copy(update={"process": ProcessRole.API})
    async with talking(idle) as (parts, api):
        for user_id in {made["person"].user_id for made in started}:
            await _what_has_expired(parts, user_id)
        places = [
            Place(**made, **await _second_part(parts, Caller(api, made["person"].token), made))
            for made in started
        ]
    return People((places[0], places[1]), (places[2], places[3]))


class Caller:
    """The API as one person; every call must succeed."""

    def __init__(self, api: Api, token: str | None) -> None:
        self._api = api
        self._token = token

    async def __call__(self, document: str, **variables: object) -> dict[str, Any]:
        answer = await self._api.ask(document, variables, token=self._token)
        assert answer.outcome not in PROBLEMS, answer.text
        return answer.result


async def _person(parts: Parts, api: Api, name: str) -> Person:
    email = f"{name}@example.org"
    made = await Caller(api, None)(_REGISTER, email=email, password=PASSWORD)
    user_id, token = uuid_of(Kind.USER, made["user"]["id"]), made["accessToken"]
    chosen = {"language": "EN", "theme": "DARK" if name == "alice" else "LIGHT", "approvalTimeoutSeconds": 77}
    await Caller(api, token)(_PREFER, input=chosen)
    link, link_id = f"link-of-{name}", new_id()
    await parts.stores.scopes.open(user_id).write(
        lambda tx: tx.identity.add_link(link_id, token_hash=token_hash(link))
    )
    return Person(
        name=name,
        email=email,
        password=PASSWORD,
        user_id=user_id,
        token=token,
        refresh_token=made["refreshToken"],
        link_token=link,
        link=link_id,
    )


async def _what_has_expired(parts: Parts, user_id: UUID) -> None:
    """A sign-in and a link that are over and not purged yet."""
    old = {"user_id": user_id, "id": new_id(), "token_hash": f"old of {user_id}", "expires_at": LONG_AGO}
    times = {"created_at": LONG_AGO, "last_used_at": LONG_AGO}

    def insert(connection: sa.Connection) -> None:
        connection.execute(sa.insert(sign_ins), old | times)
        connection.execute(sa.insert(sign_in_links), old)

    await parts.stores.database.write(insert, user_id=user_id)


async def _first_part(call: Caller, person: Person, mark: str) -> dict[str, Any]:
    """What takes a worker: answers that succeeded or failed; and things that were deleted."""
    project = (await call(_PROJECT, name=mark, path=f"/home/{mark}"))["project"]["id"]
    await call(_CONFIGURE, id=project, prompt=f"Plan for {mark}.")
    agent = await _agent(call, project, mark)
    await call(_EDIT_AGENT, id=agent, version=1, input={"systemPrompt": f"Second prompt of {mark}."})
    broken = await _agent(call, project, f"{mark}-broken", model={"provider": "nobody", "name": "none"})
    session = (await call(_SESSION, id=project, title=f"{mark} chat"))["session"]["id"]
    sent = await _send(call, session, agent, f"{mark} asks what is 2+2", "first")
    await _settled(
        call, await call(_EDIT, id=sent["message"]["id"], content=f"{mark} asks again", key="edit")
    )
    failed = await _send(call, session, broken, f"{mark} asks in vain", "vain")
    return {
        "person": person,
        "mark": mark,
        "project": uuid_of(Kind.PROJECT, project),
        "agent": uuid_of(Kind.AGENT, agent),
        "session": uuid_of(Kind.SESSION, session),
        "question": uuid_of(Kind.MESSAGE, sent["message"]["id"]),
        "answer": uuid_of(Kind.MESSAGE, sent["run"]["answer"]["id"]),
        "run": uuid_of(Kind.RUN, sent["run"]["id"]),
        "failed_run": uuid_of(Kind.RUN, failed["run"]["id"]),
        "gone": await _deleted(call, project, mark),
    }


async def _second_part(parts: Parts, call: Caller, made: dict[str, Any]) -> dict[str, Any]:
    """What takes the absence of a worker: an answer that is being written, and one that waits."""
    mark, agent = made["mark"], shown(Kind.AGENT, made["agent"])
    project = shown(Kind.PROJECT, made["project"])
    session = (await call(_SESSION, id=project, title=f"{mark} busy"))["session"]["id"]
    sent = await call(_SEND, id=session, content=f"{mark} wants more", agent=agent, key="more", wait=0)
    answer = uuid_of(Kind.MESSAGE, sent["run"]["answer"]["id"])
    scope = parts.stores.scopes.open(made["person"].user_id)
    (key,) = await parts.stores.unowned.ready(limit=9)
    assert await scope.write(lambda tx: claim(tx, key, worker_id=uuid4(), lease_s=LEASE_S))
    text = f"{mark} is being answered"
    await scope.write(
        lambda tx: tx.project(made["project"]).messages.checkpoint(answer, generation=0, content=text)
    )
    await call(_SEND, id=session, content=f"{mark} wants even more", agent=agent, key="even more", wait=0)
    source = Provenance(answer, None, uuid_of(Kind.SESSION, session), 1)
    memory = replace(_memory(made["agent"], f"{mark} likes tea"), source=source, subject="drink")

    def learned(tx: UserTx) -> None:
        p = tx.project(made["project"])
        p.reviews.ask(p.memories.add(memory), memory.agent_id, after_s=0)

    await scope.write(learned)
    return {
        "busy_session": uuid_of(Kind.SESSION, session),
        "running_run": uuid_of(Kind.RUN, sent["run"]["id"]),
        "running_answer": answer,
        "memory": memory.id,
    }


def _memory(agent_id: UUID, text: str) -> NewMemory:
    return NewMemory(new_id(), agent_id, MemoryKind.FACT, text, content_hash(text))


async def _deleted(call: Caller, project: str, mark: str) -> tuple[tuple[Kind, UUID], ...]:
    other = (await call(_PROJECT, name=f"{mark} gone", path="/gone"))["project"]["id"]
    await call(_DELETE.format("Project"), id=other)
    agent = await _agent(call, project, f"{mark}-gone")
    session = (await call(_SESSION, id=project, title=f"{mark} gone"))["session"]["id"]
    sent = await _send(call, session, agent, f"{mark} forgets", "forget")
    second = await _send(call, session, agent, f"{mark} forgets more", "forget more")
    await call(_DELETE_MESSAGE, id=sent["message"]["id"])
    await call(_DELETE.format("Agent"), id=agent)
    await call(_DELETE.format("Session"), id=session)
    return (
        (Kind.PROJECT, uuid_of(Kind.PROJECT, other)),
        (Kind.AGENT, uuid_of(Kind.AGENT, agent)),
        (Kind.SESSION, uuid_of(Kind.SESSION, session)),
        (Kind.MESSAGE, uuid_of(Kind.MESSAGE, sent["message"]["id"])),
        (Kind.MESSAGE, uuid_of(Kind.MESSAGE, second["message"]["id"])),
        (Kind.RUN, uuid_of(Kind.RUN, second["run"]["id"])),
    )


async def _agent(call: Caller, project: str, mark: str, **others: object) -> str:
    wanted = {"name": f"Agent of {mark}", "handle": mark, "systemPrompt": f"Prompt of {mark}.", **others}
    made = await call(_AGENT, id=project, input={**wanted, "role": f"Role of {mark}"})
    return str(made["agent"]["id"])


async def _send(call: Caller, session: str, agent: str, content: str, key: str) -> dict[str, Any]:
    return await call(_SEND, id=session, content=content, agent=agent, key=key, wait=_WAIT_S)


async def _settled(call: Caller, sent: dict[str, Any]) -> None:
    """Nothing can be waited for but messages that are sent, and the engine is quick."""
    while (await call(_RUN, id=sent["run"]["id"]))["status"] in ("QUEUED", "RUNNING"):
        pass


def uuid_of(kind: Kind, text: str) -> UUID:
    """The UUID in an id of this kind."""
    found = maybe(kind, text)
    assert found is not None, text
    return found
