"""What a person is shown is theirs, and of the project that they look at."""

import pytest

from graphql_api.schema.ids import Kind, shown
from tests.isolation.api import Answer
from tests.isolation.candidates import cursor
from tests.isolation.matrix import over_http, valid
from tests.isolation.opening import App
from tests.isolation.people import Place
from tests.isolation.registry import CASES, QUERIES, Text, put
from tests.isolation.surface import document
from tests.isolation.views import PERSONAL, strangers, views


def taking(wanted: Text) -> list[tuple[str, str]]:
    """Queries, each with an argument of this meaning."""
    return [
        (path, argument)
        for path, case in QUERIES.items()
        for argument, meaning in case.arguments.items()
        if meaning is wanted
    ]


CURSORS = taking(Text.CURSOR)


def everywhere(app: App) -> tuple[Place, ...]:
    """Every project of everybody."""
    return (*app.people.alice, *app.people.bob)


async def test_everything_that_is_shown_is_its_readers_own(app: App) -> None:
    rows = await app.rows()

    found = [
        stranger
        for it in everywhere(app)
        for path, answer in (await views(app, it)).items()
        for stranger in strangers(path, answer, it, app, rows)
    ]

    assert not found, "\n".join(found)


async def test_the_views_show_something_of_everything(app: App) -> None:
    it = app.people.alice[0]

    seen = await views(app, it)

    assert all(answer.data for answer in seen.values())
    text = "".join(answer.text for answer in seen.values())
    for kind, value in (
        (Kind.PROJECT, it.project),
        (Kind.AGENT, it.agent),
        (Kind.SESSION, it.busy_session),
        (Kind.MESSAGE, it.running_answer),
        (Kind.MESSAGE, it.question),
        (Kind.RUN, it.failed_run),
        (Kind.MEMORY, it.memory),
    ):
        assert shown(kind, value) in text


async def test_signed_out_nobody_sees_anything(app: App) -> None:
    it = app.people.alice[0]

    for path, case in QUERIES.items():
        answer = await app.api.ask(document(path, case.reach), valid(it, path), token=None)

        assert it.mark not in answer.text
        assert it.person.email not in answer.text


@pytest.mark.parametrize(("path", "argument"), CURSORS)
async def test_a_cursor_of_another_list_is_a_place_and_nothing_more(
    app: App, path: str, argument: str
) -> None:
    """Beside another's row or beside nobody's: the rows behind it are the same, and the reader's own."""
    it, rows = app.people.bob[1], await app.rows()
    text, own, ask = document(path, CASES[path].reach), valid(it, path), over_http(app, it)
    places = [cursor(why, place) for why, place in await _cursors_of_others(app, it)]

    answers = await ask(text, [put(own, argument, place.text) for place in places])
    unknown = await ask(text, [put(own, argument, place.unknown) for place in places])

    assert answers == unknown
    found = [s for answer in answers for s in strangers(path, answer, it, app, rows) if " counts " not in s]
    assert not found, "\n".join(found)


async def _cursors_of_others(app: App, it: Place) -> set[tuple[str, str]]:
    """Every cursor that lists give to others, or to the same person in another project."""
    found: set[tuple[str, str]] = set()
    for other in (app.people.others(it)[0], app.people.elsewhere(it)):
        for path in dict(CURSORS):
            if path not in PERSONAL or other.person != it.person:
                text = document(path, CASES[path].reach)
                answer = await app.api.ask(text, valid(other, path), token=other.person.token)
                found |= {(f"{other.mark}: {path}", edge) for edge in _cursors(answer)}
    assert found
    return found


def _cursors(answer: Answer) -> list[str]:
    """The first and the last: what lies between differs in nothing."""
    found = answer.result
    while "edges" not in found:
        (found,) = [value for value in found.values() if isinstance(value, dict)]
    cursors = [edge["cursor"] for edge in found["edges"]]
    return [cursors[0], cursors[-1]]


@pytest.mark.parametrize(("path", "argument"), taking(Text.SEARCH))
async def test_a_search_for_anothers_text_finds_what_a_search_for_nonsense_finds(
    app: App, path: str, argument: str
) -> None:
    it = app.people.alice[0]
    own, case = valid(it, path), CASES[path]
    texts = [*(place.mark for place in (*app.people.others(it), app.people.elsewhere(it))), "nonsense"]

    found = await over_http(app, it)(document(path, case.reach), [put(own, argument, text) for text in texts])
    control = await over_http(app, it)(document(path, case.reach), [put(own, argument, it.mark)])

    assert len(set(found)) == 1
    assert control[0] not in found
