"""Trees of messages: read along a branch, given to a model, fenced while they are written, deleted below a place."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from domain.conversations.entities import Author, MessageStatus, Turn, Usage
from domain.conversations.moved import Moved
from domain.conversations.ports import Anchor, Ended
from domain.errors import Invalid
from domain.pages import Page, PageRequest
from tests.trees import AGENT, Tree
from tests.worlds import World

MANY = 3_000


async def path(tree: Tree, leaf_id: UUID, request: PageRequest) -> Page[str]:
    """A page of a branch, by content."""
    page = await tree.world.read(tree.owner, lambda p: p.messages.path(tree.session_id, leaf_id, request))
    nodes = tuple(message.content for message in page.nodes)
    return Page(nodes, page.positions, page.has_next, page.has_previous, page.total)


async def history(tree: Tree, leaf_id: UUID, limit: int = 100) -> list[Turn]:
    found = await tree.world.read(
        tree.owner, lambda p: p.messages.history(tree.session_id, leaf_id, limit=limit)
    )
    return list(found)


@pytest.fixture
async def tree(world: World) -> Tree:
    """An empty tree."""
    return await Tree.plant(world, await world.owner())


async def test_a_message_is_read_as_it_was_added(tree: Tree) -> None:
    run_id = tree.world.new_id()
    ids = await tree.grow("Вопрос?", "Ответ", run_id=run_id)

    found = await tree.world.read(tree.owner, lambda p: p.messages.many([*ids, tree.world.new_id()]))

    asked, answer = (found[message_id] for message_id in ids)
    assert list(found) == ids
    assert (asked.project_id, asked.session_id) == (tree.owner.project_id, tree.session_id)
    assert (asked.parent_id, asked.depth, asked.author) == (None, 0, Author.USER)
    assert (asked.content, asked.agent, asked.run_id) == ("Вопрос?", None, run_id)
    assert (answer.parent_id, answer.depth, answer.author) == (asked.id, 1, Author.AGENT)
    assert (answer.agent, answer.model, answer.usage, answer.citations) == (AGENT, None, None, ())
    assert asked.created_at.utcoffset() is not None


async def test_a_branch_is_read_from_either_end_in_pages(tree: Tree) -> None:
    ids = await tree.grow(*"abcdefg")
    leaf = ids[-1]

    first = await path(tree, leaf, PageRequest(3))
    second = await path(tree, leaf, PageRequest(3, first.positions[-1]))
    third = await path(tree, leaf, PageRequest(3, second.positions[-1]))
    beyond = await path(tree, leaf, PageRequest(3, third.positions[-1]))
    last = await path(tree, leaf, PageRequest(3, backward=True))
    before = await path(tree, leaf, PageRequest(3, last.positions[0], backward=True))
    start = await path(tree, leaf, PageRequest(3, before.positions[0], backward=True))
    ahead = await path(tree, leaf, PageRequest(3, start.positions[0], backward=True))

    pages = [first, second, third, beyond, last, before, start, ahead]
    assert ["".join(page.nodes) for page in pages] == ["abc", "def", "g", "", "efg", "bcd", "a", ""]
    assert [(page.has_previous, page.has_next) for page in pages] == [
        (False, True),
        (True, True),
        (True, False),
        (True, False),
        (True, False),
        (True, True),
        (False, True),
        (False, True),
    ]
    assert {page.total for page in pages} == {7}
    assert (await path(tree, leaf, PageRequest(0))).has_next
    assert (await path(tree, leaf, PageRequest(100))).nodes == tuple("abcdefg")


async def test_a_branch_holds_no_siblings_and_ends_at_its_leaf(tree: Tree) -> None:
    trunk = await tree.grow(*"ab")
    left = await tree.grow(*"cd", under=trunk[-1])
    right = await tree.grow(*"ef", under=trunk[-1])

    assert (await path(tree, left[-1], PageRequest(10))).nodes == tuple("abcd")
    assert (await path(tree, right[-1], PageRequest(10))).nodes == tuple("abef")
    assert (await path(tree, trunk[-1], PageRequest(10))).nodes == tuple("ab")


async def test_pages_stay_what_they_were_while_the_branch_grows(tree: Tree) -> None:
    ids = await tree.grow(*"abc")
    page = await path(tree, ids[-1], PageRequest(2))

    (leaf,) = await tree.grow("d", under=ids[-1])

    assert (await path(tree, leaf, PageRequest(2, page.positions[-1]))).nodes == ("c", "d")
    assert (await path(tree, leaf, PageRequest(2, "2", backward=True))).nodes == ("a", "b")


@pytest.mark.parametrize("position", ["", "x", "-1", "1.5", "٣", "9" * 10, "1\0", "W10"])
@pytest.mark.parametrize("backward", [False, True])
async def test_a_cursor_that_no_page_gave_out_is_refused(tree: Tree, position: str, backward: bool) -> None:
    (leaf,) = await tree.grow("a")

    with pytest.raises(Invalid) as refused:
        await path(tree, leaf, PageRequest(3, position, backward))

    assert [field.path for field in refused.value.fields] == [("before" if backward else "after",)]


async def test_a_cursor_beyond_the_branch_finds_nothing_more(tree: Tree) -> None:
    ids = await tree.grow(*"abc")

    assert (await path(tree, ids[-1], PageRequest(2, "999999999"))).nodes == ()
    assert (await path(tree, ids[-1], PageRequest(2, "999999999", backward=True))).nodes == ("b", "c")


async def test_a_leaf_that_is_not_there_has_no_branch(tree: Tree) -> None:
    other = await Tree.plant(tree.world, tree.owner)
    (elsewhere,) = await other.grow("a")

    for leaf_id in (tree.world.new_id(), elsewhere):
        assert await path(tree, leaf_id, PageRequest(10)) == Page((), (), False, False, 0)
        assert await history(tree, leaf_id) == []


async def test_a_model_sees_complete_ancestors_only_and_the_leaf_itself(tree: Tree) -> None:
    trunk = await tree.grow("a", "b")
    failed = await tree.grow("c", "d", under=trunk[-1], status=MessageStatus.FAILED)
    stopped = await tree.grow("e", "f", under=failed[-1], status=MessageStatus.CANCELLED)
    written = await tree.grow("g", "h", under=stopped[-1], status=MessageStatus.STREAMING)
    (leaf,) = await tree.grow("i", under=written[-1])
    await tree.grow("beside", under=trunk[-1])

    turns = await history(tree, leaf)

    assert [turn.content for turn in turns] == ["a", "b", "c", "e", "g", "i"]
    assert turns[:2] == [Turn(Author.USER, "a"), Turn(Author.AGENT, "b", "coder")]
    assert [turn.content for turn in await history(tree, leaf, limit=3)] == ["g", "i"]
    assert [turn.content for turn in await history(tree, trunk[0])] == ["a"]


async def test_siblings_have_the_same_parent_or_are_the_roots_of_their_session(tree: Tree) -> None:
    trunk = await tree.grow("a", "b")
    (second_root,) = await tree.grow("A")
    (retried,) = await tree.grow("B", under=trunk[0])
    (only,) = await tree.grow("c", under=trunk[-1])
    other = await Tree.plant(tree.world, tree.owner)
    (elsewhere,) = await other.grow("z")

    asked = [second_root, trunk[1], only, elsewhere, tree.world.new_id()]
    found = await tree.world.read(tree.owner, lambda p: p.messages.siblings(asked))

    assert [[message.content for message in found[message_id]] for message_id in asked] == [
        ["a", "A"],
        ["b", "B"],
        ["c"],
        ["z"],
        [],
    ]
    assert retried in {message.id for message in found[trunk[1]]}


async def test_an_anchor_says_where_a_message_hangs_and_whether_it_is_being_written(tree: Tree) -> None:
    asked, answer = await tree.grow("a", "b", status=MessageStatus.STREAMING)

    async def anchor(message_id: UUID) -> Anchor | None:
        return await tree.world.read(tree.owner, lambda p: p.messages.anchor(tree.session_id, message_id))

    assert await anchor(asked) == Anchor(asked, None, 0, Author.USER, writing=False)
    assert await anchor(answer) == Anchor(answer, asked, 1, Author.AGENT, writing=True)
    assert await anchor(tree.world.new_id()) is None


async def test_the_newest_leaf_is_what_was_added_last_and_has_no_children(tree: Tree) -> None:
    async def newest() -> UUID | None:
        return await tree.world.read(tree.owner, lambda p: p.messages.newest_leaf(tree.session_id))

    assert await newest() is None
    trunk = await tree.grow(*"abc")
    side = await tree.grow(*"de", under=trunk[0])
    assert await newest() == side[-1]
    await tree.grow("f", under=trunk[1])
    await tree.world.write(tree.owner, lambda p: p.messages.delete(tree.session_id, side))
    assert await tree.contents([await newest() or trunk[0]]) == ["f"]


async def test_a_text_is_saved_by_its_own_generation_while_it_is_written(tree: Tree) -> None:
    asked, answer = await tree.grow("a", "", status=MessageStatus.STREAMING)

    async def saved(message_id: UUID, generation: int, text: str) -> bool:
        return await tree.world.write(
            tree.owner,
            lambda p: p.messages.checkpoint(message_id, generation=generation, content=text),
        )

    assert await saved(answer, 0, "So far")
    assert not await saved(answer, 1, "from the future")
    assert not await saved(asked, 0, "a question is complete")
    await tree.world.write(tree.owner, lambda p: p.messages.restart(answer, generation=1))
    assert await tree.contents([answer]) == [""]
    assert not await saved(answer, 0, "from the grave")
    assert await saved(answer, 1, "Again")
    assert await tree.contents([asked, answer]) == ["a", "Again"]


async def test_an_answer_ends_once_with_its_text_or_the_last_that_was_saved(tree: Tree) -> None:
    usage = Usage(1, 2, 3, 1, 0.5)
    ids = await tree.grow("a", "", status=MessageStatus.STREAMING)
    other = await tree.grow("b", "saved", status=MessageStatus.STREAMING)

    async def ended(message_id: UUID, content: str | None, status: MessageStatus) -> Ended | None:
        return await tree.world.write(
            tree.owner,
            lambda p: p.messages.complete(message_id, status=status, content=content, model="m", usage=usage),
        )

    assert await ended(ids[1], "Whole", MessageStatus.COMPLETE) == Ended(0, "Whole")
    assert await ended(ids[1], "Other", MessageStatus.CANCELLED) is None
    assert await ended(ids[0], "Other", MessageStatus.CANCELLED) is None
    assert await ended(other[1], None, MessageStatus.FAILED) == Ended(0, "saved")
    await tree.world.write(tree.owner, lambda p: p.messages.restart(ids[1], generation=1))
    message = await tree.world.message(tree.owner, ids[1])
    assert (message.status, message.content, message.model) == (MessageStatus.COMPLETE, "Whole", "m")
    assert (message.usage, message.generation) == (usage, 0)


async def test_a_deep_branch_is_read_and_deleted_with_its_runs_and_tasks(tree: Tree) -> None:
    trunk = await tree.grow("root", "answer")
    deep = await tree.grow(*map(str, range(MANY)), under=trunk[-1])
    kept = [await tree.answered(*trunk)]
    gone = [await tree.answered(deep[i], deep[i + 1]) for i in (0, MANY // 2, MANY - 2)]
    beside = await tree.grow("beside", under=trunk[-1])
    if (server := tree.world.stored.server) is not None:  # as its autovacuum does soon
        await server.execute("ANALYZE messages", database=tree.world.stored.name)

    below = await tree.world.read(tree.owner, lambda p: p.messages.below(tree.session_id, deep[0]))
    first = await path(tree, deep[-1], PageRequest(2))
    last = await path(tree, deep[-1], PageRequest(2, backward=True))
    await tree.world.write(tree.owner, lambda p: p.messages.delete(tree.session_id, below))

    assert list(below) == deep
    assert first.total == MANY + 2
    assert (first.nodes, last.nodes) == (("root", "answer"), (str(MANY - 2), str(MANY - 1)))
    left = await tree.world.read(tree.owner, lambda p: p.messages.below(tree.session_id, trunk[0]))
    assert set(left) == {*trunk, *beside}
    assert list(await tree.world.read(tree.owner, lambda p: p.runs.many([*kept, *gone]))) == kept
    assert [task.run_id for task in await tree.world.open_tasks(tree.owner)] == kept


async def test_a_wide_subtree_is_deleted_and_the_rest_stays(tree: Tree) -> None:
    (root,) = await tree.grow("root")
    wide = [(await tree.grow("a", "b", under=root))[0] for _ in range(60)]
    (other,) = await tree.grow("other root")

    below = await tree.world.read(tree.owner, lambda p: p.messages.below(tree.session_id, root))
    await tree.world.write(tree.owner, lambda p: p.messages.delete(tree.session_id, below))

    assert len(below) == 121
    assert below[0] == root
    assert await tree.contents([root, *wide, other]) == ["other root"]
    assert await tree.world.read(tree.owner, lambda p: p.messages.below(tree.session_id, root)) == []


async def test_another_owner_reaches_none_of_it(tree: Tree) -> None:
    asked, answer = await tree.grow("a", "b", status=MessageStatus.STREAMING)
    world = tree.world
    for owner in (await world.owner(), await world.project(tree.owner)):
        stranger = Tree(world, owner, tree.session_id)
        assert await stranger.contents([asked, answer]) == []
        assert (await path(stranger, answer, PageRequest(10))).total == 0
        assert await history(stranger, answer) == []
        assert await world.read(owner, lambda p: p.messages.anchor(tree.session_id, asked)) is None
        assert await world.read(owner, lambda p: p.messages.siblings([asked])) == {asked: []}
        assert await world.read(owner, lambda p: p.messages.below(tree.session_id, asked)) == []
        assert await world.read(owner, lambda p: p.messages.newest_leaf(tree.session_id)) is None
        assert not await world.write(
            owner, lambda p: p.messages.checkpoint(answer, generation=0, content="mine")
        )
        await world.write(owner, lambda p: p.messages.restart(answer, generation=9))
        await world.write(owner, lambda p: p.messages.delete(tree.session_id, [asked, answer]))
        ended = await world.write(
            owner,
            lambda p: p.messages.complete(
                answer, status=MessageStatus.FAILED, content="mine", model=None, usage=Usage()
            ),
        )
        assert ended is None

    message = await world.message(tree.owner, answer)
    assert (message.content, message.generation, message.status) == ("b", 0, MessageStatus.STREAMING)


async def test_a_message_whose_parent_was_deleted_meanwhile_begins_again(tree: Tree) -> None:
    (root,) = await tree.grow("root")
    await tree.world.write(tree.owner, lambda p: p.messages.delete(tree.session_id, [root]))
    # SQLite has one writer, so that nobody deletes anything meanwhile: there it is a bug
    expected = IntegrityError if tree.world.stored.server is None else Moved

    with pytest.raises(expected):
        await tree.grow("too late", under=root)
