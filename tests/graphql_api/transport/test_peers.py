"""The npm suite that audits GraphQL over HTTP, against a real server; tests/protocols has the npm clients."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.graphql_api.transport.serving import Served

PEERS = Path(__file__).parents[2] / "peers"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (PEERS / "node_modules" / "graphql-http").exists(),
    reason="needs Node and the packages of tests/peers (make test installs them)",
)


async def run(script: str, *arguments: str) -> dict[str, object]:
    process = await asyncio.create_subprocess_exec(
        "node",
        script,
        *arguments,
        cwd=PEERS,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    answer = json.loads(stdout)
    assert isinstance(answer, dict)
    return answer


async def test_every_audit_of_graphql_over_http_passes(served: Served) -> None:
    assert await run("audit.mjs", served.url) == {"total": 61, "failed": []}
