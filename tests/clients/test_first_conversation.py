"""What a program does on its first day."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from codelab_client import (
    AgentChanged,
    AgentInput,
    AnswerFailed,
    Author,
    Client,
    MessageCompleted,
    MessageCreated,
    NotFound,
    ProjectInput,
    RunStatus,
    Session,
)
from tests.clients.servers import LONG_QUESTION, PASSWORD, client_of
from tests.processes import CodelabProcess


async def test_a_newcomer_registers_asks_and_reads_the_answer_as_it_is_written(
    server: CodelabProcess,
) -> None:
    async with client_of(server.url) as client:
        user = await client.register("grace@example.com", PASSWORD)
        project = await client.create_project("Compilers")
        session = await client.create_session(project.id)

        pieces = [piece async for piece in client.ask(session.id, LONG_QUESTION)]

        question, answer = (await client.history(session.id)).messages.nodes
        assert (await client.me()).id == user.id
        assert len(pieces) > 10
        assert "".join(map(str, pieces)) == answer.content
        assert (question.author, answer.author) == (Author.USER, Author.AGENT)
        assert answer.agent is not None
        assert answer.agent.handle == "CodeAssistant"


async def test_sending_may_wait_for_the_answer(client: Client, session: Session) -> None:
    sent = await client.send(session.id, "what is 2+2", to="CodeAssistant", wait_s=10)

    assert sent.sent.content == "what is 2+2"
    assert sent.run.status is RunStatus.SUCCEEDED
    assert sent.run.answer is not None
    assert sent.run.answer.content == "2+2 = 4"


async def test_the_same_key_sends_once(client: Client, session: Session) -> None:
    first = await client.send(session.id, "@CodeAssistant 1+1", key="once")
    second = await client.send(session.id, "@CodeAssistant 1+1", key="once")

    assert first.run.id == second.run.id


async def test_asking_again_by_the_same_key_gives_the_same_answer(client: Client, session: Session) -> None:
    first = [str(piece) async for piece in client.ask(session.id, "@CodeAssistant 2+2", key="once")]
    second = [str(piece) async for piece in client.ask(session.id, "@CodeAssistant 2+2", key="once")]

    assert "".join(first) == "".join(second) == "2+2 = 4"
    assert len((await client.history(session.id)).messages.nodes) == 2


async def test_questions_are_edited_and_answers_made_anew(client: Client, session: Session) -> None:
    sent = await client.send(session.id, "@CodeAssistant 1+1", wait_s=10)

    again = await client.retry_run(sent.run.id)
    edited = await client.edit_message(sent.sent.id, "@CodeAssistant 2+2")
    pieces = [piece async for piece in client.ask(session.id, "and @DataAnalyst?", to="DataAnalyst")]

    assert (await client.run(again.run.id)).answer is not None
    assert edited.sent.content == "@CodeAssistant 2+2"
    assert pieces


async def test_a_stopped_answer_says_how_far_it_came(client: Client, session: Session) -> None:
    pieces: list[str] = []

    async def asking() -> None:
        async for piece in client.ask(session.id, LONG_QUESTION):
            pieces.append(piece.text)
            if len(pieces) == 3:
                await client.stop_run(await _run_of(client, session.id))

    with pytest.raises(AnswerFailed) as failure:
        await asking()

    assert failure.value.status == "CANCELLED"
    assert failure.value.content == "".join(pieces)


async def _run_of(client: Client, session_id: str) -> str:
    async with aclosing(client.events(session_id, after="0")) as events:
        async for event in events:
            if isinstance(event, MessageCreated) and event.message_run_id:
                return event.message_run_id
    raise AssertionError("no run")


async def test_the_answer_to_a_deleted_question_ends(client: Client, session: Session) -> None:
    received = 0

    async def asking() -> None:
        nonlocal received
        async for _ in client.ask(session.id, LONG_QUESTION):
            received += 1
            if received == 1:
                await client.delete_message((await client.history(session.id)).messages.nodes[0].id)

    with pytest.raises(AnswerFailed):
        await asking()

    assert received < 20


async def test_history_is_read_page_by_page(client: Client, session: Session) -> None:
    for number in range(3):
        await client.send(session.id, f"@CodeAssistant {number}+1", wait_s=10)

    newest = (await client.history(session.id, last=4)).messages
    older = (await client.history(session.id, last=4, before=newest.page_info.start_cursor)).messages

    assert [len(page.nodes) for page in (older, newest)] == [2, 4]
    assert newest.page_info.has_previous_page
    assert not older.page_info.has_previous_page


async def test_events_come_from_a_cursor_on(client: Client, session: Session) -> None:
    sent = await client.send(session.id, "@CodeAssistant 3+4", wait_s=10)
    assert sent.run.answer is not None
    told = []

    async with aclosing(client.events(session.id, after="0")) as events:
        async for event in events:
            told.append(event)
            if isinstance(event, MessageCompleted) and event.message_id == sent.run.answer.id:
                break

    assert [int(event.cursor) for event in told] == list(range(1, len(told) + 1))


async def test_agents_and_projects_are_made_changed_and_deleted(client: Client) -> None:
    project = await client.create_project("Kitchen", workspace_path="/srv/kitchen")
    agent = await client.create_agent(project.id, AgentInput(name="Chef", capabilities=["cooking"]))

    changed = await client.update_agent(agent, AgentInput(temperature=1.5))
    renamed = await client.update_project(project.id, ProjectInput(name="Galley"))
    whole = await client.project(project.id)

    assert (changed.version, changed.temperature, changed.capabilities) == (2, 1.5, ["cooking"])
    assert (renamed.name, renamed.workspace_path) == ("Galley", "/srv/kitchen")
    assert whole.agents.nodes[-1].model_dump() == changed.model_dump()
    assert (await client.agent(agent.id)).handle == "Chef"
    assert (await client.delete_agent(agent.id)).id == agent.id
    await client.delete_project(project.id)
    with pytest.raises(NotFound):
        await client.project(project.id)


async def test_sessions_are_found_renamed_and_deleted(client: Client, session: Session) -> None:
    project_id = (await client.projects()).nodes[0].id

    await client.rename_session(session.id, "Bread and butter")
    found = await client.sessions(project_id, search="BREAD")
    await client.delete_session(session.id)

    assert [it.id for it in found.nodes] == [session.id]
    with pytest.raises(NotFound):
        await client.session(session.id)


async def test_changes_of_a_project_begin_with_its_agents(client: Client, session: Session) -> None:
    project = await client.project((await client.projects()).nodes[0].id)
    handles = []

    async with aclosing(client.changes(project.id)) as changes:
        async for change in changes:
            assert isinstance(change, AgentChanged)
            handles.append(change.handle)
            if len(handles) == len(project.agents.nodes):
                break

    assert handles == [agent.handle for agent in project.agents.nodes]


async def test_the_server_tells_what_it_is_and_what_is_left(client: Client) -> None:
    system, left = await client.system(), await client.rate_limit()

    assert (system.offline, system.model) == (True, "offline-1")
    assert 0 < left.remaining < left.limit
