"""How each field of the schema is called, and what each of its arguments may name.

This is the one list that a new field or argument has to be entered into.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from graphql_api.schema.ids import Kind, shown
from tests.isolation.people import Place

Variables = dict[str, object]


class Bound(Enum):
    """Within what an id must lie: ids of the same user from outside count as unknown, too."""

    USER = auto()
    SESSION = auto()
    PROJECT = auto()


@dataclass(frozen=True, slots=True)
class Reference:
    """An argument that names a thing of the caller's by its id."""

    kind: Kind
    within: Bound = Bound.USER
    or_handle: bool = False
    """Whether an agent's handle is taken as well."""


class Text(Enum):
    """What else an argument can be."""

    HANDLE = auto()  # names an agent of the project; null or a problem when there is none
    MENTION = auto()  # may begin with @handle
    CURSOR = auto()  # a place in a list
    POSITION = auto()  # a place in a session's log: a number, which belongs to nobody
    UNIQUE = auto()  # a name or key that must be free whatever others have
    SEARCH = auto()  # looked for in what the caller has
    SECRET = auto()  # whoever knows it is who it says
    PLAIN = auto()  # is stored, or compared with a list of the deployment's own


@dataclass(frozen=True, slots=True)
class Case:
    """A valid call of one field as `Place`'s owner, and the meaning of each argument that could name something."""

    variables: Callable[[Place], Variables] = lambda _: {}
    arguments: Mapping[str, Reference | Text] = field(default_factory=dict)
    reach: str | None = None
    """For a field that is no root field: the path of fields that leads to it."""
    owner: Callable[[Place], str] | None = None
    """What `reach` takes."""
    confined: bool = False
    """For a mutation: whether it must leave the other projects of its caller alone."""


def project(it: Place) -> str:
    return shown(Kind.PROJECT, it.project)


def agent(it: Place) -> str:
    return shown(Kind.AGENT, it.agent)


def session(it: Place) -> str:
    return shown(Kind.SESSION, it.session)


def message(it: Place) -> str:
    return shown(Kind.MESSAGE, it.question)


def memory(it: Place) -> str:
    return shown(Kind.MEMORY, it.memory)


_ME = "me"
_PROJECT = "project(id: $owner)"
_AGENT = "agent(id: $owner)"
_MEMORY = f"{_AGENT}.memory"
_SESSION = "session(id: $owner)"
_IN_PROJECT, _IN_AGENT, _IN_SESSION = Reference(Kind.PROJECT), Reference(Kind.AGENT), Reference(Kind.SESSION)
_THE_MEMORY = Reference(Kind.MEMORY)
_LEARNED_IN = Reference(Kind.SESSION, Bound.PROJECT)
_PLAIN_AGENT = {
    f"input.{name}": Text.PLAIN
    for name in ("name", "role", "capabilities", "systemPrompt", "model.provider", "model.name", "tools.name")
}

QUERIES: dict[str, Case] = {
    "Query.me": Case(),
    "Query.rateLimit": Case(),
    "Query.system": Case(),
    "Query.project": Case(lambda it: {"id": project(it)}, {"id": _IN_PROJECT}),
    "Query.agent": Case(lambda it: {"id": agent(it)}, {"id": _IN_AGENT}),
    "Query.session": Case(lambda it: {"id": session(it)}, {"id": _IN_SESSION}),
    "Query.run": Case(lambda it: {"id": shown(Kind.RUN, it.run)}, {"id": Reference(Kind.RUN)}),
    "User.projects": Case(arguments={"after": Text.CURSOR}, reach=_ME),
    "Project.agents": Case(arguments={"after": Text.CURSOR}, reach=_PROJECT, owner=project),
    "Project.agentByHandle": Case(
        lambda it: {"handle": it.handle}, {"handle": Text.HANDLE}, reach=_PROJECT, owner=project
    ),
    "Project.sessions": Case(
        arguments={"after": Text.CURSOR, "search": Text.SEARCH}, reach=_PROJECT, owner=project
    ),
    "Agent.versions": Case(arguments={"after": Text.CURSOR}, reach=_AGENT, owner=agent),
    "AgentMemory.search": Case(
        lambda it: {"query": it.mark},
        {"query": Text.SEARCH, "filter.sessionId": _LEARNED_IN, "filter.text": Text.PLAIN},
        reach=_MEMORY,
        owner=agent,
    ),
    "AgentMemory.entries": Case(
        arguments={"filter.sessionId": _LEARNED_IN, "filter.text": Text.SEARCH, "after": Text.CURSOR},
        reach=_MEMORY,
        owner=agent,
    ),
    "Session.messages": Case(
        arguments={
            "leaf": Reference(Kind.MESSAGE, Bound.SESSION),
            "after": Text.CURSOR,
            "before": Text.CURSOR,
        },
        reach=_SESSION,
        owner=session,
    ),
    "Session.runs": Case(arguments={"after": Text.CURSOR}, reach=_SESSION, owner=session),
}

