"""Starts the peers, each a process of its own on a port of its own; every one of them answers at `/graphql`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.account import PATH
from benchmarks.http import Connection, UnexpectedAnswer
from tests.launchers.owned_process import OwnedProcess
from tests.launchers.ports import free_port

_REPOSITORY = Path(__file__).parents[1]
_PEERS = Path(__file__).parent / "peers"
_PYTHON = {
    "Strawberry, its caches": "benchmarks.peers.strawberry_peer",
    "Ariadne, caches": "benchmarks.peers.ariadne_peer",
}
_NODE = {"Apollo Server": "apollo.mjs", "GraphQL Yoga": "yoga.mjs", "mercurius": "mercurius.mjs"}
RAW_SOCKETS = "benchmarks.peers.raw_sockets"
_READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that is compared with: its name and how it is started."""

    name: str
    command: Sequence[str]


def graphql_peers() -> list[Peer]:
    """The servers that can be started here; those in JavaScript only when they are installed."""
    found = [Peer(name, (sys.executable, "-m", module)) for name, module in _PYTHON.items()]
    node = shutil.which("node")
    if node is not None and (_PEERS / "node_modules").is_dir():
        found += [Peer(name, (node, str(_PEERS / script))) for name, script in _NODE.items()]
    return found


def raw_sockets() -> Peer:
    """The floor of a fan-out: a loop that sends."""
    return Peer("raw send loop", (sys.executable, "-m", RAW_SOCKETS))


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers at `url`."""

    name: str
    url: str
    pid: int


@asynccontextmanager
async def running(
    peer: Peer, folder: Path, *, ask: bytes = b"{}", settings: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """Start a peer, and end it with the block; it is ready once it answers `ask`."""
    port = free_port()
    environment = {**os.environ, "NODE_ENV": "production", "BENCHMARK_PORT": str(port), **(settings or {})}
    process = OwnedProcess(
        peer.command,
        output=folder / f"peer-{port}.log",
        cwd=_REPOSITORY,
        env=environment,
    )
    url = f"http://127.0.0.1:{port}"

    async def ready() -> bool:
        try:
            async with Connection(url) as connection:
                await connection.post(PATH, ask)
        except (OSError, EOFError):
            return False
        except UnexpectedAnswer as answer:
            raise UnexpectedAnswer(f"{peer.name}: {answer}") from None
        return True

    try:
        await process.until_ready(ready, timeout_s=_READY_S)
        yield Running(peer.name, url, process.pid)
    finally:
        await process.kill()
