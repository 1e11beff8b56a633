"""A throw-away Redis server on a random port, from the redis-server on PATH."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Self

import pytest

from tests.launchers.owned_process import OwnedProcess
from tests.launchers.ports import free_port

_MISSING = "redis-server is not on PATH (Debian: apt-get install redis-server; `make test` does it as root)"


def require_redis() -> None:
    """Skip the test when there is no redis-server; fail it where one is demanded.

    Demanded by CI=true or TESTS_REQUIRE_REDIS=1.
    """
    if shutil.which("redis-server"):
        return
    if os.environ.get("CI") == "true" or os.environ.get("TESTS_REQUIRE_REDIS"):
        pytest.fail(_MISSING)
    pytest.skip(_MISSING)


class RedisServer:
    """A Redis server that its owner starts, restarts on the same port, freezes and ends.

    Args:
        durable: Keep an append-only file (fsync on each write), so that data outlive a restart.
        settings: Further settings, name to value.
    """

    def __init__(self, *, durable: bool = False, settings: dict[str, str] | None = None) -> None:
        self._settings = {
            "appendonly": "yes" if durable else "no",
            "appendfsync": "always",
            **(settings or {}),
        }
        self._folder: Path | None = None
        self._process: OwnedProcess | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def url(self, database: int = 0) -> str:
        """Return the URL of one of the server's numbered databases."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    @property
    def process(self) -> OwnedProcess:
        """The running server process, to be frozen or killed.

        Raises:
            RuntimeError: The server is not started.
        """
        if self._process is None:
            raise RuntimeError("the Redis server is not started")
        return self._process

    async def start(self) -> None:
        """Start the server, on the port of its first start, and wait until it answers."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="codelab-redis-"))
            self.port = free_port()
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", str(self._folder)]
        for name, value in self._settings.items():
            command += [f"--{name}", value]
        self._process = OwnedProcess(command, output=self._folder / "log", cwd=self._folder)
        await self._process.until_ready(self._answers)

    async def stop(self) -> None:
        """End the server and keep its port and files."""
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def restart(self) -> None:
        """Stop the server and start it on the same port; without `durable` it comes back empty."""
        await self.stop()
        await self.start()

    async def close(self) -> None:
        """End the server and remove its files."""
        await self.stop()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder)
            self._folder = None

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(b"PING\r\n")
                    return await reader.readline() == b"+PONG\r\n"
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False
