"""Preferences on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from domain.errors import Invalid
from domain.identity.entities import Language, Preferences, SendKey, SignedIn, Theme
from domain.identity.preferences import PreferencesInput, update_preferences
from tests.domain.identity.world import Process
from tests.persistence.databases import Stored


@pytest.fixture
def process(stored: Stored) -> Process:
    return Process(stored.database, stored.clock)


async def _saved(process: Process, signed_in: SignedIn) -> Preferences:
    async with aclosing(process.scope(signed_in)) as scope:
        return await scope.read(lambda tx: tx.identity.preferences())


async def test_preferences_begin_with_the_defaults(process: Process) -> None:
    ann = await process.somebody()

    assert await _saved(process, ann) == Preferences()


async def test_what_is_not_given_stays(process: Process) -> None:
    ann, bob = await process.somebody(), await process.somebody("bob@example.org")
    everything = PreferencesInput(Language.RU, Theme.DARK, SendKey.CTRL_ENTER, False, 600)
    await update_preferences(process.scope(ann), everything)

    changed = await update_preferences(process.scope(ann), PreferencesInput(theme=Theme.LIGHT))

    assert changed == Preferences(Language.RU, Theme.LIGHT, SendKey.CTRL_ENTER, False, 600)
    assert await _saved(process, ann) == changed
    assert await _saved(process, bob) == Preferences()


async def test_the_timeout_goes_back_to_the_default_with_none(process: Process) -> None:
    ann = await process.somebody()
    await update_preferences(process.scope(ann), PreferencesInput(approval_timeout_s=600))

    await update_preferences(process.scope(ann), PreferencesInput(approval_timeout_s=None))

    assert await _saved(process, ann) == Preferences()


@pytest.mark.parametrize("timeout_s", [-1, 0, 9, 86_401])
async def test_a_timeout_out_of_bounds_is_refused(process: Process, timeout_s: int) -> None:
    ann = await process.somebody()

    with pytest.raises(Invalid) as refused:
        await update_preferences(
            process.scope(ann), PreferencesInput(Language.RU, approval_timeout_s=timeout_s)
        )

    assert [field.path for field in refused.value.fields] == [("approvalTimeoutSeconds",)]
    assert await _saved(process, ann) == Preferences()


async def test_first_changes_at_once_are_all_kept(process: Process) -> None:
    ann = await process.somebody()

    await asyncio.gather(
        update_preferences(process.scope(ann), PreferencesInput(language=Language.RU)),
        update_preferences(process.scope(ann), PreferencesInput(theme=Theme.DARK)),
        update_preferences(process.scope(ann), PreferencesInput(send_key=SendKey.CTRL_ENTER)),
        update_preferences(process.scope(ann), PreferencesInput(auto_approve_low_risk=False)),
    )

    assert await _saved(process, ann) == Preferences(Language.RU, Theme.DARK, SendKey.CTRL_ENTER, False)
