"""The npm suites and clients that we did not write, against a real server."""

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


def results(*values: object) -> list[dict[str, object]]:
    return [{"data": value} for value in values]


async def test_the_npm_clients_understand_the_server(served: Served) -> None:
    answers = await run("clients.mjs", served.url, served.url.replace("http", "ws", 1))

    for transport in ("ws", "sse"):
        heard = answers[transport]
        assert isinstance(heard, dict)
        assert heard["query"] == {"results": results({"me": "1"}), "end": "complete"}
        assert heard["anonymous"] == {"results": results({"me": None}), "end": "complete"}
        assert heard["mutation"] == {"results": results({"signIn": True}), "end": "complete"}
        assert heard["variables"] == {"results": results({"square": 16}), "end": "complete"}
        counted = results(*({"count": number} for number in (1, 2, 3)))
        assert heard["subscription"] == {"results": counted, "end": "complete"}
        assert heard["cancel"] == {"results": counted[:2], "end": "stopped"}
        assert heard["concurrent"]["good"] == {"results": counted[:2], "end": "complete"}
        for name, code in (
            ("invalid", "VALIDATION_FAILED"),
            ("syntax", "SYNTAX_ERROR"),
            ("missing", "NOT_FOUND"),
        ):
            errors = (
                heard[name]["end"].get("errors") if transport == "ws" else heard[name]["results"][0]["errors"]
            )
            assert errors[0]["extensions"]["code"] == code
        assert heard["badToken"]["end"]["code"] == (4403 if transport == "ws" else 401)
    assert answers["renewed"] == {"results": results({"patient": 1}), "end": "complete", "connections": 2}
