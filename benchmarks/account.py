"""A signed-in user of the API with agents of their own, and the operations that are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import uuid4

import orjson

from benchmarks.http import Connection, UnexpectedAnswer

Data = Mapping[str, object]

PATH = "/graphql"
QUESTION = "What is 2+2?"
_PROBLEM = "... on Problem { problem: message }"
_REGISTER = f"""
mutation Register($input: CredentialsInput!) {{
  register(input: $input) {{ __typename ... on SignedIn {{ accessToken }} {_PROBLEM} }}
}}"""
_REDEEM = f"""
mutation Redeem($token: String!) {{
  redeemSignInLink(token: $token) {{ __typename ... on SignedIn {{ accessToken }} {_PROBLEM} }}
}}"""
_FIRST_PROJECT = "query First { me { projects { nodes { id agents { nodes { handle } } } } } }"
_PROJECT = f"""
mutation Project {{
  createProject(input: {{name: "Benchmark"}}) {{ __typename ... on ProjectSaved {{ project {{ id }} }} {_PROBLEM} }}
}}"""
_AGENT = f"""
mutation Agent($project: ID!, $input: AgentInput!) {{
  createAgent(projectId: $project, input: $input) {{
    __typename ... on AgentSaved {{ agent {{ handle }} }} {_PROBLEM}
  }}
}}"""
_SESSION = f"""
mutation Session($project: ID!) {{
  createSession(projectId: $project) {{
    __typename ... on SessionSaved {{ session {{ id cursor }} }} {_PROBLEM}
  }}
}}"""
_SEND = f"""
mutation Send($session: ID!, $input: SendMessageInput!, $seconds: Float) {{
  sendMessage(sessionId: $session, input: $input, waitSeconds: $seconds) {{
    __typename
    ... on MessageSent {{ run {{ id status answer {{ id content model }} }} }}
    {_PROBLEM}
  }}
}}"""


@dataclass(frozen=True, slots=True)
class Session:
    """A chat, and the position in its log from which it is followed."""

    id: str
    cursor: str


@dataclass(frozen=True, slots=True)
class Account:
    """A user's token, a project of theirs and its agents' handles."""

    url: str
    token: str
    project_id: str
    handles: Sequence[str]

    def connection(self) -> Connection:
        """A connection that is signed in."""
        return Connection(self.url, token=self.token)


async def registered(url: str, *, agents: int) -> Account:
    """A new user with a project and so many agents, besides those that every project has."""
    credentials = {"email": f"{uuid4().hex}@example.com", "password": uuid4().hex}
    async with Connection(url) as stranger:
        token = str((await call(stranger, _REGISTER, input=credentials))["accessToken"])
    async with Connection(url, token=token) as connection:
        project = cast("Data", (await call(connection, _PROJECT))["project"])
        made = [
            await call(connection, _AGENT, project=project["id"], input={"name": f"Client {number}"})
            for number in range(agents)
        ]
    handles = [str(cast("Data", it["agent"])["handle"]) for it in made]
    return Account(url, token, str(project["id"]), handles)


async def signed_in_by_link(url: str, token: str) -> Account:
    """The first user of a fresh server, by the link that it printed, with the project that is there already."""
    async with Connection(url) as stranger:
        access = str((await call(stranger, _REDEEM, token=token))["accessToken"])
    async with Connection(url, token=access) as connection:
        me = await call(connection, _FIRST_PROJECT)
    project = cast("list[Data]", cast("Data", me["projects"])["nodes"])[0]
    agents = cast("list[Data]", cast("Data", project["agents"])["nodes"])
    return Account(url, access, str(project["id"]), [str(agent["handle"]) for agent in agents])


async def new_session(connection: Connection, account: Account) -> Session:
    """A new chat."""
    made = await call(connection, _SESSION, project=account.project_id)
    session = cast("Data", made["session"])
    return Session(str(session["id"]), str(session["cursor"]))


async def send(connection: Connection, session: Session, *, to: str, wait_s: float | None = None) -> Data:
    """Send a message to an agent by its handle; its run, which has succeeded when `wait_s` is given.

    Raises:
        UnexpectedAnswer: it was refused, or was not answered in time.
    """
    message = {"content": QUESTION, "targetAgent": to, "idempotencyKey": uuid4().hex}
    sent = await call(connection, _SEND, session=session.id, input=message, seconds=wait_s)
    run = cast("Data", sent["run"])
    if wait_s is not None and run["status"] != "SUCCEEDED":
        raise UnexpectedAnswer(f"the run is {run['status']}")
    return run


async def call(connection: Connection, document: str, **variables: object) -> Data:
    """The only field of an operation.

    Raises:
        UnexpectedAnswer: there were errors or problems.
    """
    request = orjson.dumps({"query": document, "variables": variables})
    answer = cast("Data", orjson.loads(await connection.post(PATH, request)))
    if "errors" in answer:
        raise UnexpectedAnswer(str(answer["errors"]))
    field = cast("Data", next(iter(cast("Data", answer["data"]).values())))
    if "problem" in field:
        raise UnexpectedAnswer(f"{field['__typename']}: {field['problem']}")
    return field
