"""Asks every repository for everything that one person's transaction must not reach.

Each method of each port has a probe here. What it gives and what it changes must be the same for
somebody else's things as for nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from domain.agents.inputs import DEFAULTS
from domain.conversations.entities import (
    AgentRef,
    Author,
    MessageStatus,
    RunMode,
    RunStatus,
    Usage,
)
from domain.conversations.ports import Advance, Advanced, NewMessage, NewRun
from domain.events.kinds import SessionRenamed
from domain.identity.credentials import normal_email
from domain.identity.entities import Preferences, Theme
from domain.memory.entities import MemoryFilter, MemoryKind, NewMemory, Provenance
from domain.memory.ports import OutboxKey
from domain.pages import PageRequest
from domain.projects.entities import Orchestrator
from domain.scopes import ProjectTx, UserTx
from domain.tasks.entities import Claim, TaskKey, TaskStatus
from domain.tasks.ports import ModelCall, NewTask, OpenTask
from tests.isolation.things import Things

UserProbe = Callable[[UserTx, Things], object]
ProjectProbe = Callable[[ProjectTx, Things], object]

FRESH = UUID("01900000-bbbb-7ccc-8ddd-eeeeffff0000")
"""The id of something new."""
WORKER = UUID("01900000-cccc-7ddd-8eee-ffff00001111")
PAGE = PageRequest()
AT = datetime(2026, 1, 1, tzinfo=UTC)
_HASH = "a hash"


def _open(it: Things) -> OpenTask:
    return OpenTask(it.task, it.session, it.run, it.agent, it.answer, TaskStatus.RUNNING, 0)


def _claim(p: ProjectTx, it: Things) -> Claim:
    key = TaskKey(p.user_id, p.project_id, it.task, it.agent)
    return Claim(key, it.session, it.run, it.question, it.answer, agent_version=1, fence=1, generation=0)


def _new_task(it: Things) -> NewTask:
    return NewTask(FRESH, it.session, it.run, it.agent, 1, it.answer, None, 99)


def _new_message(it: Things, *, parent_id: UUID | None) -> NewMessage:
    agent = AgentRef(it.agent, "Name", "handle", 1)
    return NewMessage(
        FRESH, it.session, parent_id, 9, 99, Author.AGENT, "New.", MessageStatus.STREAMING, None, agent
    )


def _new_run(it: Things) -> NewRun:
    return NewRun(
        FRESH,
        it.session,
        99,
        RunMode.DIRECT,
        RunStatus.QUEUED,
        it.question,
        it.answer,
        AgentRef(it.agent, "Name", "handle", 1),
        None,
        None,
        "a new key",
        "",
    )


def _ended(p: ProjectTx, it: Things) -> object:
    return p.messages.complete(
        it.answer, status=MessageStatus.FAILED, content="End.", model=None, usage=Usage()
    )


def _new_memory(it: Things) -> NewMemory:
    source = Provenance(it.answer, it.run, it.session, 1)
    return NewMemory(FRESH, it.agent, MemoryKind.NOTE, "New.", "a new hash", source=source)


def _outbox_key(p: ProjectTx, it: Things) -> OutboxKey:
    return OutboxKey(p.user_id, p.project_id, it.agent, it.memory, 1)


def _replaced(p: ProjectTx, it: Things) -> object:
    newer = p.memories.add(_new_memory(it))
    return newer, p.reviews.replace(it.agent, {it.memory: 1}, by=newer, version=1)


def _claimed_again(p: ProjectTx, it: Things) -> object:
    taken_back = p.tasks.take_back(it.task, worker_id=it.worker)
    return taken_back, p.tasks.claim(it.task, worker_id=WORKER, lease_s=9)


def _call() -> ModelCall:
    return ModelCall("model", Usage(), price_known=True, estimated=False)


OF_USERS: Mapping[str, UserProbe] = {
    "IdentityRows.user": lambda tx, it: tx.identity.user(),
    "IdentityRows.lock": lambda tx, it: tx.identity.lock(),
    "IdentityRows.add_user": lambda tx, it: tx.identity.add_user(
        normal_email("new@example.org"), password_hash=None
    ),
    "IdentityRows.password_hash": lambda tx, it: tx.identity.password_hash(),
    "IdentityRows.change_password": lambda tx, it: tx.identity.change_password(
        _HASH, replacing=tx.identity.password_hash()
    ),
    "IdentityRows.preferences": lambda tx, it: tx.identity.preferences(),
    "IdentityRows.save_preferences": lambda tx, it: tx.identity.save_preferences(
        Preferences(theme=Theme.SYSTEM)
    ),
    "IdentityRows.add_sign_in": lambda tx, it: bool(
        tx.identity.add_sign_in(FRESH, token_hash=_HASH, client=None)
    ),
    "IdentityRows.sign_ins": lambda tx, it: tx.identity.sign_ins(),
    "IdentityRows.sign_in": lambda tx, it: tx.identity.sign_in(it.sign_in),
    "IdentityRows.rotate": lambda tx, it: tx.identity.rotate(it.sign_in, presented=it.token, successor=_HASH),
    "IdentityRows.token_family": lambda tx, it: tx.identity.token_family(it.sign_in),
    "IdentityRows.revoke": lambda tx, it: tx.identity.revoke(it.sign_in),
    "IdentityRows.revoke_all": lambda tx, it: tx.identity.revoke_all(but=FRESH),
    "IdentityRows.purge_sign_ins": lambda tx, it: tx.identity.purge_sign_ins([it.expired_sign_in]),
    "IdentityRows.add_link": lambda tx, it: tx.identity.add_link(FRESH, token_hash=_HASH),
    "IdentityRows.redeem_link": lambda tx, it: tx.identity.redeem_link(it.link),
    "ProjectRows.page": lambda tx, it: tx.projects.page(PAGE),
    "ProjectRows.many": lambda tx, it: tx.projects.many([it.project]),
    "ProjectRows.lock": lambda tx, it: tx.projects.lock(it.project),
    "ProjectRows.count": lambda tx, it: tx.projects.count(),
    "ProjectRows.add": lambda tx, it: tx.projects.add(FRESH, name=it.handle, workspace_path=None),
    "ProjectRows.save": lambda tx, it: tx.projects.save(it.project, name="New", workspace_path=None),
    "ProjectRows.bury": lambda tx, it: tx.projects.bury(it.project),
    "ProjectRows.session": lambda tx, it: tx.projects.session(it.session),
    "ProjectRows.of_memory": lambda tx, it: tx.projects.of_memory(it.memory),
    "ProjectRows.of_agent": lambda tx, it: tx.projects.of_agent(it.agent),
    "ProjectRows.of_message": lambda tx, it: tx.projects.of_message(it.question),
    "ProjectRows.of_run": lambda tx, it: tx.projects.of_run(it.run),
}
"""What is asked of a person's transaction."""

