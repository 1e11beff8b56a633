"""Only what was asked and is not answered is waited for, and only as long as nothing is heard."""

import asyncio

import pytest

from persistence.qdrant.silence import Silence
from tests.virtual_time import run_virtually


def test_who_is_asked_nothing_may_be_silent() -> None:
    async def listen() -> None:
        silence = Silence(30)
        async with silence.bounded():
            await asyncio.sleep(1_000)
            silence.asked()
            silence.heard(is_answer=True)
            await asyncio.sleep(1_000)

    run_virtually(listen())


def test_who_was_asked_and_says_nothing_is_stuck() -> None:
    async def listen() -> None:
        silence = Silence(30)
        async with silence.bounded():
            silence.asked()
            silence.asked()
            silence.heard(is_answer=True)
            await asyncio.sleep(31)

    with pytest.raises(TimeoutError):
        run_virtually(listen())


def test_more_calls_are_no_sign_of_life() -> None:
    async def listen() -> None:
        silence = Silence(30)
        async with silence.bounded():
            for _ in range(4):
                silence.asked()
                await asyncio.sleep(10)

    with pytest.raises(TimeoutError):
        run_virtually(listen())


def test_a_sign_of_life_that_answers_nothing_is_enough() -> None:
    async def listen() -> None:
        silence = Silence(30)
        async with silence.bounded():
            silence.asked()
            for _ in range(10):
                await asyncio.sleep(20)
                silence.heard(is_answer=False)

    run_virtually(listen())


def test_a_new_process_owes_no_answers() -> None:
    async def listen() -> None:
        silence = Silence(30)
        async with silence.bounded():
            silence.asked()
        silence.asked()
        async with silence.bounded():
            await asyncio.sleep(1_000)

    run_virtually(listen())
