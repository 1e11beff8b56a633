"""What a person sees when they look at everything that is theirs, and whether any of it is not."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import orjson

from graphql_api.schema.ids import Kind, maybe, shown
from tests.isolation.api import Answer
from tests.isolation.matrix import ID, valid
from tests.isolation.opening import App
from tests.isolation.people import Place
from tests.isolation.registry import QUERIES
from tests.isolation.rows import Rows, all_ids, of_project, of_user
from tests.isolation.surface import document

PERSONAL = frozenset({"Query.me", "User.projects"})
"""What shows all projects of a person."""
IMPERSONAL = frozenset({"Query.rateLimit", "Query.system"})
OTHER_VIEWS = {
    "Query.session": lambda it: [shown(Kind.SESSION, it.busy_session)],
    "Query.run": lambda it: [shown(Kind.RUN, run) for run in (it.failed_run, it.running_run)],
}
"""Further things to look at."""


async def views(app: App, it: Place) -> dict[str, Answer]:
    """Every query, in its valid form, by name and argument."""
    seen = {}
    for path, case in QUERIES.items():
        variables = valid(it, path)
        ids = [variables.get("id"), *(OTHER_VIEWS[path](it) if path in OTHER_VIEWS else [])]
        for id_ in ids:
            asked = {**variables, "id": id_} if id_ else variables
            answer = await app.api.ask(document(path, case.reach), asked, token=it.person.token)
            seen[f"{path} {id_ or ''}"] = answer
    return seen


def strangers(path: str, answer: Answer, it: Place, app: App, rows: Rows) -> Iterator[str]:
    """Everything in a view that is not its reader's, or not of the project that was looked at."""
    if path.split(maxsplit=1)[0] in IMPERSONAL:
        return
    personal = path.split(maxsplit=1)[0] in PERSONAL
    marks = [place.mark for place in app.people.others(it)] + [app.people.others(it)[0].person.email]
    known = _known(rows, it, personal=personal)
    if not personal:
        marks.append(app.people.elsewhere(it).mark)
    yield from (f"{path} shows the text of {mark}" for mark in marks if mark in answer.text)
    yield from (f"{path} shows {id_}" for id_ in ID.findall(answer.text) if uuid(id_) not in known)
    yield from (
        f"{path} counts {total} rows and shows {shown}" for total, shown in _counts(answer) if total != shown
    )


def uuid(id_: str) -> UUID | None:
    """The UUID in an id of any kind."""
    return maybe(Kind(id_[:3]), id_)


def _known(rows: Rows, it: Place, *, personal: bool) -> set[object]:
    mine = of_user(rows, it.person.user_id)
    if not personal:
        mine = {**of_project(mine, it.project), "users": mine["users"], "sign_ins": mine["sign_ins"]}
    return all_ids(mine)


def _counts(answer: Answer) -> Iterator[tuple[int, int]]:
    """The total of each list that fits on its page, and how many rows it shows."""
    waiting: list[object] = [orjson.loads(answer.text)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("nodes") is not None and "totalCount" in value:
                page = value["pageInfo"]
                if not page["hasNextPage"] and not page["hasPreviousPage"]:
                    yield value["totalCount"], len(value["nodes"])
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
