"""A signed-in user of the API, by plain HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from uuid import uuid4

import httpx

from tests.resume.wire import Event

Object = Mapping[str, object]

_REGISTER = """
mutation Register($input: CredentialsInput!) {
  register(input: $input) { __typename ... on SignedIn { accessToken } ... on Problem { problem: message } }
}
"""
_PROJECT = """
mutation Project {
  createProject(input: {name: "Resume"}) {
    __typename ... on ProjectSaved { project { id agents { nodes { id handle version } } } }
    ... on Problem { problem: message }
  }
}
"""
_AGENT = """
mutation Agent($id: ID!, $version: Int!, $input: AgentInput!) {
  updateAgent(id: $id, expectedVersion: $version, input: $input) { __typename ... on Problem { problem: message } }
}
"""
_SESSION = """
mutation Session($project: ID!) {
  createSession(projectId: $project) {
    __typename ... on SessionSaved { session { id } } ... on Problem { problem: message }
  }
}
"""
_SENT = "__typename ... on MessageSent { message { id } run { id } } ... on Problem { problem: message }"
_SEND = f"""
mutation Send($session: ID!, $input: SendMessageInput!) {{
  sendMessage(sessionId: $session, input: $input) {{ {_SENT} }}
}}
"""
_EDIT = f"""
mutation Edit($id: ID!, $content: String!, $key: String!) {{
  editMessage(messageId: $id, content: $content, idempotencyKey: $key) {{ {_SENT} }}
}}
"""
_RETRY = f"""
mutation Retry($id: ID!, $key: String!) {{ retryRun(runId: $id, idempotencyKey: $key) {{ {_SENT} }} }}
"""
_STOP = "mutation Stop($id: ID!) { stopRun(runId: $id) { __typename ... on Problem { problem: message } } }"
_DELETE = "mutation Delete($id: ID!) { deleteMessage(messageId: $id) { __typename ... on Problem { problem: message } } }"
_DELETE_SESSION = "mutation DeleteSession($id: ID!) { deleteSession(id: $id) { __typename } }"
_RENAME = """
mutation Rename($id: ID!, $title: String!) {
  renameSession(id: $id, title: $title) { __typename ... on Problem { problem: message } }
}
"""


class Api:
    """Calls operations as one user; each call may go to another server process.

    Args:
        http: Sends requests.
        token: The user's access token.
        project_id: Where sessions are made.
        handles: The project's agents.
    """

    def __init__(self, http: httpx.AsyncClient, *, token: str, project_id: str, handles: list[str]) -> None:
        self.http = http
        self.token = token
        self.project_id = project_id
        self.handles = handles

    @classmethod
    async def registered(cls, http: httpx.AsyncClient, server: str) -> Api:
        """A new user with a project whose agents have room for many answers at once."""
        credentials = {"email": f"{uuid4().hex}@example.com", "password": f"pass {uuid4().hex}"}
        signed_in = await _call(http, server, None, _REGISTER, input=credentials)
        token = str(signed_in["accessToken"])
        project = cast("Object", (await _call(http, server, token, _PROJECT))["project"])
        agents = cast("list[Object]", cast("Object", project["agents"])["nodes"])
        for agent in agents:
            variables = {"id": agent["id"], "version": agent["version"], "input": {"concurrencyLimit": 10}}
            await _call(http, server, token, _AGENT, **variables)
        return cls(
            http,
            token=token,
            project_id=str(project["id"]),
            handles=[str(agent["handle"]) for agent in agents],
        )

    async def session(self, server: str) -> str:
        """A new session."""
        made = await _call(self.http, server, self.token, _SESSION, project=self.project_id)
        return str(cast("Object", made["session"])["id"])

    async def send(
        self, server: str, session_id: str, content: str, *, target: str | None = None
    ) -> tuple[str, str] | None:
        """Send a message; its id and its run's, None when that was refused for good reason."""
        wanted = {"content": content, "targetAgent": target, "idempotencyKey": uuid4().hex}
        return _sent(await _call(self.http, server, self.token, _SEND, session=session_id, input=wanted))

    async def edit(self, server: str, message_id: str, content: str) -> tuple[str, str] | None:
        """Send another version of a message."""
        key = uuid4().hex
        return _sent(
            await _call(self.http, server, self.token, _EDIT, id=message_id, content=content, key=key)
        )

    async def retry(self, server: str, run_id: str) -> tuple[str, str] | None:
        """Have a question answered once more."""
        return _sent(await _call(self.http, server, self.token, _RETRY, id=run_id, key=uuid4().hex))

    async def stop(self, server: str, run_id: str) -> None:
        """End a run."""
        await _call(self.http, server, self.token, _STOP, id=run_id)

    async def delete(self, server: str, message_id: str) -> None:
        """Delete a message and what is below it."""
        await _call(self.http, server, self.token, _DELETE, id=message_id)

    async def rename(self, server: str, session_id: str, title: str) -> None:
        """Give a session a title."""
        await _call(self.http, server, self.token, _RENAME, id=session_id, title=title)

    async def delete_session(self, server: str, session_id: str) -> None:
        """Delete a session."""
        await _call(self.http, server, self.token, _DELETE_SESSION, id=session_id)


def _sent(answer: Object) -> tuple[str, str] | None:
    if answer["__typename"] != "MessageSent":
        return None
    return str(cast("Event", answer["message"])["id"]), str(cast("Event", answer["run"])["id"])


async def _call(
    http: httpx.AsyncClient, server: str, token: str | None, document: str, **variables: object
) -> Object:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await http.post(
        f"{server}/graphql", json={"query": document, "variables": variables}, headers=headers
    )
    body = cast("Object", answer.json())
    assert "errors" not in body, body
    field = cast("Object", next(iter(cast("Object", body["data"]).values())))
    assert field["__typename"] not in {"LimitExceeded", "Unavailable"}, field
    return field
