"""What a user asks of the server: one method for each operation, its payload as the result, its problems raised."""

from __future__ import annotations

from typing import TypeVar
from uuid import uuid4

from codelab_client.errors import CodelabError, NotFound, Unauthenticated
from codelab_client.generated.fragments import (
    Agent,
    AgentMemory,
    AgentSaved,
    Deleted,
    History,
    Memory,
    MemoryCleared,
    MemoryHit,
    MemorySaved,
    MessageSent,
    Project,
    ProjectPage,
    ProjectSaved,
    ProjectWithAgents,
    RateLimit,
    Run,
    RunStopped,
    Session,
    SessionPage,
    SessionSaved,
    System,
)
from codelab_client.generated.input_types import AgentInput, MemoryFilter, ProjectInput, SendMessageInput
from codelab_client.generated.operations import Operations

PAGE = 50
"""Rows of a page when nothing else is asked for; a page has at most 100."""

T = TypeVar("T")


class Requests:
    """Projects, agents, sessions, messages and memories of the user who is signed in.

    Attributes:
        operations: Every operation as it is, with unions for results; problems are raised here too.
    """

    def __init__(self, operations: Operations) -> None:
        self.operations = operations

    async def projects(self, *, first: int = PAGE, after: str | None = None) -> ProjectPage:
        """A page of your projects, oldest first."""
        me = await self.operations.projects(first, after)
        if me is None:
            raise Unauthenticated
        return me.projects

    async def project(self, project_id: str) -> ProjectWithAgents:
        """A project and its agents."""
        return _found(await self.operations.read_project(project_id), "project")

    async def create_project(self, name: str, *, workspace_path: str | None = None) -> Project:
        """A new project, with the agents that each begins with."""
        wanted = ProjectInput(name=name, workspace_path=workspace_path)
        return payload(ProjectSaved, await self.operations.create_project(wanted)).project

    async def update_project(self, project_id: str, wanted: ProjectInput) -> Project:
        """Change what is given."""
        return payload(ProjectSaved, await self.operations.update_project(project_id, wanted)).project

    async def delete_project(self, project_id: str) -> Deleted:
        """Delete a project and all that is in it."""
        return payload(Deleted, await self.operations.delete_project(project_id))

    async def agent(self, agent_id: str) -> Agent:
        """An agent."""
        return _found(await self.operations.read_agent(agent_id), "agent")

    async def create_agent(self, project_id: str, wanted: AgentInput) -> Agent:
        """A new agent; it needs a name."""
        return payload(AgentSaved, await self.operations.create_agent(project_id, wanted)).agent

    async def update_agent(self, agent: Agent, wanted: AgentInput) -> Agent:
        """Change what is given; Conflict when someone changed the agent since it was read."""
        result = await self.operations.update_agent(agent.id, agent.version, wanted)
        return payload(AgentSaved, result).agent

    async def delete_agent(self, agent_id: str) -> Deleted:
        """Delete an agent; its messages stay."""
        return payload(Deleted, await self.operations.delete_agent(agent_id))

    # Sessions

    async def sessions(
        self, project_id: str, *, search: str | None = None, first: int = PAGE, after: str | None = None
    ) -> SessionPage:
        """A page of a project's sessions, newest activity first; `search` looks into titles."""
        project = _found(await self.operations.sessions(project_id, first, search, after), "project")
        return project.sessions

    async def session(self, session_id: str) -> Session:
        """A session and its cursor."""
        return _found(await self.operations.read_session(session_id), "session")

    async def history(
        self, session_id: str, *, leaf: str | None = None, last: int = PAGE, before: str | None = None
    ) -> History:
        """A session with the end of one branch: up to `leaf`, by default the head; `before` pages backwards."""
        return _found(await self.operations.read_history(session_id, last, leaf, before), "session")

    async def create_session(
        self, project_id: str, *, title: str | None = None, key: str | None = None
    ) -> Session:
        """A new session."""
        result = await self.operations.create_session(project_id, key or _new_key(), title)
        return payload(SessionSaved, result).session

    async def rename_session(self, session_id: str, title: str) -> Session:
        """Change the title."""
        return payload(SessionSaved, await self.operations.rename_session(session_id, title)).session

    async def delete_session(self, session_id: str) -> Deleted:
        """Delete a session; what is open in it is cancelled."""
        return payload(Deleted, await self.operations.delete_session(session_id))

    # Messages

    async def send(
        self,
        session_id: str,
        content: str,
        *,
        to: str | None = None,
        parent_id: str | None = None,
        wait_s: float | None = None,
        key: str | None = None,
    ) -> MessageSent:
        """Send a message; returns at once, or after at most `wait_s` (30) seconds with the answer so far.

        `to` is an agent's handle or id; without it a leading @handle decides, or the orchestrator.
        """
        wanted = SendMessageInput(
            content=content, target_agent=to, parent_id=parent_id, idempotency_key=key or _new_key()
        )
        return payload(MessageSent, await self.operations.send_message(session_id, wanted, wait_s))

    async def edit_message(self, message_id: str, content: str, *, key: str | None = None) -> MessageSent:
        """Put another version beside a question, and have it answered."""
        result = await self.operations.edit_message(message_id, content, key or _new_key())
        return payload(MessageSent, result)

    async def retry_run(self, run_id: str, *, key: str | None = None) -> MessageSent:
        """Have a question answered once more, beside the first answer."""
        return payload(MessageSent, await self.operations.retry_run(run_id, key or _new_key()))

    async def stop_run(self, run_id: str) -> Run:
        """End an answer at once; what was written stays."""
        return payload(RunStopped, await self.operations.stop_run(run_id)).run

    async def delete_message(self, message_id: str) -> Deleted:
        """Delete a message and all below it."""
        return payload(Deleted, await self.operations.delete_message(message_id))

    async def run(self, run_id: str) -> Run:
        """A run and its answer."""
        return _found(await self.operations.read_run(run_id), "run")

    # Memory

    async def memory(
        self,
        agent_id: str,
        *,
        only: MemoryFilter | None = None,
        first: int = PAGE,
        after: str | None = None,
    ) -> AgentMemory:
        """What an agent remembers, the newest first."""
        agent = _found(await self.operations.read_memory(agent_id, first, only, after), "agent")
        return agent.memory

    async def search_memory(
        self, agent_id: str, words: str, *, only: MemoryFilter | None = None, first: int = 10
    ) -> list[MemoryHit]:
        """What an agent remembers that fits best, the best first."""
        agent = _found(await self.operations.search_memory(agent_id, words, first, only), "agent")
        return list(agent.memory.search)

    async def remember(self, agent_id: str, text: str, *, importance: float | None = None) -> Memory:
        """Write a note into an agent's memory; the same text twice is one note."""
        return payload(MemorySaved, await self.operations.remember(agent_id, text, importance)).memory

    async def edit_memory(self, memory_id: str, text: str) -> Memory:
        """Give a memory another text."""
        return payload(MemorySaved, await self.operations.edit_memory(memory_id, text)).memory

    async def pin_memory(self, memory_id: str, *, pinned: bool = True) -> Memory:
        """Keep a memory from pruning, or not any more."""
        return payload(MemorySaved, await self.operations.pin_memory(memory_id, pinned)).memory

    async def forget_memory(self, memory_id: str) -> Deleted:
        """Forget one memory for good."""
        return payload(Deleted, await self.operations.forget_memory(memory_id))

    async def clear_memory(self, agent_id: str) -> int:
        """Forget all that an agent remembers; returns how much that was."""
        return payload(MemoryCleared, await self.operations.clear_memory(agent_id)).count

    # The server

    async def rate_limit(self) -> RateLimit:
        """What is left of the rate limit; asking costs as well."""
        return await self.operations.read_rate_limit()

    async def system(self) -> System:
        """What the server runs on."""
        return await self.operations.read_system()


def _new_key() -> str:
    return uuid4().hex


def payload(kind: type[T], result: object) -> T:
    """The payload of a mutation; its problems were raised when the answer came."""
    if not isinstance(result, kind):
        raise CodelabError(f"{kind.__name__} was expected.")
    return result


def _found(thing: T | None, name: str) -> T:
    if thing is None:
        raise NotFound(f"There is no such {name}.", kind="NotFound")
    return thing
