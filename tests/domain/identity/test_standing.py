"""The bounded memory of sign-ins."""

from __future__ import annotations

from uuid import uuid4

from domain.identity.standing import MAX_LIVE, MAX_REVOKED, Known, Standing
from tests.clock import FakeClock


def test_a_sign_in_counts_as_standing_for_thirty_seconds() -> None:
    clock, sign_in_id = FakeClock(), uuid4()
    standing = Standing(monotonic_s=clock.monotonic_s)
    before = standing.known(sign_in_id)
    standing.confirm(sign_in_id)
    clock.advance(29)
    during = standing.known(sign_in_id)

    clock.advance(1)

    assert (before, during, standing.known(sign_in_id)) == (Known.UNKNOWN, Known.LIVE, Known.UNKNOWN)


def test_a_revocation_is_stronger_than_what_sql_said_before() -> None:
    standing, sign_in_id = Standing(monotonic_s=FakeClock().monotonic_s), uuid4()
    standing.revoke([sign_in_id])

    standing.confirm(sign_in_id)

    assert standing.known(sign_in_id) is Known.REVOKED


def test_what_is_remembered_is_bounded_and_the_oldest_is_asked_for_again() -> None:
    standing = Standing(monotonic_s=FakeClock().monotonic_s)
    live = [uuid4() for _ in range(MAX_LIVE + 1)]
    revoked = [uuid4() for _ in range(MAX_REVOKED + 1)]

    for sign_in_id in live:
        standing.confirm(sign_in_id)
    standing.revoke(revoked)

    assert [standing.known(i) for i in (live[0], live[1])] == [Known.UNKNOWN, Known.LIVE]
    assert [standing.known(i) for i in (revoked[0], revoked[1])] == [Known.UNKNOWN, Known.REVOKED]
