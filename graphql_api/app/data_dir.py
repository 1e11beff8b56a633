"""The folder of the embedded data: where it lies, and that one process at a time uses it."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

LOCK_FILE = "codelab.lock"
DATABASE_FILE = "codelab.db"


class DataDirRefused(Exception):
    """The folder can't be used now; the message says why and what to do."""


class DataDirInUse(DataDirRefused):
    """Another process has the folder."""


def default_data_dir() -> Path:
    """Where the XDG base directory specification puts a user's data of one application."""
    root = os.environ.get("XDG_DATA_HOME", "")
    if not Path(root).is_absolute():  # the specification: relative paths are to be ignored
        root = "~/.local/share"
    return Path(root).expanduser() / "codelab"


@contextmanager
def locked(path: Path) -> Iterator[Path]:
    """Have a data folder to oneself, made for its owner alone when it is not there.

    The lock belongs to the open file: however this process ends, it is gone with it.

    Raises:
        DataDirInUse: another process uses the folder. DataDirRefused: it can't be made or written.
    """
    with _lock_file(path) as file:
        _lock(file, path)
        yield path


def is_held(path: Path) -> bool:
    """Whether the process that last had the folder is alive; asked without touching the lock."""
    try:
        os.kill(int((path / LOCK_FILE).read_text()), 0)
    except (OSError, ValueError) as error:
        return isinstance(error, PermissionError)
    return True


def _lock_file(path: Path) -> BinaryIO:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataDirRefused(
            f"The data folder {path} can't be used: {error.strerror}. Set CODELAB_DATA_DIR to a folder that you may "
            "write."
        ) from error
    return os.fdopen(descriptor, "r+b")


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise DataDirRefused(
                f"The data folder {path} can't be locked: {error.strerror}. Set CODELAB_DATA_DIR to a local folder."
            ) from error
        raise DataDirInUse(_in_use(path, file.read(20))) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()


def _in_use(path: Path, holder: bytes) -> str:
    pid = holder.strip().decode(errors="replace")
    who = f"process {pid}" if pid.isdecimal() else "another process"
    stop = f"Stop it (kill {pid})" if pid.isdecimal() else "Stop it"
    return (
        f"The data folder {path} is in use by {who}. {stop}, or set CODELAB_DATA_DIR to another folder; several "
        "servers on the same data need PostgreSQL (CODELAB_DATABASE_URL)."
    )
