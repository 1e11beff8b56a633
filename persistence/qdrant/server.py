"""Plans as a Qdrant server's requests, and collections as it stores them (1.19 and later)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_client import models

from domain.memory.ports import Point, Tenant, Vector
from persistence.qdrant import plan
from persistence.qdrant.bm25 import Sparse
from persistence.qdrant.plan import Between, Condition, Equals, Ranking, Where, Words

NUMBERS = models.Datatype.FLOAT16
"""Of a stored vector: half precision, which leaves a cosine three digits, in half of the memory."""
INDEXES: Mapping[str, models.KeywordIndexParams | models.IntegerIndexParams] = {
    "tenant": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    **{
        key: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, enable_hnsw=False)
        for key in ("session", "kind")
    },
    "success": models.IntegerIndexParams(
        type=models.IntegerIndexType.INTEGER, lookup=True, range=False, enable_hnsw=False
    ),
    **{
        key: models.IntegerIndexParams(
            type=models.IntegerIndexType.INTEGER, lookup=False, range=True, enable_hnsw=False
        )
        for key in ("version", "created")
    },
}


def collection(*, dimension: int) -> Mapping[str, Any]:
    """How a space's collection is made: a graph for each tenant and none over all."""
    numbers = models.VectorParams(size=dimension, distance=models.Distance.COSINE, datatype=NUMBERS)
    lists = models.SparseIndexParams(full_scan_threshold=plan.WORDS_SCAN)
    words = models.SparseVectorParams(index=lists, modifier=models.Modifier.IDF)
    return {
        "vectors_config": dict.fromkeys(plan.DENSE, numbers),
        "sparse_vectors_config": {plan.WORDS: words},
        "hnsw_config": models.HnswConfigDiff(m=0, payload_m=plan.LINKS, ef_construct=plan.BUILD_EFFORT),
    }


def has_current_vectors(of: models.CollectionParams) -> bool:
    """Whether a collection was not made by an earlier version, whose points have other vectors."""
    dense = of.vectors if isinstance(of.vectors, Mapping) else {}
    return set(of.sparse_vectors or ()) == {plan.WORDS} and all(
        name in dense and dense[name].datatype == NUMBERS for name in plan.DENSE
    )


def request(ranking: Ranking) -> models.QueryRequest:
    """One ranking; its filter and the corpus of its words both hold the tenant."""
    corpus = None if ranking.corpus is None else models.IdfCorpusParams(corpus=where(ranking.corpus))
    return models.QueryRequest(
        query=_vector(ranking.nearest),
        using=ranking.vector,
        filter=where(ranking.where),
        limit=ranking.limit,
        params=models.SearchParams(hnsw_ef=ranking.effort, exact=ranking.exact, idf=corpus),
        with_payload=False,
    )


def points(tenant: Tenant, given: Sequence[Point], words: Words) -> list[models.PointStruct]:
    """Points as they are stored."""
    return [
        models.PointStruct(
            id=str(plan.point_id(tenant, each.memory_id)),
            vector={name: _vector(vector) for name, vector in plan.vectors(tenant, each, words).items()},
            payload=dict(plan.payload(tenant, each)),
        )
        for each in given
    ]


def where(of: Where) -> models.Filter:
    """A filter; the only place that makes any."""
    return models.Filter(must=[_condition(each) for each in of.conditions])


def _condition(condition: Condition) -> models.FieldCondition | models.HasIdCondition:
    if isinstance(condition, Equals):
        return models.FieldCondition(key=condition.key, match=models.MatchValue(value=condition.value))
    if isinstance(condition, Between):
        bounds = models.Range(gte=condition.least, lt=condition.below)
        return models.FieldCondition(key=condition.key, range=bounds)
    return models.HasIdCondition(has_id=sorted(map(str, condition.ids)))


def _vector(vector: Vector | Sparse) -> list[float] | models.SparseVector:
    if isinstance(vector, Mapping):
        return models.SparseVector(indices=list(vector.keys()), values=list(vector.values()))
    return list(vector)
