"""CodeLab itself as a child process: the real command on a random port, to be stopped, killed or frozen."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from tests.launchers.owned_process import POLL_S, NotReady, OwnedProcess
from tests.launchers.ports import free_port

_REPOSITORY = Path(__file__).parents[1]
_FOREIGN = ("CODELAB_", "OPENAI_", "OPENROUTER_", "LANGCHAIN_", "LANGSMITH_")


class CodelabProcess:
    """`codelab serve` on 127.0.0.1 and a random port, with its own data directory.

    The environment is this process's without any of our settings, so that the developer's key or database is never
    used, plus `settings`. Restarting keeps port and data.

    Args:
        data_dir: Where the embedded database and the secrets live.
        settings: Environment variables, such as `CODELAB_DATABASE_URL`.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.data_dir = data_dir
        self._settings = dict(settings or {})
        self._process: OwnedProcess | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:  # nobody else will end what came too late
            if self._process is not None and self._process.running:
                await self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.running:
            await self.stop()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> OwnedProcess:
        """The process of the latest start.

        Raises:
            RuntimeError: It was never started.
        """
        if self._process is None:
            raise RuntimeError("the server was never started")
        return self._process

    async def start(self, *, timeout_s: float = 120) -> None:
        """Start the server and wait until it says that it is ready.

        Raises:
            NotReady: It ended or did not become ready in time; the text holds its output.
        """
        await self.launch()
        await self.process.until_ready(self._ready, timeout_s=timeout_s)

    async def launch(self) -> None:
        """Start the server without waiting for anything."""
        await asyncio.to_thread(self.data_dir.mkdir, parents=True, exist_ok=True)
        self._process = OwnedProcess(
            [sys.executable, "-m", "graphql_api.app.cli", "serve"],
            output=self.data_dir / "output.log",
            cwd=_REPOSITORY,
            env=self._environment(),
        )

    async def stop(self, *, grace_s: float = 20) -> int:
        """Stop it as an operator does (SIGTERM) and return its exit code; it is killed after `grace_s`."""
        return await self.process.stop(grace_s=grace_s)

    async def kill(self) -> None:
        """End it at once (SIGKILL), as a power cut would."""
        await self.process.kill()

    async def restart(self) -> None:
        """Start it again on the same port and data after it was stopped or killed, stopping it if it runs."""
        if self.process.running:
            await self.stop()
        await self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): sockets stay open, leases run out, nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Let a frozen process go on."""
        self.process.resume()

    def output(self) -> str:
        """Return everything that it has printed, over all starts."""
        return self.process.output()

    async def printed(self, pattern: str, *, timeout_s: float = 60) -> re.Match[str]:
        """Wait until the output matches a pattern and return the first match.

        Raises:
            NotReady: It was not printed in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while (found := re.search(pattern, self.output())) is None:
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise NotReady(f"{pattern!r} was not printed: {self.output()[-4000:]}") from None
        return found

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return ours | {
            "CODELAB_HOST": "127.0.0.1",
            "CODELAB_PORT": str(self.port),
            "CODELAB_DATA_DIR": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
            **self._settings,
        }

    async def _ready(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
                return (await client.get(f"{self.url}/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False
