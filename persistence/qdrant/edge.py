"""Plans as the embedded engine's requests, and points and collections as it stores them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from uuid import UUID

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    HasIdCondition,
    HnswIndexConfig,
    IdfParams,
    IntegerIndexParams,
    KeywordIndexParams,
    MatchValue,
    Modifier,
    Query,
    QueryBatchRequest,
    QueryRequest,
    RangeFloat,
    Record,
    SearchParams,
    SparseVector,
    UpdateOperation,
    VectorStorageDatatype,
)
from qdrant_edge import Point as EdgePoint

from domain.memory.ports import Point, Tenant, Vector
from persistence.qdrant import plan
from persistence.qdrant.bm25 import Bm25, Sparse
from persistence.qdrant.plan import Between, Condition, Equals, Ranking, Where

FULL_SCAN_KB = 1_000
"""Up to so much of a tenant's vectors is compared one by one, which is exact and as fast."""
NUMBER_BYTES = 2
"""Of one number of a stored vector: half precision, which leaves a cosine three digits."""
INDEXES: Mapping[str, KeywordIndexParams | IntegerIndexParams] = {
    "tenant": KeywordIndexParams(is_tenant=True),
    "session": KeywordIndexParams(enable_hnsw=False),
    "kind": KeywordIndexParams(enable_hnsw=False),
    "success": IntegerIndexParams(lookup=True, range=False, enable_hnsw=False),
    "version": IntegerIndexParams(lookup=False, range=True, enable_hnsw=False),
    "created": IntegerIndexParams(lookup=False, range=True, enable_hnsw=False),
}


def create(folder: Path, *, dimension: int, full_scan_kb: int = FULL_SCAN_KB) -> None:
    """Make an empty shard in a folder that does not exist yet."""
    folder.mkdir(parents=True)
    shard = EdgeShard.create(str(folder), _config(dimension, full_scan_kb))
    complete(shard)
    shard.close()


def load(folder: Path, *, dimension: int) -> EdgeShard:
    """Open a shard.

    Raises:
        Exception: It is damaged, or of an earlier version, whose points have other vectors.
    """
    return EdgeShard.load(str(folder), EdgeConfig(*_vectors(dimension)))


def complete(shard: EdgeShard) -> None:
    """Make the payload indexes that a shard lacks, as one of an earlier version may."""
    for key in INDEXES.keys() - shard.info().payload_schema.keys():
        shard.update(UpdateOperation.create_field_index(key, INDEXES[key]))
    shard.flush()


def batch(rankings: Sequence[Ranking]) -> QueryBatchRequest:
    """All rankings of a search, to be answered in one go."""
    return QueryBatchRequest([request(each) for each in rankings])


def request(ranking: Ranking) -> QueryRequest:
    """One ranking; its filter and the corpus of its words both hold the tenant."""
    corpus = None if ranking.corpus is None else IdfParams(where(ranking.corpus))
    return QueryRequest(
        ranking.limit,
        query=Query.Nearest(_vector(ranking.nearest), using=ranking.vector),
        filter=where(ranking.where),
        params=SearchParams(hnsw_ef=ranking.effort, exact=ranking.exact, idf=corpus),
        with_payload=False,
    )


def count(of: Where | None) -> CountRequest:
    """How many there are, of a tenant or, for gauges, of all."""
    return CountRequest(exact=True, filter=None if of is None else where(of))


def about(of: Where) -> CountRequest:
    """How many there are, without looking at each: a hundredth of the time."""
    return CountRequest(exact=False, filter=where(of))


def upsert(tenant: Tenant, points: Sequence[Point], *, version: int, words: Bm25) -> UpdateOperation:
    """Store points of one version, where there is none of another tenant and none as late."""
    return UpdateOperation.upsert_points(
        [_point(tenant, each, words) for each in points],
        condition=where(plan.replaceable(tenant, version=version)),
    )


def delete(of: Where) -> UpdateOperation:
    """Forget points."""
    return UpdateOperation.delete_points_by_filter(where(of))


def same(records: Sequence[Record]) -> UpdateOperation:
    """Store points as another folder of the same shard has them: what they are, and whose, was settled there."""
    return UpdateOperation.upsert_points(
        [EdgePoint(each.id, each.vector or {}, each.payload or {}) for each in records]
    )


def without(points: Collection[UUID]) -> UpdateOperation:
    """Forget points that another folder of the same shard does not have any more."""
    return UpdateOperation.delete_points(list(points))


def where(of: Where) -> Filter:
    """A filter; the only place that makes any."""
    return Filter(must=[_condition(each) for each in of.conditions])


def _condition(condition: Condition) -> FieldCondition | HasIdCondition:
    if isinstance(condition, Equals):
        return FieldCondition(condition.key, match=MatchValue(condition.value))
    if isinstance(condition, Between):
        return FieldCondition(condition.key, range=RangeFloat(gte=condition.least, lt=condition.below))
    return HasIdCondition(set(condition.ids))


def _point(tenant: Tenant, point: Point, words: Bm25) -> EdgePoint:
    return EdgePoint(
        plan.point_id(tenant, point.memory_id),
        {name: _vector(each) for name, each in plan.vectors(tenant, point, words).items()},
        dict(plan.payload(tenant, point)),
    )


def _vector(vector: Vector | Sparse) -> list[float] | SparseVector:
    if isinstance(vector, Mapping):
        return SparseVector(list(vector.keys()), list(vector.values()))
    return list(vector)


def _config(dimension: int, full_scan_kb: int) -> EdgeConfig:
    return EdgeConfig(
        *_vectors(dimension),
        hnsw_config=HnswIndexConfig(
            m=0, ef_construct=plan.BUILD_EFFORT, full_scan_threshold=full_scan_kb, payload_m=plan.LINKS
        ),
        optimizers=EdgeOptimizersConfig(indexing_threshold=full_scan_kb),
        wal_enabled=True,
    )


def _vectors(dimension: int) -> tuple[dict[str, EdgeVectorParams], dict[str, EdgeSparseVectorParams]]:
    numbers = EdgeVectorParams(dimension, Distance.Cosine, datatype=VectorStorageDatatype.Float16)
    words = EdgeSparseVectorParams(full_scan_threshold=plan.WORDS_SCAN, modifier=Modifier.Idf)
    return dict.fromkeys(plan.DENSE, numbers), {plan.WORDS: words}
