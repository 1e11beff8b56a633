"""One reader gets every message once and in order, also when it stopped waiting in between."""

import asyncio

import pytest

from graphql_api.transport.inbox import Inbox


async def test_messages_come_out_in_their_order() -> None:
    inbox: Inbox[int] = Inbox()

    inbox.put_nowait(1)
    inbox.put_nowait(2)

    assert not inbox.empty()
    assert [await inbox.get(), await inbox.get()] == [1, 2]
    assert inbox.empty()


async def test_a_waiting_reader_is_woken() -> None:
    inbox: Inbox[int] = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)

    inbox.put_nowait(1)
    inbox.put_nowait(2)

    assert await reading == 1
    assert await inbox.get() == 2


async def test_a_reader_that_gave_up_takes_nothing_with_it() -> None:
    inbox: Inbox[int] = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)

    inbox.put_nowait(1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert await inbox.get() == 1
