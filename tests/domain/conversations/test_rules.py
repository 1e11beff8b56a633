"""Rules without a database: the moves of a run, beginning again, and the bounds of what people send."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.conversations.entities import RunStatus, Usage
from domain.conversations.moved import ATTEMPTS, Moved, settled
from domain.conversations.states import RUN_ENDS, RUN_MOVES, may_move
from domain.conversations.validate import (
    MAX_CONTENT,
    MAX_KEY,
    MAX_TITLE,
    checked_content,
    checked_key,
    checked_title,
)
from domain.errors import Invalid, Unavailable
from domain.scopes import UserScope, UserTx

T = TypeVar("T")


def test_a_run_leaves_no_end_and_can_reach_one_from_everywhere_else() -> None:
    for status in RunStatus:
        if status in RUN_ENDS:
            assert not any(may_move(status, to) for to in RunStatus)
        else:
            assert may_move(status, RunStatus.FAILED)
            assert may_move(status, RunStatus.CANCELLED)
    assert set(RUN_MOVES) | RUN_ENDS == set(RunStatus)
    assert not any(may_move(status, status) for status in RunStatus)


@given(st.lists(st.sampled_from(list(RunStatus)), max_size=12))
def test_however_a_run_moves_it_ends_at_most_once(wanted: list[RunStatus]) -> None:
    now, ends = RunStatus.QUEUED, 0
    for to in wanted:
        if may_move(now, to):
            now = to
            ends += now in RUN_ENDS

    assert ends <= 1


class Trying:
    """A scope whose transactions move a number of times."""

    def __init__(self) -> None:
        self.attempts: list[int] = []

    async def write(self, work: Callable[[UserTx], T]) -> T:
        return work(cast("UserTx", None))

    async def settle(self, times: int) -> int:
        def work(_: UserTx, attempt: int) -> int:
            self.attempts.append(attempt)
            if attempt < times:
                raise Moved
            return attempt

        return await settled(cast("UserScope", self), work)


async def test_a_transaction_begins_again_when_something_moved() -> None:
    trying = Trying()

    assert await trying.settle(3) == 3
    assert trying.attempts == [0, 1, 2, 3]


async def test_what_moves_every_time_is_given_up() -> None:
    trying = Trying()

    with pytest.raises(Unavailable, match="Too much happens in this chat"):
        await trying.settle(ATTEMPTS)

    assert trying.attempts == list(range(ATTEMPTS))


def test_what_fits_is_taken_as_it_is_but_for_the_spaces_of_a_title() -> None:
    assert checked_content("  Текст 😀\n") == "  Текст 😀\n"
    assert checked_content("x" * MAX_CONTENT)
    assert checked_title(" " + "x" * MAX_TITLE + " ") == "x" * MAX_TITLE
    assert checked_key(" " * MAX_KEY) == " " * MAX_KEY


@pytest.mark.parametrize(
    ("check", "text", "said"),
    [
        (checked_content, "", "can't be empty"),
        (
            checked_content,
            "x" * (MAX_CONTENT + 1),
            f"at most {MAX_CONTENT} characters; this has {MAX_CONTENT + 1}",
        ),
        (checked_content, "\0", "NUL"),
        (checked_content, "\udfff", "surrogate"),
        (checked_title, "\t", "can't be empty"),
        (checked_title, "x" * (MAX_TITLE + 1), f"at most {MAX_TITLE}"),
        (checked_title, "\ud800", "surrogate"),
        (checked_key, "", f"1 to {MAX_KEY}"),
        (checked_key, "x" * (MAX_KEY + 1), f"1 to {MAX_KEY}"),
        (checked_key, "\0", "NUL"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_bound(
    check: Callable[[str], str], text: str, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        check(text)


@given(st.text(max_size=300))
def test_whatever_is_accepted_can_be_stored(text: str) -> None:
    try:
        kept = checked_content(text)
    except Invalid:
        return
    assert kept.encode().decode() == text
    assert "\0" not in kept


def test_usages_add_up() -> None:
    assert Usage(1, 2, 3, 4, 0.5) + Usage(10, 20, 30, 40, 0.25) == Usage(11, 22, 33, 44, 0.75)
