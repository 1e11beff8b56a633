"""A change that somebody makes touches nothing of another's, and is not held up by what others have."""

from collections.abc import Callable

import pytest

from graphql_api.schema.ids import Kind, shown
from tests.isolation.api import PROBLEMS, Answer
from tests.isolation.matrix import ID, over_http, valid
from tests.isolation.opening import App, published
from tests.isolation.people import People, Place
from tests.isolation.registry import MUTATIONS, Text, Variables, put
from tests.isolation.rows import Rows, all_ids, changed, of_project, of_user
from tests.isolation.surface import document
from tests.isolation.views import uuid

TAKEN: dict[tuple[str, str], Callable[[People, Place], list[str]]] = {
    ("Mutation.createProject", "input.name"): lambda people, it: [o.mark for o in people.others(it)],
    ("Mutation.updateProject", "input.name"): lambda people, it: [o.mark for o in people.others(it)],
    ("Mutation.createAgent", "input.handle"): lambda people, it: _handles(people, it),  # noqa: PLW0108 - it is defined below
    ("Mutation.updateAgent", "input.handle"): lambda people, it: _handles(people, it),  # noqa: PLW0108 - it is defined below
    ("Mutation.createSession", "idempotencyKey"): lambda people, it: [
        f"{o.mark} chat" for o in _around(people, it)
    ],
    ("Mutation.sendMessage", "input.idempotencyKey"): lambda people, it: [
        f"key of {_other(people, it).mark}"
    ],
    ("Mutation.editMessage", "idempotencyKey"): lambda people, it: [f"key of {_other(people, it).mark}"],
    ("Mutation.retryRun", "idempotencyKey"): lambda people, it: [f"key of {_other(people, it).mark}"],
    ("Mutation.remember", "text"): lambda people, it: [f"{o.mark} likes tea" for o in _around(people, it)],
}
"""Names, keys and notes that others have taken."""


def _around(people: People, it: Place) -> tuple[Place, ...]:
    return (*people.others(it), people.elsewhere(it))


def _other(people: People, it: Place) -> Place:
    return people.others(it)[0]


def _handles(people: People, it: Place) -> list[str]:
    return [other.handle for other in _around(people, it)]


@pytest.mark.parametrize("path", MUTATIONS)
async def test_a_change_touches_nothing_of_anothers(own_app: App, path: str) -> None:
    app, it = own_app, own_app.people.alice[0]
    before, text = await app.rows(), document(path)

    with published() as channels:
        (answer,) = await over_http(app, it)(text, [valid(it, path)])

    assert answer.outcome not in PROBLEMS, answer.text
    after, other = await app.rows(), app.people.others(it)[0].person
    assert changed(before, after), f"{path} changes nothing at all"
    assert not changed(of_user(before, other.user_id), of_user(after, other.user_id))
    assert not [channel for channel in channels if str(other.user_id) in channel]
    assert not _foreign(answer, app, it, before)
    if MUTATIONS[path].confined:
        project = app.people.elsewhere(it).project
        assert not changed(of_project(before, project), of_project(after, project))
        assert not [channel for channel in channels if str(project) in channel]
        assert app.people.elsewhere(it).mark not in answer.text


def _foreign(answer: Answer, app: App, it: Place, rows: Rows) -> list[str]:
    known = all_ids(of_user(rows, app.people.others(it)[0].person.user_id))
    marks = [place.mark for place in app.people.others(it)]
    return [mark for mark in marks if mark in answer.text] + [
        id_ for id_ in ID.findall(answer.text) if uuid(id_) in known
    ]


def test_every_name_and_key_is_tried() -> None:
    unique = {
        (path, argument)
        for path, case in MUTATIONS.items()
        for argument, meaning in case.arguments.items()
        if meaning is Text.UNIQUE
    }

    assert unique == TAKEN.keys()


@pytest.mark.parametrize(("path", "argument"), TAKEN)
async def test_what_another_has_taken_is_free(own_app: App, path: str, argument: str) -> None:
    app, it = own_app, own_app.people.alice[0]
    other = _other(app.people, it)
    taken = TAKEN[path, argument](app.people, it)
    if "ey" in argument and path != "Mutation.createSession":
        await _use_key(app, other, path, argument, taken[0])

    for value in taken:
        (answer,) = await over_http(app, it)(document(path), [_with(it, path, argument, value, app)])

        assert answer.outcome not in PROBLEMS, answer.text
        for mine_now in taken:
            answer = answer.naming(mine_now, "")
        assert not _foreign(answer, app, it, await app.rows())


async def _use_key(app: App, other: Place, path: str, argument: str, key: str) -> None:
    (answer,) = await over_http(app, other)(document(path), [put(valid(other, path), argument, key)])
    assert answer.outcome not in PROBLEMS, answer.text


def _with(it: Place, path: str, argument: str, value: str, app: App) -> Variables:
    """A valid call that can be made again and again."""
    variables = put(valid(it, path), argument, value)
    if path == "Mutation.updateAgent":
        version = 2 + _handles(app.people, it).index(value)
        return {**variables, "id": shown(Kind.AGENT, it.agent), "expectedVersion": version}
    return variables