OF_PROJECTS: Mapping[str, ProjectProbe] = {
    "OrchestratorRows.get": lambda p, it: p.orchestrator.get(),
    "OrchestratorRows.save": lambda p, it: p.orchestrator.save(Orchestrator(prompt="New.")),
    "AgentRows.page": lambda p, it: p.agents.page(PAGE),
    "AgentRows.many": lambda p, it: p.agents.many([it.agent]),
    "AgentRows.active": lambda p, it: p.agents.active(),
    "AgentRows.by_handle": lambda p, it: p.agents.by_handle(it.handle),
    "AgentRows.handles": lambda p, it: p.agents.handles(),
    "AgentRows.add": lambda p, it: p.agents.add(FRESH, DEFAULTS, handle_folded=it.handle, is_active=True),
    "AgentRows.save": lambda p, it: p.agents.save(
        it.agent, DEFAULTS, handle_folded="new", is_active=True, expected_version=2
    ),
    "AgentRows.version": lambda p, it: p.agents.version(it.agent, 2),
    "AgentRows.versions": lambda p, it: p.agents.versions(it.agent, PAGE),
    "AgentRows.statistics": lambda p, it: p.agents.statistics([it.agent]),
    "AgentRows.bury": lambda p, it: p.agents.bury(it.agent),
    "AgentRows.count": lambda p, it: p.agents.count(),
    "SlotRows.lock": lambda p, it: p.slots.lock(it.agent),
    "SlotRows.take_running": lambda p, it: p.slots.take_running(it.idle_agent),
    "SlotRows.take_waiting": lambda p, it: p.slots.take_waiting(it.agent),
    "SlotRows.start_waiting": lambda p, it: p.slots.start_waiting(it.agent),
    "SlotRows.leave_waiting": lambda p, it: p.slots.leave_waiting(it.agent),
    "SlotRows.back_to_waiting": lambda p, it: p.slots.back_to_waiting(it.agent),
    "SlotRows.finish": lambda p, it: p.slots.finish(it.agent, succeeded=True, seconds=1),
    "SessionRows.page": lambda p, it: p.sessions.page(PAGE, search=None),
    "SessionRows.many": lambda p, it: p.sessions.many([it.session]),
    "SessionRows.add": lambda p, it: p.sessions.add(FRESH, title="New", key=it.session_key, input_hash=""),
    "SessionRows.by_key": lambda p, it: p.sessions.by_key(it.session_key),
    "SessionRows.lock": lambda p, it: p.sessions.lock(it.session),
    "SessionRows.advance": lambda p, it: p.sessions.advance(it.session, Advance(1, title="New", bury=True)),
    "MessageRows.add": lambda p, it: p.messages.add(_new_message(it, parent_id=it.question)),
    "MessageRows.many": lambda p, it: p.messages.many([it.question]),
    "MessageRows.anchor": lambda p, it: p.messages.anchor(it.session, it.question),
    "MessageRows.path": lambda p, it: p.messages.path(it.session, it.answer, PAGE),
    "MessageRows.history": lambda p, it: p.messages.history(it.session, it.answer, limit=9),
    "MessageRows.siblings": lambda p, it: p.messages.siblings([it.question]),
    "MessageRows.checkpoint": lambda p, it: p.messages.checkpoint(it.answer, generation=0, content="New."),
    "MessageRows.restart": lambda p, it: p.messages.restart(it.answer, generation=1),
    "MessageRows.complete": _ended,
    "MessageRows.below": lambda p, it: p.messages.below(it.session, it.question),
    "MessageRows.delete": lambda p, it: p.messages.delete(it.session, [it.question, it.answer]),
    "MessageRows.newest_leaf": lambda p, it: p.messages.newest_leaf(it.session),
    "RunRows.add": lambda p, it: p.runs.add(_new_run(it)),
    "RunRows.many": lambda p, it: p.runs.many([it.run]),
    "RunRows.by_key": lambda p, it: p.runs.by_key(it.session, it.run_key),
    "RunRows.page": lambda p, it: p.runs.page(it.session, PAGE, status=None),
    "RunRows.start": lambda p, it: p.runs.start(it.queued_run),
    "RunRows.requeue": lambda p, it: p.runs.requeue(it.run),
    "RunRows.finish": lambda p, it: p.runs.finish(
        it.run, status=RunStatus.FAILED, problem=None, model=None, usage=Usage()
    ),
    "EventRows.store": lambda p, it: p.events.store(
        it.session, Advanced(999, AT, active_runs=0), SessionRenamed("New")
    ),
    "EventRows.append": lambda p, it: p.events.append(it.session, SessionRenamed("New")),
    "TaskRows.add_queued": lambda p, it: p.tasks.add_queued(_new_task(it)),
    "TaskRows.add_claimed": lambda p, it: p.tasks.add_claimed(
        _new_task(it), question_id=it.question, worker_id=WORKER, lease_s=9
    ),
    "TaskRows.claim": _claimed_again,
    "TaskRows.end": lambda p, it: p.tasks.end(_claim(p, it), status=TaskStatus.FAILED, problem=None),
    "TaskRows.take_back": lambda p, it: p.tasks.take_back(it.task, worker_id=it.worker),
    "TaskRows.open_of_run": lambda p, it: p.tasks.open_of_run(it.run),
    "TaskRows.open_of_session": lambda p, it: p.tasks.open_of_session(it.session),
    "TaskRows.open_of_agent": lambda p, it: p.tasks.open_of_agent(it.agent),
    "TaskRows.open_of_project": lambda p, it: p.tasks.open_of_project(),
    "TaskRows.close": lambda p, it: p.tasks.close(_open(it), status=TaskStatus.CANCELLED),
    "TaskRows.record_step": lambda p, it: p.tasks.record_step(_claim(p, it), position=9, response={}),
    "TaskRows.record_usage": lambda p, it: p.tasks.record_usage(
        usage_id=FRESH, claim=_claim(p, it), call=_call()
    ),
    "TaskRows.holds": lambda p, it: p.tasks.holds(_claim(p, it)),
    "MemoryRows.page": lambda p, it: p.memories.page(it.agent, MemoryFilter(session_id=it.session), PAGE),
    "MemoryRows.many": lambda p, it: p.memories.many([it.memory]),
    "MemoryRows.count": lambda p, it: p.memories.count(it.agent),
    "MemoryRows.has_any": lambda p, it: p.memories.has_any(it.agent),
    "MemoryRows.add": lambda p, it: p.memories.add(_new_memory(it)),
    "MemoryRows.edit": lambda p, it: p.memories.edit(it.memory, text="New", content_hash="", subject=None),
    "MemoryRows.pin": lambda p, it: p.memories.pin(it.memory, pinned=True),
    "MemoryRows.supersede": lambda p, it: p.memories.supersede(it.agent, subject="drink", by=FRESH),
    "MemoryRows.merge": lambda p, it: p.memories.merge(it.memory, into=it.memory),
    "MemoryRows.used": lambda p, it: p.memories.used([it.memory]),
    "MemoryRows.forget": lambda p, it: p.memories.forget([it.memory]),
    "MemoryRows.prune": lambda p, it: p.memories.prune([it.memory]),
    "MemoryRows.forget_messages": lambda p, it: p.memories.forget_messages([it.answer]),
    "MemoryRows.forget_session": lambda p, it: p.memories.forget_session(it.session),
    "MemoryRows.forget_some": lambda p, it: p.memories.forget_some(it.agent, limit=9),
    "MemoryRows.drop": lambda p, it: p.memories.drop(it.agent),
    "MemoryRows.drop_all": lambda p, it: p.memories.drop_all(),
    "MemoryRows.retell": lambda p, it: p.memories.retell(it.agent, after=None, limit=9, lost=True),
    "MemoryRows.least_valuable": lambda p, it: p.memories.least_valuable(it.agent, limit=9),
    "MemoryRows.settle": lambda p, it: p.memories.settle([_outbox_key(p, it)], indexed={it.memory: 1}),
    "MemoryRows.postpone": lambda p, it: p.memories.postpone(
        [_outbox_key(p, it)], problem="Down.", retry_s=9
    ),
    "MemoryRows.refuse": lambda p, it: p.memories.refuse(
        [_outbox_key(p, it)], problems={it.memory: "Refused."}, retry_s=9
    ),
    "ReviewRows.ask": lambda p, it: p.reviews.ask(FRESH, it.agent, after_s=9),
    "ReviewRows.replace": _replaced,
    "ReviewRows.settle": lambda p, it: p.reviews.settle(it.memory),
    "ReviewRows.postpone": lambda p, it: p.reviews.postpone(it.memory, retry_s=9),
}
"""What is asked of a project's part of it."""


def inside(probe: ProjectProbe, at: UUID) -> UserProbe:
    """A probe of one project's part of a transaction."""
    return lambda tx, it: probe(tx.project(at), it)
