"""What every memory index does, whatever it stores points in."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.memory.entities import MemoryKind
from domain.memory.ports import IndexQuery, IndexUnavailable, MemoryIndex, Space, Tenant
from tests.persistence.qdrant.points import SPACE, START, a_point, a_query, a_tenant, unit

# what the client's own model of a server does not do makes no difference here
pytestmark = pytest.mark.filterwarnings("ignore:.*[Ll]ocal.*:UserWarning")


async def found(index: MemoryIndex, tenant: Tenant, query: IndexQuery) -> list[UUID]:
    return [hit.memory_id for hit in await index.search(SPACE, tenant, query)]


async def test_a_space_is_made_once_and_there_the_next_time(index: MemoryIndex) -> None:
    space = Space("new", 4, version=uuid4().int % 10**9)

    assert await index.open(space) is False
    assert await index.open(space) is True


async def test_a_space_that_is_removed_is_not_there_and_its_neighbours_are(
    index: MemoryIndex, tenant: Tenant
) -> None:
    space = Space("generations", 8, version=uuid4().int % 10**9)
    later = replace(space, generation=2)
    assert not await index.has(space)
    for each in (space, later):
        await index.open(each)
        await index.upsert(each, tenant, [a_point()])

    await index.remove(space)
    await index.remove(space)

    assert not await index.has(space)
    assert await index.has(later)
    assert await index.count(later, tenant) == 1
    with pytest.raises(IndexUnavailable):
        await index.search(space, tenant, a_query())
    assert await index.open(space) is False
    assert await index.count(space, tenant) == 0


async def test_a_space_that_was_never_opened_is_unavailable(index: MemoryIndex, tenant: Tenant) -> None:
    with pytest.raises(IndexUnavailable):
        await index.search(Space("nowhere", 8), tenant, a_query())


async def test_spaces_have_nothing_in_common(index: MemoryIndex, tenant: Tenant) -> None:
    other = Space("another", SPACE.dimension)
    await index.open(other)

    await index.upsert(SPACE, tenant, [a_point()])

    assert await index.count(SPACE, tenant) == 1
    assert await index.count(other, tenant) == 0
    assert await index.search(other, tenant, a_query()) == []


async def test_all_points_of_a_space_can_be_counted(index: MemoryIndex) -> None:
    space = Space("counted", SPACE.dimension)
    await index.open(space)

    for _ in range(3):
        await index.upsert(space, a_tenant(), [a_point()])

    assert await index.count(space) == 3


async def test_nothing_is_found_where_nothing_is(index: MemoryIndex, tenant: Tenant) -> None:
    assert await index.search(SPACE, tenant, a_query()) == []
    assert await index.alike(SPACE, tenant, unit(1), limit=5) == []
    assert await index.count(SPACE, tenant) == 0
    await index.delete(SPACE, tenant, [uuid4()])
    await index.delete(SPACE, tenant, [])
    await index.upsert(SPACE, tenant, [])
    await index.drop(SPACE, tenant)


async def test_what_fits_in_words_and_meaning_comes_first(index: MemoryIndex, tenant: Tenant) -> None:
    both = a_point("my bicycle is red", unit(1, 0))
    meaning = a_point("something else", unit(1, 0.2))
    words = a_point("bicycles are dear", unit(0, 1))
    neither = a_point("tea", unit(-1, 0))
    await index.upsert(SPACE, tenant, [neither, words, meaning, both])

    hits = await index.search(SPACE, tenant, a_query("which bicycle?", unit(1, 0)))

    assert (hits[0].memory_id, hits[-1].memory_id) == (both.memory_id, neither.memory_id)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("I was running through the forest", "runs"),
        ("Мы бегали по лесам", "лес"),
        ("Под ёлкой лежит подарок", "елка"),
        ("Под елкой лежит подарок", "Ёлки"),
        ("Deploy на сервер Hetzner", "hetzner серверы"),
        ("Meet me at the café", "cafe"),
        ("ＦＵＬＬ width letters", "full"),
    ],
)
async def test_words_are_found_in_any_form(index: MemoryIndex, tenant: Tenant, text: str, query: str) -> None:
    near_but_wordless = [a_point(f"unrelated {i}", unit(1, 0.001 * i)) for i in range(3)]
    meant = a_point(text, unit(1, 0.0005))
    await index.upsert(SPACE, tenant, [*near_but_wordless, meant])

    assert (await found(index, tenant, a_query(query, unit(1))))[0] == meant.memory_id


async def test_the_window_is_searched_too(index: MemoryIndex, tenant: Tenant) -> None:
    by_words = a_point("yes", unit(0, 1), window_text="Do you like coffee? yes", window=unit(0, 1))
    by_meaning = a_point("no", unit(0, 1), window_text="no", window=unit(1))
    without = a_point("no", unit(0, 1))
    await index.upsert(SPACE, tenant, [without, by_meaning, by_words])

    hits = await found(index, tenant, a_query("coffee", unit(1)))

    assert set(hits[:2]) == {by_words.memory_id, by_meaning.memory_id}


async def test_a_query_without_words_ranks_by_meaning(index: MemoryIndex, tenant: Tenant) -> None:
    far, near = a_point(dense=unit(0, 1)), a_point(dense=unit(1))
    await index.upsert(SPACE, tenant, [far, near])

    for text in ("", "the", "?!", "👍", "\x00"):
        assert await found(index, tenant, a_query(text, unit(1, 0.1))) == [near.memory_id, far.memory_id]


async def test_equals_are_ordered_by_id(index: MemoryIndex, tenant: Tenant) -> None:
    points = [a_point() for _ in range(20)]
    await index.upsert(SPACE, tenant, points)

    hits = await index.search(SPACE, tenant, a_query())
    alike = await index.alike(SPACE, tenant, unit(1), limit=20)

    assert [hit.memory_id for hit in hits] == sorted(each.memory_id for each in points)
    assert len({hit.score for hit in hits}) == 1
    assert [each.memory_id for each in alike] == sorted(each.memory_id for each in points)


async def test_of_more_equals_than_are_looked_at_as_many_are_found_as_asked_for(
    index: MemoryIndex, tenant: Tenant
) -> None:
    await index.upsert(SPACE, tenant, [a_point() for _ in range(130)])

    assert len(set(await found(index, tenant, a_query(limit=30)))) == 30


async def test_no_more_are_found_than_asked_for(index: MemoryIndex, tenant: Tenant) -> None:
    points = [a_point(dense=unit(1, i)) for i in range(120)]
    await index.upsert(SPACE, tenant, points)

    hits = await found(index, tenant, a_query("nothing", unit(1), limit=7))

    assert hits == [each.memory_id for each in points[:7]]


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"session_id": UUID(int=1)}, {"session_id": UUID(int=1)}),
        ({"kind": MemoryKind.NOTE}, {"kind": MemoryKind.NOTE}),
        ({"success": False}, {"success": False}),
        ({"created_at": START + timedelta(days=1)}, {"since": START + timedelta(days=1)}),
        ({"created_at": START - timedelta(microseconds=1)}, {"until": START}),
        (
            {"created_at": START + timedelta(microseconds=5)},
            {"since": START + timedelta(microseconds=5), "until": START + timedelta(microseconds=6)},
        ),
    ],
)
async def test_a_filter_leaves_only_what_it_names(
    index: MemoryIndex, tenant: Tenant, changes: dict[str, Any], asked: dict[str, Any]
) -> None:
    meant = a_point("tea", unit(0, 1), **changes)
    await index.upsert(SPACE, tenant, [*(a_point() for _ in range(3)), meant])

    assert await found(index, tenant, a_query(**asked)) == [meant.memory_id]


async def test_filters_do_not_change_how_rare_a_word_is(index: MemoryIndex, tenant: Tenant) -> None:
    session = uuid4()
    rare = a_point("piano", unit(1), session_id=session)
    common = a_point("coffee", unit(1), session_id=session)
    await index.upsert(SPACE, tenant, [rare, common, *(a_point("coffee") for _ in range(30))])

    hits = await found(index, tenant, a_query("coffee piano", session_id=session))

    assert hits == [rare.memory_id, common.memory_id]


async def test_a_later_version_takes_the_place_of_an_earlier(index: MemoryIndex, tenant: Tenant) -> None:
    first = a_point("coffee")
    await index.upsert(SPACE, tenant, [first])

    await index.upsert(SPACE, tenant, [replace(first, version=2, dense=unit(0, 1), success=False)])

    assert await found(index, tenant, a_query(success=True)) == []
    (hit,) = await index.search(SPACE, tenant, a_query(success=False))
    assert (hit.memory_id, hit.version) == (first.memory_id, 2)


@pytest.mark.parametrize("late", [1, 2])
async def test_the_same_or_an_earlier_version_changes_nothing(
    index: MemoryIndex, tenant: Tenant, late: int
) -> None:
    stored = a_point(version=2)
    await index.upsert(SPACE, tenant, [stored])

    await index.upsert(SPACE, tenant, [replace(stored, version=late, success=False), a_point("tea")])

    hits = {hit.memory_id: hit.version for hit in await index.search(SPACE, tenant, a_query(success=True))}
    assert len(hits) == 2
    assert hits[stored.memory_id] == 2


async def test_of_several_versions_at_once_the_latest_stays(index: MemoryIndex, tenant: Tenant) -> None:
    first = a_point()
    later = replace(first, version=3)

    await index.upsert(
        SPACE, tenant, [first, later, replace(later, success=False), replace(first, version=2)]
    )

    (hit,) = await index.search(SPACE, tenant, a_query(success=True))
    assert hit.version == 3


async def test_what_is_deleted_is_not_found(index: MemoryIndex, tenant: Tenant) -> None:
    gone, stays = a_point(), a_point()
    await index.upsert(SPACE, tenant, [gone, stays])

    await index.delete(SPACE, tenant, [gone.memory_id, uuid4()])

    assert await found(index, tenant, a_query()) == [stays.memory_id]
    assert await index.count(SPACE, tenant) == 1


async def test_what_is_alike_comes_with_its_cosine(index: MemoryIndex, tenant: Tenant) -> None:
    near, far = a_point(dense=unit(3, 4)), a_point(dense=unit(-1, 0))
    await index.upsert(SPACE, tenant, [far, near])

    alike = await index.alike(SPACE, tenant, unit(1), limit=5)

    assert [each.memory_id for each in alike] == [near.memory_id, far.memory_id]
    assert [each.cosine for each in alike] == pytest.approx([0.6, -1.0], abs=5e-4)  # half precision
    assert len(await index.alike(SPACE, tenant, unit(1), limit=1)) == 1


@pytest.mark.parametrize("wrong", [[1.0], [float("nan")] * 8, [float("inf")] * 8], ids=str)
async def test_what_is_no_vector_of_the_space_is_refused(
    index: MemoryIndex, tenant: Tenant, wrong: list[float]
) -> None:
    with pytest.raises(ValueError, match="no vector of"):
        await index.upsert(SPACE, tenant, [a_point(dense=wrong)])
    with pytest.raises(ValueError, match="no vector of"):
        await index.upsert(SPACE, tenant, [a_point(window=wrong)])
    with pytest.raises(ValueError, match="no vector of"):
        await index.search(SPACE, tenant, a_query(dense=wrong))
    with pytest.raises(ValueError, match="no vector of"):
        await index.alike(SPACE, tenant, wrong, limit=1)

    assert await index.count(SPACE, tenant) == 0


def neighbours(tenant: Tenant) -> list[Tenant]:
    """Those that share all but one part of a tenant's key."""
    return [
        replace(tenant, user_id=uuid4()),
        replace(tenant, project_id=uuid4()),
        replace(tenant, agent_id=uuid4()),
    ]


