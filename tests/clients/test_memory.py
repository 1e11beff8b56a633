"""What a program does with an agent's memory."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from uuid import uuid4

import pytest

from codelab_client import (
    Agent,
    AgentInput,
    Client,
    Invalid,
    MemoryFilter,
    MemoryKind,
    MemoryRecalled,
    NotFound,
)


@pytest.fixture
async def agent(client: Client) -> Agent:
    """An agent that remembers nothing, of a project of its own."""
    project = await client.create_project(f"Memory {uuid4()}")
    return await client.create_agent(project.id, AgentInput(name="Keeper"))


async def _indexed(client: Client, agent: Agent) -> None:
    """Wait until searches find all that the agent remembers."""
    async with asyncio.timeout(60):
        while not all(it.indexed for it in (await client.memory(agent.id)).entries.nodes):
            await asyncio.sleep(0.05)


async def test_notes_are_written_found_changed_and_forgotten(client: Client, agent: Agent) -> None:
    heron = await client.remember(agent.id, "The staging server is called Heron")
    lunch = await client.remember(agent.id, "Lunch is at noon", importance=0.2)
    await _indexed(client, agent)

    (best, *_) = await client.search_memory(agent.id, "which server is staging?")
    edited = await client.edit_memory(heron.id, "The staging server is called Osprey")
    pinned = await client.pin_memory(heron.id)
    page = await client.memory(agent.id, only=MemoryFilter(text="OSPREY"))

    assert (best.memory.id, heron.kind) == (heron.id, MemoryKind.NOTE)
    assert (edited.text, pinned.pinned) == ("The staging server is called Osprey", True)
    assert ([it.id for it in page.entries.nodes], page.count, page.limit) == ([heron.id], 2, 1_000_000)
    assert (await client.forget_memory(lunch.id)).id == lunch.id
    assert await client.clear_memory(agent.id) == 1
    assert (await client.memory(agent.id)).entries.nodes == []


async def test_problems_are_raised(client: Client, agent: Agent) -> None:
    with pytest.raises(Invalid):
        await client.remember(agent.id, " ")
    with pytest.raises(NotFound):
        await client.forget_memory("mem_00000000000000000000000000")
    with pytest.raises(NotFound):
        await client.memory("agt_00000000000000000000000000")


async def test_what_was_recalled_is_told_before_the_answer(client: Client) -> None:
    project = await client.create_project("Recall")
    agent = await client.create_agent(project.id, AgentInput(name="Teller"))
    session = await client.create_session(project.id)
    note = await client.remember(agent.id, "My favourite colour is teal")
    await _indexed(client, agent)

    sent = await client.send(session.id, "What is my favourite colour?", to="Teller", wait_s=20)

    assert sent.run.answer is not None
    assert "teal" in sent.run.answer.content
    assert [it.memory_id for it in sent.run.answer.citations] == [note.id]
    recalled = await _recalled(client, session.id)
    assert (recalled.memory_agent.handle, [it.excerpt for it in recalled.citations]) == (
        "Teller",
        [note.text],
    )


async def _recalled(client: Client, session_id: str) -> MemoryRecalled:
    async with aclosing(client.events(session_id, after="0")) as events:
        async for event in events:
            if isinstance(event, MemoryRecalled):
                return event
    raise AssertionError("nothing was recalled")
