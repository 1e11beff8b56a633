"""A throw-away PostgreSQL server on a random port, from binaries that come with a wheel."""

import asyncio
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from uuid import uuid4

import asyncpg

from tests.launchers.owned_process import OwnedProcess, is_root
from tests.launchers.ports import free_port
from tests.launchers.postgres_install import PostgresMajor, postgres_binaries

SUPERUSER = "postgres"
_UNSAFE_AND_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresServer:
    """A PostgreSQL server that its owner starts, crashes, restarts and ends.

    Listens on 127.0.0.1 only and trusts everybody. As root it runs under the account `nobody`, because
    PostgreSQL refuses root.

    Args:
        major: Major version of PostgreSQL.
        durable: Keep fsync on, for tests that crash the server.
        settings: Further settings, each `name=value`.
    """

    def __init__(
        self, *, major: PostgresMajor = 18, durable: bool = False, settings: Sequence[str] = ()
    ) -> None:
        self._account = "nobody" if is_root() else None
        self._major = major
        self._settings = (*(() if durable else _UNSAFE_AND_FAST), "max_connections=200", *settings)
        self._folder: Path | None = None
        self._process: OwnedProcess | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def url(self, database: str = "postgres", *, user: str = SUPERUSER, driver: str = "asyncpg") -> str:
        """Return the SQLAlchemy URL of a database; an empty `driver` gives what asyncpg itself takes."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{user}@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        """Make the cluster when there is none yet, start the server and wait until it answers."""
        if self._folder is None:
            self._folder = await asyncio.to_thread(self._make_cluster)
            self.port = free_port()
        command: list[str | Path] = [self._binary("postgres"), "-D", self._folder / "data"]
        command += ["-h", "127.0.0.1", "-p", str(self.port), "-k", self._folder]
        for setting in self._settings:
            command += ["-c", setting]
        self._process = OwnedProcess(
            command, output=self._folder / "log", cwd=self._folder, user=self._account
        )
        await self._process.until_ready(self._answers)

    async def stop(self, *, politely: signal.Signals = signal.SIGINT) -> None:
        """End the server and keep its data. SIGINT closes connections, SIGQUIT is a crash."""
        if self._process is not None:
            await self._process.stop(politely=politely)
            self._process = None

    async def close(self) -> None:
        """End the server and remove its data."""
        await self.stop()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder)
            self._folder = None

    async def create_database(self, name: str | None = None, *, template: str = "template1") -> str:
        """Create a database from a template (about 30 ms) that nobody is connected to, and return its name."""
        name = name or f"test_{uuid4().hex}"
        await self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    async def drop_database(self, name: str) -> None:
        """Drop a database if it is there, closing its connections."""
        await self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run a statement as the superuser, outside a transaction."""
        connection = await asyncpg.connect(self.url(database, driver=""), timeout=30)
        try:
            await connection.execute(statement, timeout=30)
        finally:
            await connection.close(timeout=30)

    def log(self) -> str:
        """Return what the server has written to its log."""
        return self._process.output() if self._process else ""

    def _binary(self, name: str) -> Path:
        return postgres_binaries(self._major, public=self._account is not None) / name

    def _make_cluster(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="codelab-postgres-"))
        if self._account:
            shutil.chown(folder, self._account, "nogroup")
        command: list[str | Path] = [self._binary("initdb"), "-D", folder / "data", "-U", SUPERUSER]
        command += ["-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        result = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            user=self._account,
            group="nogroup" if self._account else None,
            extra_groups=[] if self._account else None,
        )
        if result.returncode:
            shutil.rmtree(folder)
            raise RuntimeError(f"initdb failed: {result.stderr}")
        return folder

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(driver=""), timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, socket.gaierror):
            return False
        await connection.close(timeout=5)
        return True