async def test_many_long_texts_can_be_stored_at_once(index: MemoryIndex, tenant: Tenant) -> None:
    long = "Очень длинный текст. " * 400
    points = [a_point(f"{long} number{number}", window_text=long, window=unit(1)) for number in range(70)]

    await index.upsert(SPACE, tenant, points)

    assert await index.count(SPACE, tenant) == 70
    assert (await found(index, tenant, a_query("number42")))[0] == points[42].memory_id


@pytest.mark.parametrize("which", [0, 1, 2], ids=["user", "project", "agent"])
async def test_a_neighbour_neither_sees_nor_changes_anything(
    index: MemoryIndex, tenant: Tenant, which: int
) -> None:
    neighbour = neighbours(tenant)[which]
    mine = a_point(version=1)
    await index.upsert(SPACE, tenant, [mine])

    assert await index.search(SPACE, neighbour, a_query()) == []
    assert await index.alike(SPACE, neighbour, unit(1), limit=9) == []
    assert await index.count(SPACE, neighbour) == 0
    await index.delete(SPACE, neighbour, [mine.memory_id])
    await index.upsert(SPACE, neighbour, [replace(mine, version=9, success=False)])
    await index.drop(SPACE, neighbour)

    (hit,) = await index.search(SPACE, tenant, a_query(success=True))
    assert (hit.memory_id, hit.version) == (mine.memory_id, 1)


async def test_dropping_a_tenant_leaves_its_neighbours(index: MemoryIndex, tenant: Tenant) -> None:
    others = neighbours(tenant)
    for each in (tenant, *others):
        await index.upsert(SPACE, each, [a_point() for _ in range(40)])

    await index.drop(SPACE, tenant)

    assert await index.count(SPACE, tenant) == 0
    assert [await index.count(SPACE, each) for each in others] == [40, 40, 40]
