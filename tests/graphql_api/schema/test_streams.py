"""Subscriptions of the schema, resolved in this process."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, cast

import pytest

from tests.graphql_api.schema.api import REASON, Api
from tests.graphql_api.schema.streams import next_of, stream

CHANGES = """subscription ($id: ID!) { projectChanges(projectId: $id) { __typename
    ... on AgentChanged { agentId handle status version queue { running } }
    ... on AgentDeleted { agentId } ... on SessionListed { sessionId title updatedAt }
    ... on SessionUnlisted { sessionId } ... on ProjectDeleted { projectId } } }"""
EVENTS = """subscription ($id: ID!, $after: Cursor) { sessionEvents(sessionId: $id, after: $after) {
    __typename cursor at sessionId ... on MessageCompleted { content usage { cost } citations { score } }
    ... on MessageCreated { agent { handle agent { status } } } ... on SessionRenamed { title }
    ... on MessageDelta { offset text } ... on RunStarted { mode reason } ... on HeadMoved { headId } } }"""


async def test_project_changes_begin_with_every_agent_and_go_on_with_what_happens(api: Api) -> None:
    project = await api.project()
    agents = project["agents"]["nodes"]
    async with aclosing(cast("Any", stream(api, CHANGES, id=project["id"]))) as events:
        snapshot = [await anext(events) for _ in agents]
        assert [it["handle"] for it in snapshot] == [agent["handle"] for agent in agents]

        session = await api.session(project["id"])
        assert (await next_of(events, "SessionListed"))["sessionId"] == session
        await api.ask(session, "@CodeAssistant what is 1+1", "k")
        assert (await next_of(events, "AgentChanged"))["agentId"] == agents[0]["id"]
        await api.data(f"mutation ($id: ID!) {{ deleteSession(id: $id) {{ {REASON} }} }}", id=session)
        assert (await next_of(events, "SessionUnlisted"))["sessionId"] == session
        await api.data(f"mutation ($id: ID!) {{ deleteAgent(id: $id) {{ {REASON} }} }}", id=agents[1]["id"])
        assert (await next_of(events, "AgentDeleted"))["agentId"] == agents[1]["id"]
        await api.data(f"mutation ($id: ID!) {{ deleteProject(id: $id) {{ {REASON} }} }}", id=project["id"])
        assert (await next_of(events, "ProjectDeleted"))["projectId"] == project["id"]
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_an_unknown_project_has_no_changes(api: Api) -> None:
    events = stream(api, CHANGES, id="prj_unknown")

    assert await anext(events) == ["No such project."]


async def test_session_events_replay_what_happened_since_a_cursor(api: Api) -> None:
    project = await api.project()
    session = await api.session(project["id"])
    await api.ask(session, "@CodeAssistant what is 2+2", "k")
    rename = f'mutation ($id: ID!) {{ renameSession(id: $id, title: "Sums") {{ {REASON} }} }}'
    await api.data(rename, id=session)

    async with aclosing(cast("Any", stream(api, EVENTS, id=session, after="0"))) as events:
        seen = [await anext(events) for _ in range(7)]
    async with aclosing(cast("Any", stream(api, EVENTS, last_event_id="6", id=session, after="0"))) as events:
        resumed = await anext(events)

    assert [event["cursor"] for event in seen] == [str(n) for n in range(1, 8)]
    assert [event["__typename"] for event in seen] == [
        "MessageCreated",
        "RunStarted",
        "MessageCreated",
        "RunStatusChanged",
        "MessageCompleted",
        "RunStatusChanged",
        "SessionRenamed",
    ]
    assert "4" in seen[4]["content"]
    assert seen[2]["agent"] == {"handle": "CodeAssistant", "agent": {"status": "READY"}}
    assert resumed == seen[6]


async def test_a_malformed_cursor_is_refused(api: Api) -> None:
    project = await api.project()
    session = await api.session(project["id"])

    (message,) = await anext(stream(api, EVENTS, last_event_id="soon", id=session))

    assert "cursor" in message
