"""Every table, its columns, keys and indexes; no row object leaves `persistence`."""

from persistence.tables import agents, conversations, engine, identity, memory, projects
from persistence.tables.metadata import metadata, tables_with_owner

__all__ = [
    "agents",
    "conversations",
    "engine",
    "identity",
    "memory",
    "metadata",
    "projects",
    "tables_with_owner",
]
