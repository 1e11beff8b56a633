"""Fixtures of the persistence suites: databases, and people in them."""

import pytest

pytest.register_assert_rewrite("tests.persistence.live_contract")

from tests.persistence.databases import (  # noqa: E402 - assertions are rewritten before this imports them
    database,
    postgres,
    postgres_template,
    sqlite,
    sqlite_template,
    stored,
)
from tests.persistence.people import people  # noqa: E402 - as above
from tests.worlds import kept, kept_postgres, kept_sqlite, world  # noqa: E402 - as above

__all__ = [
    "database",
    "kept",
    "kept_postgres",
    "kept_sqlite",
    "people",
    "postgres",
    "postgres_template",
    "sqlite",
    "sqlite_template",
    "stored",
    "world",
]
