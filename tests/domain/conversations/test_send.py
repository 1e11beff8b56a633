"""Sending: who answers, where the message goes, what the model is given, and what is refused."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from domain.agents.entities import WAITING_LIMIT
from domain.agents.inputs import AgentInput
from domain.agents.update import update_agent
from domain.conversations.begin import Begin, Begun, NewAnswer
from domain.conversations.choose import direct
from domain.conversations.entities import Author, MessageStatus, RunMode, RunStatus
from domain.conversations.moved import Moved
from domain.conversations.validate import MAX_CONTENT, MAX_KEY
from domain.errors import CodeLabError, Conflict, Invalid, LimitExceeded, NotFound
from domain.models.entities import ChatRole
from domain.pages import PageRequest
from domain.scopes import UserTx
from tests.persistence.people import together
from tests.worlds import Owner, World, until

FOREVER = PageRequest(100)


async def seen_by_the_model(world: World) -> list[tuple[ChatRole, str]]:
    """What the last request held, without the prompt."""
    return [(message.role, message.content) for message in world.model.requests[-1].messages[1:]]


async def branch(world: World, owner: Owner, session_id: UUID) -> list[tuple[Author, str]]:
    """The default branch."""
    head_id = (await world.session_now(owner, session_id)).head_id
    assert head_id is not None
    page = await world.read(owner, lambda p: p.messages.path(session_id, head_id, FOREVER))
    return [(message.author, message.content) for message in page.nodes]


async def test_the_first_message_is_answered_at_once_by_the_agent_that_was_named(world: World) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)

    begun = await world.asked(owner, session_id, "What is 2+2?", target="@Writer")

    run, answer = await world.run_of(owner, begun), await world.answer_to(owner, begun)
    assert (run.mode, run.status, run.confidence, run.reason) == (
        RunMode.DIRECT,
        RunStatus.SUCCEEDED,
        None,
        None,
    )
    assert run.agent == answer.agent
    assert answer.agent is not None
    assert (answer.agent.handle, answer.agent.name, answer.agent.version) == ("writer", "Writer", 1)
    assert (answer.status, answer.content) == (MessageStatus.COMPLETE, "Answer to: What is 2+2?")
    assert answer.model == run.model == "scripted-1"
    assert answer.usage == run.usage
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.cost_micro_usd) == (11, 7, 42)
    assert (await world.session_now(owner, session_id)).head_id == answer.id


async def test_a_follow_up_continues_the_branch_and_the_model_sees_it(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    await world.asked(owner, session_id, "One")

    await world.asked(owner, session_id, "Two")

    assert await branch(world, owner, session_id) == [
        (Author.USER, "One"),
        (Author.AGENT, "Answer to: One"),
        (Author.USER, "Two"),
        (Author.AGENT, "Answer to: Two"),
    ]
    assert await seen_by_the_model(world) == [
        (ChatRole.USER, "One"),
        (ChatRole.ASSISTANT, "Answer to: One"),
        (ChatRole.USER, "Two"),
    ]


async def test_an_agent_is_named_by_id_by_handle_or_at_the_beginning_and_an_explicit_target_wins(
    world: World,
) -> None:
    owner = await world.owner("coder", "Мой_кодер")
    session_id = await world.session(owner)
    other = owner.agents["Мой_кодер"]

    async def answered_by(content: str, target: UUID | str | None = None) -> UUID | None:
        run = await world.run_of(owner, await world.asked(owner, session_id, content, target=target))
        assert run.mode is RunMode.DIRECT
        return run.agent.id if run.agent else None

    assert await answered_by("Hi", other) == other
    assert await answered_by("Hi", "мой_Кодер") == other
    assert await answered_by("Hi", "@МОЙ_КОДЕР") == other
    assert await answered_by("  @мой_кодер, hi") == other
    assert await answered_by("@мой_кодер hi", "coder") == owner.agents["coder"]


async def test_without_a_name_the_best_agent_is_chosen_with_confidence_and_reason(world: World) -> None:
    owner = await world.owner("python_coder", "poet")
    session_id = await world.session(owner)

    begun = await world.say(owner, session_id, "A poem by a poet, please", auto=True)
    await world.idle()

    run = await world.run_of(owner, begun)
    assert (run.mode, run.agent and run.agent.handle) == (RunMode.AUTO, "poet")
    assert run.confidence is not None
    assert 0 < run.confidence <= 1
    assert run.reason


async def test_an_unknown_handle_is_answered_with_those_there_are(world: World) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)

    with pytest.raises(NotFound) as refused:
        await world.say(owner, session_id, "@nobody hi")

    assert refused.value.message == "No agent @nobody in this project. Agents here: @coder, @writer."
    assert await world.facts(owner, session_id) == []


async def test_an_agent_that_is_switched_off_answers_nobody(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    await update_agent(
        world.scope(owner), owner.agents["coder"], AgentInput(is_active=False), expected_version=1
    )

    for target in ("coder", owner.agents["coder"]):
        with pytest.raises(Conflict, match="switched off"):
            await world.say(owner, session_id, "Hi", target=target)


@pytest.mark.parametrize(
    ("content", "key", "path"),
    [
        (" \n\t", "k", ("content",)),
        ("x" * (MAX_CONTENT + 1), "k", ("content",)),
        ("nul \0", "k", ("content",)),
        ("half \ud83d", "k", ("content",)),
        ("Hi", "", ("idempotencyKey",)),
        ("Hi", "k" * (MAX_KEY + 1), ("idempotencyKey",)),
        ("Hi", "k\0", ("idempotencyKey",)),
    ],
)
async def test_bad_input_is_refused_by_its_field_and_changes_nothing(
    world: World, content: str, key: str, path: tuple[str, ...]
) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)

    with pytest.raises(Invalid) as refused:
        await world.say(owner, session_id, content, key=key)

    assert [field.path for field in refused.value.fields] == [path]
    assert await world.facts(owner, session_id) == []


async def test_what_is_foreign_is_not_there(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    mine = await world.asked(owner, session_id)
    stranger, neighbour = await world.owner(), await world.project(owner)
    theirs = await world.asked(stranger, await world.session(stranger))
    elsewhere = await world.session(neighbour)
    next_door = await world.asked(neighbour, elsewhere)
    answers = [(await world.run_of(o, b)).answer_id for o, b in ((stranger, theirs), (neighbour, next_door))]
    before = await world.facts(owner, session_id)

    async def refusal(kind: str, **more: UUID | str) -> str:
        with pytest.raises(NotFound) as refused:
            await world.say(owner, session_id, **more)  # type: ignore[arg-type]  # arguments by name, mixed
        assert refused.value.kind == kind
        return refused.value.message

    unknown = world.new_id()
    for parent_id in (*answers, unknown):
        assert await refusal("message", parent_id=parent_id) == "No such message."
    for agent_id in (stranger.agents["coder"], neighbour.agents["coder"], unknown):
        assert await refusal("agent", target=agent_id) == "No such agent."
    with pytest.raises(NotFound, match="No such session"):
        await world.say(stranger, session_id)

    assert await world.facts(owner, session_id) == before
    assert (await world.run_of(owner, mine)).status is RunStatus.SUCCEEDED


async def test_a_message_may_continue_any_answer_and_no_question(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    first = await world.asked(owner, session_id, "One")
    await world.asked(owner, session_id, "Two")

    with pytest.raises(Invalid, match="Continue from an answer"):
        await world.say(owner, session_id, "Three", parent_id=first.question_id)
    await world.asked(owner, session_id, "Three", parent_id=(await world.run_of(owner, first)).answer_id)

    assert [content for _, content in await branch(world, owner, session_id)] == [
        "One",
        "Answer to: One",
        "Three",
        "Answer to: Three",
    ]


async def test_the_second_of_two_messages_in_a_row_waits_for_the_first_answer_and_sees_it(
    world: World,
) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)
    world.model.hold()
    first = await world.say(owner, session_id, "@coder one")
    await until(lambda: world.model.waiting)

    second = await world.say(owner, session_id, "@writer two")
    assert (await world.run_of(owner, second)).status is RunStatus.QUEUED
    assert await world.queue.ready(limit=10) == []
    world.model.release()
    await world.work_off()

    assert (await world.run_of(owner, first)).status is RunStatus.SUCCEEDED
    assert await seen_by_the_model(world) == [
        (ChatRole.USER, "@coder one"),
        (ChatRole.ASSISTANT, "Answer to: one"),
        (ChatRole.USER, "two"),
    ]


async def test_an_answer_tried_again_waits_for_the_answer_before_it(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    await world.say(owner, session_id, "One")
    second = await world.say(owner, session_id, "Two")
    await world.stop(world.scope(owner), second.run_id)

    again = await world.send.retried(world.scope(owner), second.run_id, "again")

    assert (await world.run_of(owner, again)).status is RunStatus.QUEUED
    world.model.release()
    await world.work_off()
    assert await seen_by_the_model(world) == [
        (ChatRole.USER, "One"),
        (ChatRole.ASSISTANT, "Answer to: One"),
        (ChatRole.USER, "Two"),
    ]


async def test_a_failed_answer_is_kept_and_not_shown_to_the_model(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.problem = RuntimeError("a fault")
    await world.asked(owner, session_id, "One")
    world.model.problem = None

    await world.asked(owner, session_id, "Two")

    assert len(await branch(world, owner, session_id)) == 4
    assert await seen_by_the_model(world) == [(ChatRole.USER, "One"), (ChatRole.USER, "Two")]


async def test_the_hundred_and_first_waiting_message_is_refused_and_changes_nothing(world: World) -> None:
    owner = await world.owner("coder", "writer", limit=1)
    session_id, other_id = await world.session(owner), await world.session(owner)
    world.model.hold()
    await world.say(owner, session_id, "Running")
    for number in range(WAITING_LIMIT):
        await world.say(owner, session_id, f"{number}")
    queue = (await world.agent(owner)).queue
    session, facts = await world.session_now(owner, session_id), await world.facts(owner, session_id)
    world.forget()

    for where in (session_id, other_id):
        with pytest.raises(LimitExceeded, match="@coder has 100 messages waiting") as refused:
            await world.say(owner, where, "One too many")
        assert (refused.value.limit, refused.value.retry_after_s) == (WAITING_LIMIT, None)

    assert (queue.waiting, queue.running) == (WAITING_LIMIT, 1)
    assert (await world.agent(owner)).queue == queue
    assert await world.session_now(owner, session_id) == session
    assert await world.facts(owner, session_id) == facts
    assert await world.facts(owner, other_id) == []
    assert (world.live.published, world.hints.sent) == ([], [])
    await world.say(owner, other_id, "@writer has room")


@pytest.mark.parametrize("agents", [1, 3])
async def test_messages_that_come_at_once_all_find_a_place_on_one_branch(world: World, agents: int) -> None:
    handles = [f"agent{number}" for number in range(agents)]
    owner = await world.owner(*handles)
    session_id = await world.session(owner)
    world.model.hold()

    outcomes = await together(
        world.say(owner, session_id, f"@{handles[number % agents]} {number}") for number in range(20)
    )

    assert [outcome for outcome in outcomes if isinstance(outcome, CodeLabError)] == []
    assert len(await branch(world, owner, session_id)) == 40
    await world.facts(owner, session_id)


async def test_a_message_that_an_agents_deletion_overtakes_is_not_told_of_a_full_queue(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    begin = Begin(new_id=world.new_id, labour=world.worker)

    def deleted_in_between(tx: UserTx) -> Begun:
        p, session = tx.project(owner.project_id), tx.projects.session(session_id)
        assert session is not None
        chosen = direct(p, owner.agents["coder"])
        p.agents.bury(owner.agents["coder"])
        return begin(tx, p, NewAnswer(session, None, "Hi", chosen, "key", "hash"))

    with pytest.raises(Moved):
        await world.scope(owner).write(deleted_in_between)


async def test_a_message_that_another_one_overtakes_is_begun_again(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    begin = Begin(new_id=world.new_id, labour=world.worker)
    before = await world.session_now(owner, session_id)
    await world.asked(owner, session_id, "First")
    queue = (await world.agent(owner)).queue

    def overtaken(tx: UserTx) -> Begun:
        p = tx.project(owner.project_id)
        chosen = direct(p, owner.agents["coder"])
        return begin(tx, p, NewAnswer(before, None, "Second", chosen, "key", "hash"))

    with pytest.raises(Moved):
        await world.scope(owner).write(overtaken)

    assert (await world.agent(owner)).queue == queue


async def test_a_caller_who_goes_away_leaves_no_message_unanswered(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)

    sending = asyncio.create_task(world.say(owner, session_id, "Hi"))
    for _ in range(3):
        await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    await world.idle()
    assert [content for _, content in await branch(world, owner, session_id)] == ["Hi", "Answer to: Hi"]
