"""Databases for the use cases of identity, which run on real SQL."""

from tests.persistence.databases import (
    database,
    postgres,
    postgres_template,
    sqlite,
    sqlite_template,
    stored,
)

__all__ = ["database", "postgres", "postgres_template", "sqlite", "sqlite_template", "stored"]
