"""Decides who answers: the one that was named, or the best by capabilities."""

from __future__ import annotations

from uuid import UUID

from domain.agents import handles
from domain.agents.entities import Agent
from domain.conversations.begin import Chosen
from domain.conversations.entities import RunMode
from domain.errors import Conflict, NotFound
from domain.orchestrator.route import route
from domain.scopes import ProjectTx


def choose(p: ProjectTx, *, target: UUID | str | None, content: str) -> Chosen:
    """An explicit target wins over a leading `@handle`; without both the orchestrator chooses.

    Raises:
        NotFound: no such agent (a wrong handle is answered with those there are), or none at all.
        Conflict: the named agent is inactive.
    """
    if isinstance(target, UUID):
        return direct(p, target)
    if target is None and (mention := handles.leading(content)):
        target = mention.handle
    if target is not None:
        return _named(p, target)
    routed = route(content, p.agents.active())
    return Chosen(routed.agent, RunMode.AUTO, routed.confidence, routed.reason)


def direct(p: ProjectTx, agent_id: UUID) -> Chosen:
    """An agent by id."""
    agent = p.agents.many([agent_id]).get(agent_id)
    if agent is None:
        raise NotFound("agent")
    return _active(agent)


def _named(p: ProjectTx, target: str) -> Chosen:
    folded = handles.sought(target)
    agent = p.agents.by_handle(folded) if folded else None
    if agent is None:
        there = ", ".join(f"@{handle}" for handle in p.agents.handles()) or "none"
        name = target.strip().removeprefix("@")[: handles.MAX_HANDLE]
        raise NotFound("agent", f"No agent @{name} in this project. Agents here: {there}.")
    return _active(agent)


def _active(agent: Agent) -> Chosen:
    if not agent.is_active:
        raise Conflict(f"@{agent.settings.handle} is switched off. Activate it first, or ask another agent.")
    return Chosen(agent, RunMode.DIRECT)
