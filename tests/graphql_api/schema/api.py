"""A client of the whole application in this process, for tests of single operations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import httpx

from graphql_api.app.main import Parts

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Api:
    """Sends operations as one person, or as nobody."""

    http: httpx.AsyncClient
    parts: Parts
    token: str | None = None

    async def send(self, query: str, **variables: object) -> Json:
        """The whole response body."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        body = {"query": query, "variables": variables}
        response = await self.http.post("/graphql", json=body, headers=headers)
        answer: Json = response.json()
        return answer

    async def data(self, query: str, **variables: object) -> Any:
        """The data of an operation with one root field that must not fail."""
        answer = await self.send(query, **variables)
        assert "errors" not in answer, answer["errors"]
        (value,) = answer["data"].values()
        return value

    async def code(self, query: str, **variables: object) -> str:
        """The code of an operation's one top-level error."""
        (error,) = (await self.send(query, **variables))["errors"]
        code: str = error["extensions"]["code"]
        return code

    async def signed_up(self, email: str, password: str = "correct horse") -> Api:
        """The same client as a new person."""
        signed_in = await self.data(REGISTER, input={"email": email, "password": password})
        return replace(self, token=signed_in["accessToken"])

    async def project(self, name: str = "Work") -> Json:
        """A new project with its agents."""
        saved = await self.data(CREATE_PROJECT, input={"name": name})
        project: Json = saved["project"]
        return project

    async def session(self, project_id: str) -> str:
        """A new session."""
        saved = await self.data(CREATE_SESSION, project=project_id)
        session_id: str = saved["session"]["id"]
        return session_id

    async def ask(self, session_id: str, content: str, key: str, **more: object) -> Json:
        """Send a message and wait for its answer."""
        sent = await self.data(
            SEND, session=session_id, input={"content": content, "idempotencyKey": key, **more}, wait=20
        )
        assert sent["__typename"] == "MessageSent", sent
        message: Json = sent
        return message


REASON = "__typename ... on Problem { problem: message }"
PROBLEM = f"{REASON} ... on Invalid {{ fields {{ path message }} }}"
SIGNED_IN = "... on SignedIn { accessToken refreshToken accessExpiresAt refreshExpiresAt user { id email } }"
REGISTER = f"mutation ($input: CredentialsInput!) {{ register(input: $input) {{ {PROBLEM} {SIGNED_IN} }} }}"
LOG_IN = f"mutation ($input: CredentialsInput!) {{ logIn(input: $input) {{ {PROBLEM} {SIGNED_IN} }} }}"
REFRESH = f"mutation ($token: String) {{ refreshTokens(refreshToken: $token) {{ {PROBLEM} {SIGNED_IN} }} }}"
PROJECT = """
    id name workspacePath createdAt updatedAt
    agents { totalCount nodes { id name handle status version role capabilities isActive
        queue { waiting waitingLimit running runningLimit } } }
    orchestrator { model { provider name } prompt approveFromTasks approveFromCost maxTasks }
"""
CREATE_PROJECT = f"""
mutation ($input: ProjectInput!) {{ createProject(input: $input) {{
    {PROBLEM} ... on LimitExceeded {{ limit }} ... on ProjectSaved {{ project {{ {PROJECT} }} }} }} }}
"""
CREATE_SESSION = f"""
mutation ($project: ID!, $title: String, $key: String) {{
    createSession(projectId: $project, title: $title, idempotencyKey: $key) {{
        {PROBLEM} ... on SessionSaved {{ session {{ id title cursor }} }} }} }}
"""
MESSAGE = """
    id author content status generation model createdAt citations { memoryId score excerpt }
    agent { id name handle version } usage { inputTokens outputTokens cost modelCalls seconds }
"""
RUN = f"""
    id mode status confidence reason problem createdAt startedAt finishedAt agent {{ handle version }}
    usage {{ inputTokens outputTokens cost modelCalls seconds }}
    question {{ id content }} answer {{ {MESSAGE} }} session {{ id }}
"""
SENT = f"... on MessageSent {{ message {{ {MESSAGE} }} run {{ {RUN} }} }}"
SEND = f"""
mutation ($session: ID!, $input: SendMessageInput!, $wait: Float) {{
    sendMessage(sessionId: $session, input: $input, waitSeconds: $wait) {{
        {PROBLEM} ... on LimitExceeded {{ limit retryAfterSeconds }} {SENT} }} }}
"""
