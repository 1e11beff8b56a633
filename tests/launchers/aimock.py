"""An OpenAI-compatible server that we did not write, for tests of the model adapters."""

import asyncio
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.launchers.owned_process import OwnedProcess

_CLI = Path(__file__).parents[1] / "peers/node_modules/@copilotkit/aimock/dist/cli.js"
_MISSING = "the model server for tests is not installed: it needs Node and `make test` fetches it"
_LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


def require_aimock() -> None:
    """Skip the test when the peer is not installed; fail it where CI=true or TESTS_REQUIRE_AIMOCK=1 demand it."""
    if _CLI.exists() and shutil.which("node"):
        return
    if os.environ.get("CI") == "true" or os.environ.get("TESTS_REQUIRE_AIMOCK"):
        pytest.fail(_MISSING)
    pytest.skip(_MISSING)


class AimockServer:
    """The npm peer `@copilotkit/aimock` on a random port.

    Args:
        fixtures: What it answers; each a mapping with `match` and `response` in the peer's own format.
        flags: Further command-line flags, such as `--latency 50` as two items.
    """

    def __init__(self, fixtures: Sequence[Mapping[str, object]], *, flags: Sequence[str] = ()) -> None:
        self._fixtures = fixtures
        self._flags = flags
        self._folder: Path | None = None
        self._process: OwnedProcess | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL would be."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        """Start the server and wait until it listens."""
        self._folder = Path(tempfile.mkdtemp(prefix="codelab-aimock-"))
        fixtures = self._folder / "fixtures.json"
        fixtures.write_text(json.dumps({"fixtures": self._fixtures}))
        command = ["node", str(_CLI), "-p", "0", "-f", str(fixtures), "--validate-on-load", *self._flags]
        self._process = OwnedProcess(command, output=self._folder / "log", cwd=self._folder)
        await self._process.until_ready(self._listens)

    async def journal(self) -> list[dict[str, Any]]:
        """Return every request that the server has seen, oldest first, in the peer's own format."""
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{self.port}/__aimock/journal")
        entries: list[dict[str, Any]] = answer.raise_for_status().json()
        return entries

    async def close(self) -> None:
        """End the server at once; it keeps nothing."""
        if self._process is not None:
            await self._process.kill()
            self._process = None
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder)
            self._folder = None

    async def _listens(self) -> bool:
        assert self._process is not None
        if (said := _LISTENING.search(self._process.output())) is None:
            return False
        self.port = int(said.group(1))
        return True
