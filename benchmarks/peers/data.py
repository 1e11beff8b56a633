"""What every Python peer serves: the data that CodeLab itself gave out, and the server below all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson
import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGI3Application


@dataclass(frozen=True, slots=True)
class Data:
    """A project's id and its agents as JSON objects."""

    project: str
    agents: list[dict[str, object]]


def given() -> Data:
    """What the benchmark wrote for its peers."""
    return Data(**orjson.loads(Path(os.environ["BENCHMARK_DATA"]).read_bytes()))


def serve(app: ASGIApp) -> None:
    """Serve an application as fast as uvicorn can."""
    uvicorn.run(
        cast("ASGI3Application", app),
        host="127.0.0.1",
        port=int(os.environ["BENCHMARK_PORT"]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        timeout_keep_alive=600,
        access_log=False,
        log_level="warning",
    )
