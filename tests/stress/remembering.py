"""A process that remembers, prunes and reindexes until it is killed.

`python -m tests.stress.remembering FOLDER LIMIT` prints the text of each note that was acknowledged, one a line,
after `+`; `pruning` when it begins to prune.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa

from domain.agents.create import add_agent
from domain.agents.inputs import AgentInput
from domain.memory.collections import reindex
from domain.memory.entities import MemoryKind, NewMemory
from domain.memory.hints import wake
from domain.memory.similar import content_hash
from domain.scopes import UserTx
from graphql_api.app.main import Parts, open_parts
from graphql_api.app.settings import Settings
from persistence.collections import SqlCollectionStore
from persistence.statements import Rows
from persistence.tables.identity import users

USER, PROJECT, AGENT = UUID(int=1), UUID(int=2), UUID(int=3)
WRITERS = 2


async def remember_until_killed(folder: Path, *, limit: int) -> None:
    """Keep the memory nearly full, so that there is always something to prune, and its index being made anew."""
    async with open_parts(settings_of(folder, limit=limit)) as parts:
        await _settle(parts)
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(_note(parts))
            group.create_task(_prune(parts))
            group.create_task(_reindex(parts))


def settings_of(folder: Path, *, limit: int) -> Settings:
    """What the process runs with."""
    return Settings(data_dir=folder, memory_limit=limit)


async def _note(parts: Parts) -> None:
    """Learn as an answer does: what is committed is acknowledged, whenever the index hears of it."""
    scope = parts.stores.scopes.open(USER)
    while True:
        text = f"{uuid4().hex} pump"
        new = NewMemory(uuid4(), AGENT, MemoryKind.INTERACTION, text, content_hash(text))
        await scope.write(partial(_learn, new))
        _say(f"+ {text}")
        await asyncio.sleep(0.01)


def _learn(new: NewMemory, tx: UserTx) -> None:
    p = tx.project(PROJECT)
    p.memories.add(new)
    wake(p)


async def _prune(parts: Parts) -> None:
    while True:
        _say("pruning")
        await parts.memory.prune()
        await asyncio.sleep(0.05)


async def _reindex(parts: Parts) -> None:
    while True:
        await SqlCollectionStore(parts.stores.database).write(reindex)
        await asyncio.sleep(0.2)


async def _settle(parts: Parts) -> None:
    """One user with one agent, once."""
    scope = parts.stores.scopes.open(USER)
    if await scope.read_once(lambda tx: tx.projects.of_agent(AGENT)) is not None:
        return
    row = {"email": "ada@example.org", "email_folded": "ada@example.org"}

    def user(connection: sa.Connection) -> None:
        Rows(connection, user_id=USER).insert(users, row)

    def place(tx: UserTx) -> None:
        tx.projects.add(PROJECT, name="Work", workspace_path=None)
        add_agent(tx.project(PROJECT), AgentInput(name="Coder", handle="coder"), agent_id=AGENT)

    await parts.stores.database.write(user, user_id=USER)
    await scope.write(place)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(remember_until_killed(Path(sys.argv[1]), limit=int(sys.argv[2])))
