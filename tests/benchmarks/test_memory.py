"""The figures of the index of memories: taken from a made-up world that is the same every time."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.memories import Size, World
from benchmarks.memory import Plan, measure
from benchmarks.report import with_figures
from domain.memory.ports import Tenant

TINY = Size(400, 8)


def test_a_size_is_read_as_it_is_written() -> None:
    assert Size.of("100000x384") == Size(100_000, 384)
    with pytest.raises(ValueError, match="invalid literal"):
        Size.of("many")


def test_one_tenant_owns_half_and_the_others_are_small() -> None:
    world, owned = World(TINY), Counter[Tenant]()
    for tenant, points in world.calls():
        owned[tenant] += len(points)

    assert owned.pop(world.half) == TINY.points // 2
    assert sum(owned.values()) == TINY.points // 2
    assert set(owned) == set(world.small)


def test_the_same_size_is_the_same_world() -> None:
    one, other = World(TINY), World(TINY)

    assert list(one.calls()) == list(other.calls())
    assert one.queries(3) == other.queries(3)


async def test_every_figure_is_taken_and_shown(tmp_path: Path) -> None:
    plan = Plan(sizes=[TINY], searches=40, compared=2)

    index = await measure(plan, tmp_path, say=lambda _: None)

    assert index.sizes[0].recall == 1.0
    assert index.sizes[0].upserts_per_s > 0
    assert "400 x 8" in index.tables()
    assert {it.store for it in index.verdicts()} == {"400 x 8"}
    shown = with_figures("<!-- bench:begin memory --><!-- bench:end memory -->", {"memory": index})
    assert "400 x 8" in shown
    assert index.record()
