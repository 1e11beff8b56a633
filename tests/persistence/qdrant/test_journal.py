"""The journal tells each change once, and no more than it can hold."""

from uuid import uuid4

from persistence.qdrant.journal import Journal
from tests.persistence.qdrant.points import a_tenant


def test_a_point_that_changed_often_is_told_once() -> None:
    journal, point = Journal(), uuid4()
    journal.changed([point])
    journal.changed([point, point])

    assert journal.take(10) == (set(), [point])
    assert journal.is_empty


def test_points_are_told_some_at_a_time_and_tenants_first() -> None:
    journal, tenant, points = Journal(), a_tenant(), [uuid4() for _ in range(5)]
    journal.changed(points)
    journal.dropped(tenant)

    tenants, first = journal.take(3)
    none, rest = journal.take(3)

    assert (tenants, none) == ({tenant}, set())
    assert (len(first), len(rest)) == (3, 2)
    assert {*first, *rest} == set(points)
    assert journal.is_empty


def test_past_its_bound_it_is_over_and_keeps_nothing() -> None:
    journal = Journal(max_points=2)
    journal.changed([uuid4(), uuid4()])
    within = journal.is_over

    journal.dropped(a_tenant())
    journal.changed([uuid4()])

    assert (within, journal.is_over) == (False, True)
    assert journal.is_empty
