"""Sessions: their list and its search, what an advance changes, and what a key finds."""

from __future__ import annotations

from uuid import UUID

import pytest

from domain.conversations.moved import Moved
from domain.conversations.ports import KEEP, Advance, Advanced, KnownSession
from domain.errors import Invalid
from domain.pages import Page, PageRequest
from tests.trees import Tree
from tests.worlds import Owner, World


async def page(world: World, owner: Owner, request: PageRequest, search: str | None = None) -> Page[str]:
    """A page by title."""
    found = await world.read(owner, lambda p: p.sessions.page(request, search=search))
    titles = tuple(session.title for session in found.nodes)
    return Page(titles, found.positions, found.has_next, found.has_previous, found.total)


async def advanced(world: World, owner: Owner, session_id: UUID, advance: Advance) -> Advanced | None:
    return await world.write(owner, lambda p: p.sessions.advance(session_id, advance))


async def test_the_newest_activity_comes_first_in_pages_both_ways(world: World) -> None:
    owner = await world.owner()
    ids = []
    for number in range(5):
        ids.append(await world.session(owner, f"S{number}"))
        await world.stored.pass_time(number % 2)  # some are made at the same time
    await world.stored.pass_time(1)
    await world.sessions.rename(world.scope(owner), ids[0], "S0")

    first = await page(world, owner, PageRequest(2))
    second = await page(world, owner, PageRequest(2, first.positions[-1]))
    third = await page(world, owner, PageRequest(2, second.positions[-1]))
    back = await page(world, owner, PageRequest(2, third.positions[0], backward=True))
    last = await page(world, owner, PageRequest(2, backward=True))

    met = first.nodes + second.nodes + third.nodes
    assert met[0] == "S0"
    assert sorted(met) == ["S0", "S1", "S2", "S3", "S4"]
    assert back == second
    assert last.nodes == met[-2:]
    pages = (first, second, third, back, last)
    assert [(each.has_previous, each.has_next) for each in pages] == [
        (False, True),
        (True, True),
        (True, False),
        (True, True),
        (True, False),
    ]
    assert {each.total for each in pages} == {5}


async def test_a_list_that_grows_shifts_nothing_behind_a_position(world: World) -> None:
    owner = await world.owner()
    for number in range(4):
        await world.session(owner, f"S{number}")
        await world.stored.pass_time(1)
    first = await page(world, owner, PageRequest(2))

    await world.session(owner, "New")

    assert (await page(world, owner, PageRequest(2, first.positions[-1]))).nodes == ("S1", "S0")
    assert (await page(world, owner, PageRequest(2))).nodes == ("New", "S3")


@pytest.mark.parametrize(
    "position",
    [
        "",
        "x",
        "!",
        "W10",
        "bnVsbA",
        "WzEsMl0",
        "WzEsIngiXQ",
        "0" * 201,
        "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCIwIl0",
    ],
)
@pytest.mark.parametrize("backward", [False, True])
async def test_a_cursor_that_no_page_gave_out_is_refused(world: World, position: str, backward: bool) -> None:
    owner = await world.owner()

    with pytest.raises(Invalid) as refused:
        await page(world, owner, PageRequest(2, position, backward))

    assert [field.path for field in refused.value.fields] == [("before" if backward else "after",)]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("план", {"План работ", "планы"}),
        ("ПЛАН", {"План работ", "планы"}),
        ("straße", {"STRASSE"}),
        ("%", {"100% done"}),
        ("_", {"snake_case"}),
        ("/", {"a/b"}),
        ("\\", {"back\\slash"}),
        ("'", {"it's"}),
        ("e\u0301", {"Café"}),
        (
            "\0",
            {
                "План работ",
                "планы",
                "STRASSE",
                "100% done",
                "snake_case",
                "a/b",
                "back\\slash",
                "it's",
                "Café",
            },
        ),
        ("a\ud800/b", {"a/b"}),
        ("nothing", set()),
    ],
)
async def test_titles_are_searched_in_any_script_and_nothing_is_a_wildcard(
    world: World, search: str, found: set[str]
) -> None:
    owner = await world.owner()
    for title in (
        "План работ",
        "планы",
        "STRASSE",
        "100% done",
        "snake_case",
        "a/b",
        "back\\slash",
        "it's",
        "Café",
    ):
        await world.session(owner, title)

    result = await page(world, owner, PageRequest(100), search)

    assert set(result.nodes) == found
    assert result.total == len(found)


