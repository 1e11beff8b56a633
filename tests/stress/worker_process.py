"""A worker as a process of its own: run as `python -m tests.stress.worker_process SPEC`, drained by SIGTERM."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import SecretStr

from domain.bus.worker import WorkerTimes
from graphql_api.app.main import open_parts
from graphql_api.app.setting_types import ProcessRole
from graphql_api.app.settings import Settings
from tests.launchers.owned_process import OwnedProcess

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """Where the data are, how fast the offline model speaks, and the worker's times, in seconds."""

    folder: str
    url: str
    redis_url: str
    tokens_per_second: float
    shutdown_s: float
    times: Mapping[str, float]


def settings_of(spec: WorkerSpec, role: ProcessRole) -> Settings:
    """The settings of one process of this installation."""
    return Settings(
        data_dir=Path(spec.folder),
        database_url=SecretStr(spec.url),
        redis_url=SecretStr(spec.redis_url),
        process=role,
        offline_tokens_per_second=spec.tokens_per_second,
        shutdown_seconds=spec.shutdown_s,
    )


class WorkerProcess:
    """A running worker process, to be stopped, frozen or killed by its test."""

    def __init__(self, spec: WorkerSpec, *, output: Path) -> None:
        command = [sys.executable, "-m", "tests.stress.worker_process", json.dumps(asdict(spec))]
        self.process = OwnedProcess(command, output=output, cwd=REPOSITORY)
        self._output = output
        self.worker_id = ""

    async def until_ready(self) -> None:
        """Wait until it claims tasks."""
        await self.process.until_ready(self._says_who_it_is, timeout_s=60)

    async def _says_who_it_is(self) -> bool:
        said = [line for line in self._output.read_text().splitlines() if line.startswith("worker ")]
        if said:
            self.worker_id = said[0].removeprefix("worker ")
        return bool(said)


async def serve(spec: WorkerSpec) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    times = WorkerTimes(**spec.times)
    async with open_parts(settings_of(spec, ProcessRole.WORKER), migrate=False, worker_times=times) as parts:
        sys.stdout.write(f"worker {parts.worker.worker_id}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(WorkerSpec(**json.loads(sys.argv[1]))))
