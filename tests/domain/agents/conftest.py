"""Real databases: use cases are tested through them, because half of each is what a transaction guarantees."""

from tests.persistence.databases import postgres, postgres_template, sqlite, sqlite_template, stored
from tests.persistence.people import people
from tests.worlds import kept, kept_postgres, kept_sqlite, world

__all__ = [
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