async def test_a_search_is_paged_and_knows_new_titles(world: World) -> None:
    owner = await world.owner()
    ids = []
    for number in range(5):
        ids.append(await world.session(owner, f"Find {number}"))
        await world.stored.pass_time(1)
    await world.session(owner, "Other")
    await world.sessions.rename(world.scope(owner), ids[4], "Renamed")

    first = await page(world, owner, PageRequest(2), "find")
    second = await page(world, owner, PageRequest(2, first.positions[-1]), "find")

    assert (first.nodes, second.nodes) == (("Find 3", "Find 2"), ("Find 1", "Find 0"))
    assert (first.total, first.has_next, second.has_next) == (4, True, False)
    assert (await page(world, owner, PageRequest(2), "RENAMED")).total == 1


async def test_an_advance_takes_numbers_and_changes_what_it_names(world: World) -> None:
    owner = await world.owner()
    tree = await Tree.plant(world, owner)
    session_id = tree.session_id
    (head,) = await tree.grow("a")
    before = await world.session_now(owner, session_id)

    first = await advanced(world, owner, session_id, Advance(3, head_id=head, active_runs=1, served=True))
    second = await advanced(world, owner, session_id, Advance(2, title="Новый", active_runs=-1))

    now = await world.session_now(owner, session_id)
    assert first is not None
    assert second is not None
    assert (first.seq, first.active_runs, second.seq, second.active_runs) == (3, 1, 5, 0)
    assert (now.seq, now.head_id, now.title, now.updated_at) == (5, head, "Новый", second.at)
    assert (before.seq, before.head_id) == (0, None)
    await advanced(world, owner, session_id, Advance(0, head_id=None))
    assert (await world.session_now(owner, session_id)).head_id is None


async def test_an_advance_may_depend_on_the_head(world: World) -> None:
    owner = await world.owner()
    tree = await Tree.plant(world, owner)
    a, b = await tree.grow("a", "b")

    async def moves(expected: object, to: UUID) -> bool:
        advance = Advance(1, head_id=to, expected_head=expected)  # type: ignore[arg-type]  # any of the three kinds
        return await advanced(world, owner, tree.session_id, advance) is not None

    assert not await moves(a, b)
    assert await moves(None, a)
    assert not await moves(None, b)
    assert not await moves(b, b)
    assert await moves(a, b)
    assert await moves(KEEP, a)
    assert (await world.session_now(owner, tree.session_id)).seq == 3


async def test_a_buried_session_is_invisible_and_gives_its_key_back(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner, "Chat", key="k")
    known = await world.read(owner, lambda p: p.sessions.by_key("k"))
    assert known is not None
    assert known.session_id == session_id

    assert await advanced(world, owner, session_id, Advance(1, bury=True))

    assert await advanced(world, owner, session_id, Advance(1)) is None
    assert await world.read(owner, lambda p: p.sessions.many([session_id])) == {}
    assert await world.read(owner, lambda p: p.sessions.by_key("k")) is None
    assert (await page(world, owner, PageRequest(10))).total == 0
    await world.write(owner, lambda p: p.sessions.add(world.new_id(), title="T", key="k", input_hash="h"))


async def test_a_key_that_is_taken_meanwhile_begins_the_transaction_again(world: World) -> None:
    owner = await world.owner()
    neighbour = await world.project(owner)
    await world.session(owner, key="k")

    with pytest.raises(Moved):
        await world.write(owner, lambda p: p.sessions.add(world.new_id(), title="T", key="k", input_hash=""))
    await world.write(neighbour, lambda p: p.sessions.add(world.new_id(), title="T", key="k", input_hash="h"))

    assert isinstance(await world.read(neighbour, lambda p: p.sessions.by_key("k")), KnownSession)


async def test_sessions_without_a_key_are_as_many_as_you_like(world: World) -> None:
    owner = await world.owner()

    assert len({await world.session(owner, "Same") for _ in range(3)}) == 3


async def test_another_owner_reaches_none_of_it(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner, "Mine", key="k")
    for other in (await world.owner(), await world.project(owner)):
        assert (await page(world, other, PageRequest(10))).total == 0
        assert (await page(world, other, PageRequest(10), "mine")).total == 0
        assert await world.read(other, lambda p: p.sessions.many([session_id])) == {}
        assert await world.read(other, lambda p: p.sessions.by_key("k")) is None
        assert await advanced(world, other, session_id, Advance(1, title="Stolen")) is None

    assert (await world.session_now(owner, session_id)).title == "Mine"
