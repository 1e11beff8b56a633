"""A process over each kind of database: half of each use case is what a transaction guarantees."""

from tests.persistence.databases import postgres_template, sqlite_template
from tests.worlds import kept, kept_postgres, kept_sqlite, world

__all__ = ["kept", "kept_postgres", "kept_sqlite", "postgres_template", "sqlite_template", "world"]
