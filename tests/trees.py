"""Trees of messages, written into a session without anybody answering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from domain.conversations.entities import AgentRef, Author, MessageStatus, RunMode, RunStatus
from domain.conversations.ports import Advance, NewMessage, NewRun
from domain.scopes import ProjectTx
from domain.tasks.ports import NewTask
from tests.worlds import Owner, World

AGENT = AgentRef(UUID(int=77), "Кодер", "coder", 3)


@dataclass
class Tree:
    """One session whose messages are added by hand: even depths ask, odd ones answer."""

    world: World
    owner: Owner
    session_id: UUID
    position: int = 0
    depths: dict[UUID, int] = field(default_factory=dict)

    @classmethod
    async def plant(cls, world: World, owner: Owner) -> Tree:
        """A new session."""
        return cls(world, owner, await world.session(owner))

    async def grow(
        self,
        *contents: str,
        under: UUID | None = None,
        status: MessageStatus = MessageStatus.COMPLETE,
        run_id: UUID | None = None,
    ) -> list[UUID]:
        """A chain of messages under another one; the status is that of the answers."""
        made: list[NewMessage] = []
        for content in contents:
            self.position += 1
            depth = 0 if under is None else self.depths[under] + 1
            asks = depth % 2 == 0
            made.append(
                NewMessage(
                    id=self.world.new_id(),
                    session_id=self.session_id,
                    parent_id=under,
                    depth=depth,
                    position=self.position,
                    author=Author.USER if asks else Author.AGENT,
                    content=content,
                    status=MessageStatus.COMPLETE if asks else status,
                    run_id=run_id,
                    agent=None if asks else AGENT,
                )
            )
            under = made[-1].id
            self.depths[under] = depth
        await self.world.write(self.owner, lambda p: p.messages.add(*made))
        return [message.id for message in made]

    async def answered(self, question_id: UUID, answer_id: UUID) -> UUID:
        """A run with a task that made the answer; returns the run's id."""
        run_id = self.world.new_id()
        await self.world.write(self.owner, lambda p: self._run(p, run_id, question_id, answer_id))
        return run_id

    def _run(self, p: ProjectTx, run_id: UUID, question_id: UUID, answer_id: UUID) -> None:
        agent_id = next(iter(self.owner.agents.values()))
        self.position += 1
        run = NewRun(
            id=run_id,
            session_id=self.session_id,
            position=self.position,
            mode=RunMode.DIRECT,
            status=RunStatus.QUEUED,
            question_id=question_id,
            answer_id=answer_id,
            agent=replace(AGENT, id=agent_id),
            confidence=None,
            reason=None,
            key=str(run_id),
            input_hash="",
        )
        p.runs.add(run)
        ticket = p.slots.take_waiting(agent_id)
        assert ticket is not None
        p.tasks.add_queued(
            NewTask(self.world.new_id(), self.session_id, run_id, agent_id, 1, answer_id, None, ticket)
        )
        p.sessions.advance(self.session_id, Advance(0, active_runs=1))

    async def contents(self, ids: Sequence[UUID]) -> list[str]:
        """What messages say."""
        found = await self.world.read(self.owner, lambda p: p.messages.many(ids))
        return [found[message_id].content for message_id in ids if message_id in found]
