"""The disk under the embedded database is full for a while: reading goes on, writing says so, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphql_api.app.settings import Settings
from graphql_api.app.stores import DATABASE_FILE
from tests.stress.books import SqliteBooks
from tests.stress.served import Served, open_served

WORDS = " ".join(f"word{number}" for number in range(60))
DISK_BYTES = 32 * 1024 * 1024
ROOM_BYTES = 64 * 1024
"""What may still be written under a quota: the log of the database soon needs more."""


class Disk(ABC):
    """A folder on a disk that can be filled up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def fill(self) -> None:
        """Leave no room."""

    @abstractmethod
    def empty(self) -> None:
        """Make room again."""


class SmallDisk(Disk):
    """A file system of its own."""

    def fill(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                os.fsync(filler.fileno())

    def empty(self) -> None:
        (self.folder / "filler").unlink()


class Quota(Disk):
    """A bound on the size of files, as an operator may set it for an account."""

    def fill(self) -> None:
        size = (self.folder / f"{DATABASE_FILE}-wal").stat().st_size
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + ROOM_BYTES, hard))

    def empty(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can't be mounted by this account; the quota is tried all the same")
    yield SmallDisk(tmp_path)
    subprocess.run(["umount", "-l", tmp_path], check=True)


@pytest.fixture
def quota(tmp_path: Path) -> Iterator[Disk]:
    disk = Quota(tmp_path)
    yield disk
    disk.empty()


@pytest.fixture(params=["small_disk", "quota"])
def disk(request: pytest.FixtureRequest) -> Disk:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Disk)
    return found


@pytest.mark.slow
async def test_a_full_disk_is_said_to_be_and_forgotten_when_there_is_room(disk: Disk) -> None:
    settings = Settings(
        data_dir=disk.folder, offline_tokens_per_second=30, rate_limit_per_minute=100_000, shutdown_seconds=1
    )
    async with open_served(settings) as served:
        run_id = (await served.send(f"repeat {WORDS}")).data["sendMessage"]["run"]["id"]

        disk.fill()
        try:
            refused = await until_refused(served)
            await served.becomes(ready=False)
            assert (await served.look()).data["project"]["name"], "what is there can be read"
            assert (await served.send("hello")).is_unavailable
            await asyncio.sleep(2.5)  # the answer is complete by now, and can't be recorded
        finally:
            disk.empty()

        recovered_s = await served.becomes(ready=True)
        run = await served.ended(run_id)
        assert (run["status"], run["answer"]["content"]) == ("SUCCEEDED", WORDS), run
        sent = await served.send("hello", key=refused, wait_s=20)
        assert sent.data["sendMessage"]["run"]["status"] == "SUCCEEDED"
        sys.stdout.write(f"\nready again after {recovered_s:.1f} s\n")
    assert await SqliteBooks(disk.folder / DATABASE_FILE).wrong_at_rest() == []


async def until_refused(served: Served) -> str:
    """Send until there is no room; the key of the message that was refused first."""
    for number in range(100):
        sent = await served.send("hello", key=f"key {number}")
        if sent.is_unavailable:
            return f"key {number}"
    raise AssertionError("there is room for everything")
