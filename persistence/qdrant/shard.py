"""The points of one space in the embedded engine: opened, or made anew when it can't be, written and searched."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Self, cast
from uuid import UUID

from qdrant_edge import EdgeShard, ScoredPoint

from domain.memory.ports import (
    IndexHit,
    IndexQuery,
    IndexUnavailable,
    Likeness,
    Point,
    Tenant,
    Vector,
)
from persistence.qdrant import edge, generations, hits, plan
from persistence.qdrant.bm25 import Bm25
from persistence.qdrant.hits import Own, Scores
from persistence.qdrant.journal import Journal

MAX_UNFLUSHED = 10_000
"""Points written before the shard is flushed even when it is never idle: so many are replayed after a crash."""
UNOPTIMISED = "unoptimised"
"""The file in a shard's folder that says how many points were written since its graphs were built."""
MAX_CRASHES = 3
"""Starts that may end while the shard is being opened, before it is taken for what ends them."""


class Shard:
    """A space's points. What was written survives the end of the process; `flush` only makes the next start fast."""

    def __init__(self, shard: EdgeShard, folder: Path, *, dimension: int, words: Bm25) -> None:
        self._shard = shard
        self._words = words
        self.folder = folder
        self.dimension = dimension
        self.unflushed = 0
        self.unoptimised = _count(folder / UNOPTIMISED, otherwise=shard.info().points_count)
        self.journal: Journal | None = None

    @classmethod
    def load(cls, base: Path, *, dimension: int, words: Bm25) -> Self:
        """Open what is there.

        Raises:
            IndexUnavailable: There is nothing, or nothing that can be opened.
        """
        crashes = base.with_suffix(".opening")
        folder = generations.current(base)
        if folder is None or _count(crashes) >= MAX_CRASHES:
            raise IndexUnavailable("The memory index has to be opened first, and told everything anew.")
        # damage can end the process instead of raising an error, so an attempt leaves a trace
        crashes.write_text(str(_count(crashes) + 1))
        shard = cls(_loaded(folder, dimension), folder, dimension=dimension, words=words)
        crashes.unlink()
        return shard

    @classmethod
    def create(cls, base: Path, *, dimension: int, words: Bm25) -> Self:
        """Begin anew; what is there is kept under another name, for whoever wants to know why."""
        if (damaged := generations.current(base)) is not None:
            damaged.rename(base.with_name(f"{base.name}.damaged-{time.time_ns() // 1_000_000}"))
        base.with_suffix(".opening").unlink(missing_ok=True)
        beginning = base.with_suffix(".creating")
        shutil.rmtree(beginning, ignore_errors=True)
        edge.create(beginning, dimension=dimension)
        beginning.rename(base)
        return cls.load(base, dimension=dimension, words=words)

    @classmethod
    def remove(cls, base: Path) -> None:
        """Give up what is there, with what was kept of it; it may not be open."""
        while (folder := generations.current(base)) is not None:
            generations.discard(folder)
        base.with_suffix(".opening").unlink(missing_ok=True)
        for each in base.parent.glob(f"{base.name}.damaged-*"):
            shutil.rmtree(each, ignore_errors=True)

    @property
    def is_scanned(self) -> bool:
        """Whether so much was written since the graphs were built that it is worth to build them.

        Below the first bound none is built. The second keeps the copying in proportion: a shard that grows is
        copied some ten times over its life, and at most a tenth of it is compared point by point.
        """
        least = edge.FULL_SCAN_KB * 1024 // (edge.NUMBER_BYTES * self.dimension)
        size: int = self._shard.info().points_count
        return self.unoptimised >= max(least, size // 10)

    def optimised(self, folder: Path) -> Self:
        """Open a copy of this shard whose graphs were built.

        Raises:
            IndexUnavailable: It can't be opened.
        """
        (folder / UNOPTIMISED).write_text("0")
        return type(self)(
            _loaded(folder, self.dimension), folder, dimension=self.dimension, words=self._words
        )

    def upsert(self, tenant: Tenant, points: Sequence[Point]) -> None:
        """Store points; what is there at the same or a later version stays."""
        self._changed({plan.point_id(tenant, each.memory_id) for each in points})
        for version, group in plan.by_version(points):
            self._shard.update(edge.upsert(tenant, group, version=version, words=self._words))

    def delete(self, tenant: Tenant, memory_ids: Collection[UUID]) -> None:
        """Forget points."""
        self._changed({plan.point_id(tenant, each) for each in memory_ids})
        self._shard.update(edge.delete(plan.these(tenant, memory_ids)))

    def drop(self, tenant: Tenant) -> None:
        """Forget a tenant."""
        if self.journal is not None:
            self.journal.dropped(tenant)
        self._wrote(self.count(tenant))
        self._shard.update(edge.delete(plan.all_of(tenant)))

    def follow(self, other: Shard, tenants: Collection[Tenant], points: Sequence[UUID]) -> None:
        """Become as another shard is: without these tenants first, then alike in these points."""
        for tenant in tenants:
            self._shard.update(edge.delete(plan.all_of(tenant)))
        there = other._shard.retrieve(list(points), with_payload=True, with_vector=True)
        if there:
            self._shard.update(edge.same(there))
        if gone := set(points) - {each.id for each in there}:
            self._shard.update(edge.without(gone))
        self._wrote(len(points) + len(tenants))

    def search(self, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        """Fuse the rankings of a query."""
        effort = plan.effort(self._shard.count(edge.about(plan.all_of(tenant))))
        rankings = plan.search(tenant, query, self._words, effort=effort)
        found = self._shard.query_batch(edge.batch(rankings))
        scores, candidates = hits.fused(map(_scores, found), limit=query.limit)
        return hits.hits(scores, self._own(tenant, candidates), limit=query.limit)

    def alike(self, tenant: Tenant, dense: Vector, *, limit: int) -> Sequence[Likeness]:
        """Rank by meaning alone."""
        scores = _scores(self._shard.query(edge.request(plan.alike(tenant, dense, limit=limit))))
        return hits.likenesses(scores, self._own(tenant, scores), limit=limit)

    def count(self, tenant: Tenant | None) -> int:
        """How many there are."""
        return self._shard.count(edge.count(None if tenant is None else plan.all_of(tenant)))

    def _own(self, tenant: Tenant, points: Collection[int]) -> Mapping[int, Own]:
        ids: list[int | UUID | str] = [UUID(int=each) for each in points]
        read = self._shard.retrieve(ids, with_payload=True, with_vector=False)
        return {cast("UUID", each.id).int: hits.own(tenant, each.payload) for each in read}

    def flush(self) -> None:
        """Write everything where the next start finds it without replaying."""
        self._shard.flush()
        (self.folder / UNOPTIMISED).write_text(str(self.unoptimised))
        self.unflushed = 0

    def _changed(self, points: Collection[UUID]) -> None:
        if self.journal is not None:
            self.journal.changed(points)
        self._wrote(len(points))

    def _wrote(self, points: int) -> None:
        self.unflushed += points
        self.unoptimised += points

    def close(self) -> None:
        """Let go; what is not flushed is replayed at the next start."""
        self._shard.close()


def _scores(found: Sequence[ScoredPoint]) -> Scores:
    return {cast("UUID", each.id).int: each.score for each in found}


def _loaded(folder: Path, dimension: int) -> EdgeShard:
    try:
        shard = edge.load(folder, dimension=dimension)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as problem:  # a panic of the engine is no Exception
        raise IndexUnavailable(f"The memory index can't be read: {problem}") from problem
    edge.complete(shard)
    return shard


def _count(file: Path, *, otherwise: int = 0) -> int:
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return otherwise
