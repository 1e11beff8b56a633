"""The voice of one claim: live at once, saved about once a second, silent as soon as the claim is lost."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from domain.agents.writer import CHECKPOINT_S, AnswerWriter, storable
from domain.bus.guard import Guard, Held
from domain.bus.ports import ClaimLost
from domain.errors import Unavailable
from domain.events.live import SessionKey
from domain.tasks.entities import Claim
from tests.worlds import Owner, World


@dataclass
class Writing:
    """A writer on a claim that nobody else works on."""

    world: World
    owner: Owner
    claim: Claim
    held: Held
    writer: AnswerWriter

    @property
    def key(self) -> SessionKey:
        return SessionKey(self.owner.user_id, self.claim.session_id)

    async def live(self) -> list[tuple[int, str]]:
        return [(text.generation, text.text) for text in await self.world.live.writing(self.key)]

    async def saved(self) -> str:
        return (await self.world.message(self.owner, self.claim.answer_id)).content


@pytest.fixture
async def writing(world: World, monkeypatch: pytest.MonkeyPatch) -> Writing:
    owner = await world.owner()
    begun_claims: list[Claim] = []
    monkeypatch.setattr(world.worker, "start", begun_claims.append)
    await world.say(owner, await world.session(owner), "Hi")
    (claim,) = begun_claims
    held = Held(claim, valid_until=world.clock.monotonic_s() + 15)
    writer = AnswerWriter(
        claim,
        Guard(held, world.clock.monotonic_s),
        scope=world.scope(owner),
        live=world.live,
        monotonic=world.clock.monotonic_s,
    )
    return Writing(world, owner, claim, held, writer)


async def test_every_piece_is_live_at_once_and_saved_once_a_second(writing: Writing) -> None:
    await writing.writer.begin()
    for piece in ("Hel", "", "lo"):
        await writing.writer.write(piece)
    assert (await writing.live(), await writing.saved()) == ([(0, "Hello")], "")

    writing.world.clock.advance(CHECKPOINT_S)
    await writing.writer.write(" you")
    await writing.writer.write("!")

    assert (await writing.live(), await writing.saved()) == ([(0, "Hello you!")], "Hello you")
    assert writing.writer.text == "Hello you!"


async def test_what_the_live_store_has_lost_is_told_again_whole(writing: Writing) -> None:
    await writing.writer.begin()
    await writing.writer.write("Hello")
    await writing.world.live.drop(writing.key)

    await writing.writer.write(" you")

    assert await writing.live() == [(0, "Hello you")]


async def test_it_says_nothing_once_its_lease_is_over(writing: Writing) -> None:
    await writing.writer.begin()
    await writing.writer.write("Hello")
    writing.held.valid_until = 0

    with pytest.raises(ClaimLost):
        await writing.writer.write(" from the grave")

    assert await writing.live() == [(0, "Hello")]
    assert writing.writer.text == "Hello"


async def test_it_says_nothing_once_a_newer_generation_has_begun(writing: Writing) -> None:
    await writing.writer.begin()
    await writing.world.live.begin(writing.key, message_id=writing.claim.answer_id, generation=1)

    with pytest.raises(ClaimLost):
        await writing.writer.write("Hello")
    with pytest.raises(ClaimLost):
        await writing.writer.begin()

    assert await writing.live() == [(1, "")]


async def test_it_says_nothing_once_the_answer_has_ended(writing: Writing) -> None:
    await writing.writer.begin()
    (task,) = await writing.world.open_tasks(writing.owner)
    await writing.world.stop(writing.world.scope(writing.owner), task.run_id)

    with pytest.raises(ClaimLost):
        await writing.writer.write("Hello")


async def test_a_checkpoint_that_finds_another_generation_ends_it(writing: Writing) -> None:
    await writing.writer.begin()
    await writing.world.write(
        writing.owner, lambda p: p.messages.restart(writing.claim.answer_id, generation=1)
    )
    writing.world.clock.advance(CHECKPOINT_S)

    with pytest.raises(ClaimLost):
        await writing.writer.write("Hello")

    assert await writing.saved() == ""


async def test_a_lost_database_costs_one_checkpoint_a_second_and_no_text(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    async def away(*_: object, **__: object) -> None:
        attempts.append(writing.world.clock.monotonic_s())
        raise Unavailable("Away.")

    await writing.writer.begin()
    with monkeypatch.context() as patch:
        patch.setattr(writing.world.database, "write", away)
        for _ in range(5):
            writing.world.clock.advance(CHECKPOINT_S / 2)
            await writing.writer.write("x")
    assert len(attempts) == 2
    assert await writing.live() == [(0, "xxxxx")]

    writing.world.clock.advance(CHECKPOINT_S)
    await writing.writer.write("y")
    assert await writing.saved() == "xxxxxy"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("", ""),
        ("plain", "plain"),
        ("nul \0!", "nul \ufffd!"),
        ("ж\0", "ж\ufffd"),
        ("half \ud83d!", "half \ufffd!"),
        ("other half \ude00", "other half \ufffd"),
        ("at the end \ud83d", "at the end \ufffd"),
        ("whole \ud83d\ude00", "whole 😀"),
        ("whole 😀", "whole 😀"),
    ],
)
def test_what_no_store_keeps_is_replaced(said: str, kept: str) -> None:
    assert storable(said) == kept
    assert storable(said).encode().decode() == kept
