"""The floor under a direct call: as many bare statements as it takes, with nothing of ours between them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg

from benchmarks.direct_call import Crowd, Durations
from benchmarks.samples import Round
from benchmarks.stores import Store

STATEMENTS = 28
TRANSACTIONS = 2
"""The size of the work that is compared with: a question and its answer take about as much."""
_HALF = STATEMENTS // TRANSACTIONS // 2
_TEXT = "x" * 100
_TABLE = "CREATE TABLE notes (user_id TEXT, id TEXT, content TEXT, count BIGINT, PRIMARY KEY (user_id, id))"

Work = Callable[[str], Awaitable[None]]
"""All statements once, on rows of a client's own."""


async def bare_statements(store: Store, crowd: Crowd) -> Round:
    """One round of a crowd against a fresh table of its own."""
    open_ = _sqlite if store.postgres is None else _postgres
    async with open_(store, crowd.clients) as work:
        began = time.perf_counter()
        each = await asyncio.gather(*(_repeated(work, crowd.calls) for _ in range(crowd.clients)))
        elapsed_s = time.perf_counter() - began
    return Round(durations_s=tuple(it for durations in each for it in durations), elapsed_s=elapsed_s)


async def _repeated(work: Work, calls: int) -> Durations:
    client, durations = uuid4().hex, []
    for _ in range(calls):
        began = time.perf_counter()
        await work(client)
        durations.append(time.perf_counter() - began)
    return durations


@asynccontextmanager
async def _sqlite(store: Store, _: int) -> AsyncIterator[Work]:
    """The standard library's driver in one thread, with the pragmas that the product uses."""
    loop, path = asyncio.get_running_loop(), store.folder / f"{uuid4().hex}.db"
    with ThreadPoolExecutor(1) as thread:
        driver = await loop.run_in_executor(thread, _opened, path)

        async def work(client: str) -> None:
            for _ in range(TRANSACTIONS):
                await loop.run_in_executor(thread, _transaction, driver, client)

        try:
            yield work
        finally:
            await loop.run_in_executor(thread, driver.close)


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = sqlite3.connect(path, isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", _TABLE):
        driver.execute(statement)
    return driver


def _transaction(driver: sqlite3.Connection, client: str) -> None:
    driver.execute("BEGIN IMMEDIATE")
    for _ in range(_HALF):
        row = uuid4().hex
        driver.execute("INSERT INTO notes VALUES (?, ?, ?, 0)", (client, row, _TEXT))
        driver.execute("UPDATE notes SET count = count + 1 WHERE user_id = ? AND id = ?", (client, row))
    driver.execute("COMMIT")


@asynccontextmanager
async def _postgres(store: Store, clients: int) -> AsyncIterator[Work]:
    """The product's driver alone, a connection for each client."""
    url = await store.database_url()
    async with asyncpg.create_pool(url, min_size=clients, max_size=clients) as pool:
        await pool.execute(_TABLE)

        async def work(client: str) -> None:
            async with pool.acquire() as driver:
                for _ in range(TRANSACTIONS):
                    await _transaction_of(driver, client)

        yield work


async def _transaction_of(driver: asyncpg.pool.PoolConnectionProxy, client: str) -> None:
    await driver.execute("BEGIN")
    for _ in range(_HALF):
        row = uuid4().hex
        await driver.execute("INSERT INTO notes VALUES ($1, $2, $3, 0)", client, row, _TEXT)
        await driver.execute("UPDATE notes SET count = count + 1 WHERE user_id = $1 AND id = $2", client, row)
    await driver.execute("COMMIT")
