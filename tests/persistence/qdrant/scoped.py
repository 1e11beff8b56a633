"""Whether requests hold the tenant wherever they filter, and filter wherever they can."""

from collections.abc import Iterator

from qdrant_edge import FieldCondition, Filter, MatchValue, Prefetch, QueryRequest

from domain.memory.ports import Tenant


def assert_scoped(request: QueryRequest, tenant: Tenant) -> None:
    """Fail unless every leaf and every corpus of a request is the tenant's."""
    for filter_ in _filters(request):
        assert filter_ is not None, "a part of the request has no filter"
        assert filter_.must, "a filter demands nothing"
        assert (filter_.should, filter_.must_not, filter_.min_should) == (None, None, None)
        assert [_value(each) for each in filter_.must if _names_tenant(each)] == [tenant.key]


def _filters(part: QueryRequest | Prefetch) -> Iterator[Filter | None]:
    yield part.filter
    for prefetch in part.prefetches:
        yield from _filters(prefetch)
    if is_sparse(part):
        assert part.params is not None
        assert part.params.idf is not None, "words are rare or common among everyone's"
        yield part.params.idf.corpus


def is_sparse(part: QueryRequest | Prefetch) -> bool:
    """Whether it compares words; the engine's own queries tell that in words only."""
    return "SparseVector(" in repr(part.query)


def _names_tenant(condition: object) -> bool:
    return isinstance(condition, FieldCondition) and condition.key == "tenant"


def _value(condition: object) -> object:
    assert isinstance(condition, FieldCondition)
    assert isinstance(condition.match, MatchValue)
    return condition.match.value
