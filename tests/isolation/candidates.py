"""What a caller could pass in to reach what is not theirs, each with something of the same form that nobody has."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from graphql_api.schema.ids import Kind, shown
from tests.isolation.people import People, Place
from tests.isolation.registry import Bound, Reference
from tests.isolation.rows import Rows, ids, of_user

NOBODYS = UUID("01900000-aaaa-7bbb-8ccc-ddddeeeeffff")
"""An id that nothing has."""
NO_HANDLE = "nobody-is-called-this"
TABLES = {
    Kind.USER: ("users", "user_id"),
    Kind.SIGN_IN: ("sign_ins", "id"),
    Kind.PROJECT: ("projects", "id"),
    Kind.AGENT: ("agents", "id"),
    Kind.SESSION: ("sessions", "id"),
    Kind.MESSAGE: ("messages", "id"),
    Kind.RUN: ("runs", "id"),
    Kind.MEMORY: ("memories", "id"),
}
"""Where things of each kind are stored."""
KINDLESS = {"tasks": "id", "sign_in_links": "id"}
"""Things that no id is shown of."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """`text` must get the same answer as `unknown`; answers may repeat what they name."""

    why: str
    of_another_user: bool
    text: str
    unknown: str
    named: str = ""
    unknown_named: str = ""

    def inside(self, pattern: str) -> Candidate:
        """The same in the middle of something."""
        text, unknown = pattern.format(self.text), pattern.format(self.unknown)
        return Candidate(self.why, self.of_another_user, text, unknown, self.text, self.unknown)


def references(wanted: Reference, it: Place, people: People, rows: Rows) -> Iterator[Candidate]:
    """Ids of everything that the argument must not reach, in every disguise."""
    mine, theirs = of_user(rows, it.person.user_id), of_user(rows, people.others(it)[0].person.user_id)
    kind = wanted.kind
    for value in ids(theirs, *TABLES[kind]):
        yield _id(f"another's {kind.name}", kind, value, of_another_user=True)
    for value in _outside(wanted, it, mine):
        yield _id(f"their own {kind.name} of another {wanted.within.name}", kind, value)
    for of, value in it.gone:
        if of == kind:
            yield _id(f"their own deleted {kind.name}", kind, value)
    yield from _disguised(kind, mine, "their own", of_another_user=False)
    yield from _disguised(kind, theirs, "another's", of_another_user=True)
    stolen = ids(theirs, *TABLES[kind])[0]
    yield Candidate("another's bare UUID", True, str(stolen), str(NOBODYS))
    yield Candidate("another's in capitals", True, shown(kind, stolen).upper(), shown(kind, NOBODYS).upper())


def _id(why: str, kind: Kind, value: UUID, *, of_another_user: bool = False) -> Candidate:
    return Candidate(f"{why} {value}", of_another_user, shown(kind, value), shown(kind, NOBODYS))


def _outside(wanted: Reference, it: Place, mine: Rows) -> list[UUID]:
    table, column = TABLES[wanted.kind]
    rows: Sequence[Mapping[str, object]] = ()
    match wanted.within:
        case Bound.USER:
            return []
        case Bound.PROJECT:
            rows = [row for row in mine[table] if row["project_id"] != it.project]
        case Bound.SESSION:
            rows = [row for row in mine[table] if row["session_id"] != it.session]
    return [value for row in rows if isinstance(value := row[column], UUID)]


def _disguised(kind: Kind, rows: Rows, whose: str, *, of_another_user: bool) -> Iterator[Candidate]:
    """Things of other kinds, under their own name and as if they were of this kind."""
    for other, (table, column) in TABLES.items():
        if other != kind:
            value = ids(rows, table, column)[0]
            yield _id(f"{whose} {other.name}", other, value, of_another_user=of_another_user)
            claim = f"{whose} {other.name} that claims to be a {kind.name}"
            yield _id(claim, kind, value, of_another_user=of_another_user)
    for table, column in KINDLESS.items():
        value = ids(rows, table, column)[0]
        yield _id(f"{whose} row of {table}", kind, value, of_another_user=of_another_user)


def handles(it: Place, people: People) -> Iterator[Candidate]:
    """Handles of agents that the project does not have."""
    for other in (*people.others(it), people.elsewhere(it)):
        whose = other.person != it.person
        yield Candidate(f"a handle of {other.mark}", whose, other.handle, NO_HANDLE)
    yield Candidate("a deleted agent's handle", False, f"{it.mark}-gone", NO_HANDLE)


def cursor(why: str, text: str) -> Candidate:
    """A place in a list; what nobody has is the same place beside a row with another id."""
    return Candidate(why, True, text, _moved(text))


def _moved(text: str) -> str:
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        orjson.loads(key)
    except (binascii.Error, ValueError):
        return text
    moved = re.sub(r"[0-9a-f]{32}", NOBODYS.hex, key)
    return base64.urlsafe_b64encode(moved.encode()).decode().rstrip("=")
