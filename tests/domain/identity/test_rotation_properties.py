"""The rotation of refresh tokens as a state machine: any token, at any time, in any number at once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from domain.errors import Invalid
from domain.identity.entities import SignedIn
from domain.identity.signing_keys import SigningKey
from persistence.sqlite import SqliteDatabase
from tests.clock import FakeClock
from tests.domain.identity.world import HERE, KEYS, Process

GRACE_S = 20
WEEK_S = 7 * 24 * 3600


@dataclass
class Place:
    """One database for all examples; each takes a user of its own."""

    runner: asyncio.Runner
    database: SqliteDatabase
    clock: FakeClock
    users: int = 0


@pytest.fixture
def place(tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    shutil.copy(sqlite_template, tmp_path / "codelab.sqlite")
    clock = FakeClock()
    database = SqliteDatabase(tmp_path / "codelab.sqlite", clock=clock)
    with asyncio.Runner() as runner:
        yield Place(runner, database, clock)
        runner.run(database.close())


def test_rotation_keeps_its_promises(place: Place) -> None:
    class RotationHere(Rotation):
        def __init__(self) -> None:
            super().__init__(place)

    limits = settings(max_examples=40, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(RotationHere, settings=limits)


class Rotation(RuleBasedStateMachine):
    """Presents tokens of one sign-in to processes that share nothing but the database."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.keys = [*KEYS]
        self.tokens: list[str] = []
        self.rotated_s = -float("inf")
        self.expires_s = 0.0
        self.ended = False
        self.hints = 0
        self.processes: list[Process] = []

    @initialize()
    def sign_in(self) -> None:
        self.place.users += 1
        self.user = self.place.runner.run(self._process().somebody(f"{self.place.users}@example.org"))
        self._issued(self.user.tokens.refresh_token)

    @rule(age=st.integers(0, 3), times=st.integers(1, 3))
    def present(self, age: int, times: int) -> None:
        """Age 0 is the newest token."""
        token = self.tokens[max(len(self.tokens) - 1 - age, 0)]
        newest, previous = self.tokens[-1], self.tokens[-2] if len(self.tokens) > 1 else None
        before_s = self.now_s
        live = not self.ended and before_s < self.expires_s

        answers = self._present(token, times)

        if live and token == newest:
            assert len(answers) == 1
            assert answers.isdisjoint({None, *self.tokens})
            self._issued(str(answers.pop()))
            self.rotated_s = before_s
        elif live and token == previous and before_s < self.rotated_s + GRACE_S:
            assert answers == {newest}
        else:
            assert answers == {None}
            self.hints += live
            self.ended = self.ended or live

    @rule(times=st.integers(1, 2))
    def present_an_invention(self, times: int) -> None:
        assert self._present(self.tokens[-1][:-1] + "?", times) == {None}

    @rule(seconds=st.sampled_from([1, 19, 21]))
    def wait_a_little(self, seconds: float) -> None:
        self.place.clock.advance(seconds)

    @rule(seconds=st.sampled_from([3 * 24 * 3600, WEEK_S - 30, WEEK_S]))
    def wait_for_days(self, seconds: float) -> None:
        self.place.clock.advance(seconds)

    @rule()
    def put_a_new_key_in_front(self) -> None:
        number = len(self.keys) + 1
        self.keys.insert(0, SigningKey(f"k{number}", bytes([number]) * 32))

    @rule()
    def log_out(self) -> None:
        process = self._process()
        principal = process.access.read(self.user.tokens.access_token) if self._can_ask() else None
        if principal is not None:
            self.place.runner.run(process.log_out(process.scope(self.user), principal))
            self.hints += not self.ended and self.now_s < self.expires_s
            self.ended = True

    @invariant()
    def the_sign_in_is_listed_while_it_lives(self) -> None:
        if self.tokens:
            listed = self.place.runner.run(self._process().sign_ins(self.user))
            assert len(listed) == (not self.ended and self.now_s < self.expires_s)

    @property
    def now_s(self) -> float:
        return self.place.clock.monotonic_s()

    def teardown(self) -> None:
        if self.tokens:
            sent = [hint for process in self.processes for hint in process.hints.sent]
            assert sent == [("revoked", {"sign_in_id": str(self.user.sign_in_id)})] * self.hints

    def _can_ask(self) -> bool:
        return self.place.clock() < self.user.tokens.access_expires_at

    def _issued(self, token: str) -> None:
        self.tokens.append(token)
        self.expires_s = self.now_s + WEEK_S

    def _process(self) -> Process:
        process = Process(self.place.database, self.place.clock, keys=self.keys)
        self.processes.append(process)
        return process

    def _present(self, token: str, times: int) -> set[str | None]:
        return self.place.runner.run(_answers([self._process() for _ in range(times)], token))


async def _answers(processes: list[Process], token: str) -> set[str | None]:
    outcomes: list[SignedIn | BaseException] = await asyncio.gather(
        *(process.refresh(token, client=HERE) for process in processes), return_exceptions=True
    )
    return {_answer(outcome) for outcome in outcomes}


def _answer(outcome: SignedIn | BaseException) -> str | None:
    if isinstance(outcome, SignedIn):
        return outcome.tokens.refresh_token
    if isinstance(outcome, Invalid):
        return None
    raise outcome