SUBSCRIPTIONS: dict[str, Case] = {
    "Subscription.sessionEvents": Case(
        lambda it: {"sessionId": session(it), "after": "0"},
        {"sessionId": _IN_SESSION, "after": Text.POSITION},
    ),
    "Subscription.projectChanges": Case(lambda it: {"projectId": project(it)}, {"projectId": _IN_PROJECT}),
}

MUTATIONS: dict[str, Case] = {
    "Mutation.register": Case(
        lambda it: {"input": {"email": "carol@example.org", "password": "a long password"}},
        {"input.email": Text.SECRET, "input.password": Text.SECRET},
    ),
    "Mutation.logIn": Case(
        lambda it: {"input": {"email": it.person.email, "password": it.person.password}},
        {"input.email": Text.SECRET, "input.password": Text.SECRET},
    ),
    "Mutation.redeemSignInLink": Case(lambda it: {"token": it.person.link_token}, {"token": Text.SECRET}),
    "Mutation.refreshTokens": Case(
        lambda it: {"refreshToken": it.person.refresh_token}, {"refreshToken": Text.SECRET}
    ),
    "Mutation.logOut": Case(lambda it: {"everywhere": True}),
    "Mutation.changePassword": Case(
        lambda it: {"current": it.person.password, "new": "another long password"},
        {"current": Text.SECRET, "new": Text.SECRET},
    ),
    "Mutation.updatePreferences": Case(lambda it: {"input": {"language": "RU", "theme": "LIGHT"}}),
    "Mutation.createProject": Case(
        lambda it: {"input": {"name": "Another"}},
        {"input.name": Text.UNIQUE, "input.workspacePath": Text.PLAIN},
        confined=True,
    ),
    "Mutation.updateProject": Case(
        lambda it: {"id": project(it), "input": {"name": "Renamed"}},
        {"id": _IN_PROJECT, "input.name": Text.UNIQUE, "input.workspacePath": Text.PLAIN},
        confined=True,
    ),
    "Mutation.deleteProject": Case(lambda it: {"id": project(it)}, {"id": _IN_PROJECT}, confined=True),
    "Mutation.configureOrchestrator": Case(
        lambda it: {"projectId": project(it), "input": {"prompt": "Plan."}},
        {
            "projectId": _IN_PROJECT,
            "input.model.provider": Text.PLAIN,
            "input.model.name": Text.PLAIN,
            "input.prompt": Text.PLAIN,
        },
        confined=True,
    ),
    "Mutation.createAgent": Case(
        lambda it: {"projectId": project(it), "input": {"name": "New", "handle": "new"}},
        {"projectId": _IN_PROJECT, **_PLAIN_AGENT, "input.handle": Text.UNIQUE},
        confined=True,
    ),
    "Mutation.updateAgent": Case(
        lambda it: {"id": agent(it), "expectedVersion": 2, "input": {"role": "Other"}},
        {"id": _IN_AGENT, **_PLAIN_AGENT, "input.handle": Text.UNIQUE},
        confined=True,
    ),
    "Mutation.restoreAgentVersion": Case(
        lambda it: {"id": agent(it), "version": 1}, {"id": _IN_AGENT}, confined=True
    ),
    "Mutation.deleteAgent": Case(lambda it: {"id": agent(it)}, {"id": _IN_AGENT}, confined=True),
    "Mutation.createSession": Case(
        lambda it: {"projectId": project(it), "title": "New", "idempotencyKey": "new"},
        {"projectId": _IN_PROJECT, "title": Text.PLAIN, "idempotencyKey": Text.UNIQUE},
        confined=True,
    ),
    "Mutation.renameSession": Case(
        lambda it: {"id": session(it), "title": "Renamed"},
        {"id": _IN_SESSION, "title": Text.PLAIN},
        confined=True,
    ),
    "Mutation.deleteSession": Case(lambda it: {"id": session(it)}, {"id": _IN_SESSION}, confined=True),
    "Mutation.sendMessage": Case(
        lambda it: {
            "sessionId": session(it),
            "input": {
                "content": "Hello",
                "targetAgent": agent(it),
                "parentId": shown(Kind.MESSAGE, it.answer),
                "idempotencyKey": "new",
            },
        },
        {
            "sessionId": _IN_SESSION,
            "input.content": Text.MENTION,
            "input.targetAgent": Reference(Kind.AGENT, Bound.PROJECT, or_handle=True),
            "input.parentId": Reference(Kind.MESSAGE, Bound.SESSION),
            "input.idempotencyKey": Text.UNIQUE,
        },
        confined=True,
    ),
    "Mutation.editMessage": Case(
        lambda it: {"messageId": message(it), "content": "Hello again", "idempotencyKey": "new"},
        {
            "messageId": Reference(Kind.MESSAGE),
            "content": Text.MENTION,
            "idempotencyKey": Text.UNIQUE,
        },
        confined=True,
    ),
    "Mutation.retryRun": Case(
        lambda it: {"runId": shown(Kind.RUN, it.run), "idempotencyKey": "new"},
        {"runId": Reference(Kind.RUN), "idempotencyKey": Text.UNIQUE},
        confined=True,
    ),
    "Mutation.stopRun": Case(
        lambda it: {"runId": shown(Kind.RUN, it.running_run)}, {"runId": Reference(Kind.RUN)}, confined=True
    ),
    "Mutation.deleteMessage": Case(
        lambda it: {"messageId": message(it)}, {"messageId": Reference(Kind.MESSAGE)}, confined=True
    ),
    "Mutation.remember": Case(
        lambda it: {"agentId": agent(it), "text": "Tests come first."},
        {"agentId": _IN_AGENT, "text": Text.UNIQUE},
        confined=True,
    ),
    "Mutation.editMemory": Case(
        lambda it: {"memoryId": memory(it), "text": "Tests come last."},
        {"memoryId": _THE_MEMORY, "text": Text.PLAIN},
        confined=True,
    ),
    "Mutation.pinMemory": Case(
        lambda it: {"memoryId": memory(it), "pinned": True}, {"memoryId": _THE_MEMORY}, confined=True
    ),
    "Mutation.forgetMemory": Case(
        lambda it: {"memoryId": memory(it)}, {"memoryId": _THE_MEMORY}, confined=True
    ),
    "Mutation.clearMemory": Case(lambda it: {"agentId": agent(it)}, {"agentId": _IN_AGENT}, confined=True),
}

CASES = {**QUERIES, **MUTATIONS, **SUBSCRIPTIONS}
"""Every case by `Type.field`."""


def put(variables: Variables, path: str, value: object) -> Variables:
    """The variables with another value at a dotted path."""
    head, _, rest = path.partition(".")
    inner = variables.get(head)
    if not rest:
        return {**variables, head: value}
    return {**variables, head: put(inner if isinstance(inner, dict) else {}, rest, value)}
