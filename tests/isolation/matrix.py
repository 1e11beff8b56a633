"""Calls a field with everything that its caller must not reach, and compares with what nobody has."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from graphql_api.schema.ids import Kind, shown
from tests.isolation.api import Answer
from tests.isolation.candidates import NO_HANDLE, NOBODYS, Candidate, handles, references
from tests.isolation.opening import App, published
from tests.isolation.people import Place
from tests.isolation.registry import CASES, Case, Reference, Text, Variables, put
from tests.isolation.rows import Rows, changed
from tests.isolation.surface import document

INSTEAD = "<what was passed in>"
ID = re.compile(r"\b[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}\b")

Ask = Callable[[str, Sequence[Variables]], Awaitable[Sequence[Answer]]]
"""Runs a document with each of several sets of variables, as one person."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A call that must be answered as `unknown` is, when what either of them passed in is left out."""

    why: str
    of_another_user: bool
    variables: Variables
    named: tuple[str, ...]
    unknown: Variables
    unknown_named: tuple[str, ...]


def over_http(app: App, it: Place) -> Ask:
    """Queries and mutations as the owner of a place."""

    async def ask(text: str, calls: Sequence[Variables]) -> Sequence[Answer]:
        return [await app.api.ask(text, variables, token=it.person.token) for variables in calls]

    return ask


def over_events(app: App, it: Place) -> Ask:
    """Subscriptions as streams of server-sent events."""

    async def ask(text: str, calls: Sequence[Variables]) -> Sequence[Answer]:
        return await app.api.first_events(text, calls, token=it.person.token)

    return ask


def over_socket(app: App, it: Place) -> Ask:
    """Subscriptions on one WebSocket."""

    async def ask(text: str, calls: Sequence[Variables]) -> Sequence[Answer]:
        return await app.api.first_frames(text, calls, token=it.person.token)

    return ask


async def differences(
    app: App, it: Place, path: str, ask: Ask, *, another_users_only: bool = False
) -> list[str]:
    """Everything by which something foreign differs from something unknown, in the answer or in its effects."""
    before = await app.rows()
    trials = [
        trial for trial in _trials(app, it, path, before) if trial.of_another_user or not another_users_only
    ]
    text = document(path, CASES[path].reach)
    unknown = {_key(trial.unknown): trial.unknown for trial in trials}
    with published() as channels:
        expected = dict(zip(unknown, await ask(text, list(unknown.values())), strict=True))
        answers = await ask(text, [trial.variables for trial in trials])
    found = [
        f"{path}: {trial.why}: {_short(answer.text)} instead of {_short(wanted.text)}"
        for trial, answer in zip(trials, answers, strict=True)
        if _plain(answer, trial.named) != _plain(wanted := expected[_key(trial.unknown)], trial.unknown_named)
    ]
    found += [f"{path}: {table} changed" for table in changed(before, await app.rows())]
    return found + [f"{path}: {channel} was told" for channel in channels]


def valid(it: Place, path: str) -> Variables:
    """The variables of a valid call by a place's owner."""
    case = CASES[path]
    variables = case.variables(it)
    return {**variables, "owner": case.owner(it)} if case.owner else variables


def _trials(app: App, it: Place, path: str, rows: Rows) -> Iterator[Trial]:
    own, case = valid(it, path), CASES[path]
    for argument, meaning in case.arguments.items():
        others = _without_target(own, case) if meaning is Text.MENTION else own
        for one in _candidates(app, it, meaning, rows):
            yield Trial(
                f"{argument}: {one.why}",
                one.of_another_user,
                put(others, argument, one.text),
                (one.text, one.named),
                put(others, argument, one.unknown),
                (one.unknown, one.unknown_named),
            )
    if case.owner or any(isinstance(meaning, Reference) for meaning in case.arguments.values()):
        yield from _all_at_once(app, it, path)


def _without_target(variables: Variables, case: Case) -> Variables:
    """The same call naming no agent, so that a mention is looked at."""
    for argument, meaning in case.arguments.items():
        if isinstance(meaning, Reference) and meaning.or_handle:
            variables = put(variables, argument, None)
    return variables


def _candidates(app: App, it: Place, meaning: Reference | Text, rows: Rows) -> Iterator[Candidate]:
    if isinstance(meaning, Reference):
        yield from references(meaning, it, app.people, rows)
        if meaning.or_handle:
            for one in handles(it, app.people):
                yield from (one, one.inside("@{}"), one.inside(" @{} "))
    elif meaning is Text.HANDLE:
        for one in handles(it, app.people):
            yield from (one, one.inside("@{}"))
    elif meaning is Text.MENTION:
        yield from (one.inside("@{} hello") for one in handles(it, app.people))


def _all_at_once(app: App, it: Place, path: str) -> Iterator[Trial]:
    """Another's call as it is: everything in it fits together, and nothing is the caller's."""
    for other in app.people.others(it):
        theirs = valid(other, path)
        nobodys = _of_nobody(theirs, CASES[path])
        yield Trial(f"all of {other.mark}", True, theirs, _ids_in(theirs), nobodys, _ids_in(nobodys))


def _of_nobody(variables: Variables, case: Case) -> Variables:
    if case.owner:
        variables = put(variables, "owner", ID.sub(_nobodys, str(variables["owner"])))
    for argument, meaning in case.arguments.items():
        if isinstance(meaning, Reference):
            variables = put(variables, argument, shown(meaning.kind, NOBODYS))
        elif meaning is Text.HANDLE:
            variables = put(variables, argument, NO_HANDLE)
    return variables


def _nobodys(found: re.Match[str]) -> str:
    """Nobody's id of the kind that was found."""
    return shown(Kind(found[0][:3]), NOBODYS)


def _ids_in(variables: Variables) -> tuple[str, ...]:
    return tuple(ID.findall(orjson.dumps(variables).decode()))


def _plain(answer: Answer, named: tuple[str, ...]) -> Answer:
    for text in sorted(filter(None, named), key=len, reverse=True):
        answer = answer.naming(text, INSTEAD)
    return answer


def _key(variables: Variables) -> bytes:
    return orjson.dumps(variables)


def _short(text: str) -> str:
    return text if len(text) < 300 else f"{text[:300]}..."
