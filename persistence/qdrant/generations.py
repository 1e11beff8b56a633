"""The folders of a shard: the one in use and, while its graphs are built, the next one.

The first has the shard's name, later ones a number behind it. One that is not whole yet holds a mark, and to take
the mark away is what puts it into use: whenever the process ends, the newest folder without a mark is the shard.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

MARK = "unfinished"
_GONE = ".gone"
_PIECE_BYTES = 1 << 20


def current(base: Path) -> Path | None:
    """The folder in use, or None; what was left behind by an end at any moment is removed."""
    newest = max((each for each in _folders(base) if not _is_unfinished(each)), key=_number, default=None)
    for each in _folders(base):
        if each != newest:
            discard(each)
    for rest in base.parent.glob(f"{base.name}.*{_GONE}"):
        shutil.rmtree(rest)
    return newest


def begin(folder: Path) -> Path:
    """Make the folder after this one, which is not in use."""
    beginning = _numbered(folder, _number(folder) + 1, _GONE)
    shutil.rmtree(beginning, ignore_errors=True)
    beginning.mkdir()
    (beginning / MARK).touch()
    return beginning.rename(_numbered(folder, _number(folder) + 1))


def discard(folder: Path) -> None:
    """Remove a folder; at no moment is what is left of it taken for a shard."""
    gone = _numbered(folder, _number(folder), _GONE)
    shutil.rmtree(gone, ignore_errors=True)
    shutil.rmtree(folder.rename(gone))


def finish(folder: Path) -> None:
    """Put a folder into use, in one step that can't be cut short; the one before it is in the way only."""
    (folder / MARK).unlink()


def copy(source: Path, target: Path, *, is_over: Callable[[], bool]) -> None:
    """Copy all files of a folder that nobody writes to into one that exists. Holes stay holes.

    Raises:
        InterruptedError: It is over.
        OSError: There is no room, or a file can't be read.
    """
    for directory, _, files in os.walk(source):
        into = target / Path(directory).relative_to(source)
        into.mkdir(exist_ok=True)
        for name in files:
            _copy(Path(directory) / name, into / name, is_over=is_over)


def size_bytes(folder: Path) -> int:
    """What a folder takes of the disk: holes take nothing."""
    files = (Path(directory) / name for directory, _, names in os.walk(folder) for name in names)
    return sum(512 * each.stat().st_blocks for each in files)


def _copy(source: Path, target: Path, *, is_over: Callable[[], bool]) -> None:
    with source.open("rb") as whence, target.open("xb") as whither:
        size = os.fstat(whence.fileno()).st_size
        whither.truncate(size)
        for start, end in _data(whence.fileno(), size):
            whence.seek(start)
            whither.seek(start)
            while (left := end - whither.tell()) > 0:
                if is_over():
                    raise InterruptedError
                whither.write(whence.read(min(left, _PIECE_BYTES)))


def _data(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file holds anything, from start to end."""
    start = end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError:  # a hole up to the end
            return
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end


def _folders(base: Path) -> list[Path]:
    return [each for each in base.parent.glob(f"{base.name}*") if _base(each) == base.name and each.is_dir()]


def _base(folder: Path) -> str:
    name, _, number = folder.name.partition(".")
    return name if not number or number.isdecimal() else folder.name


def _number(folder: Path) -> int:
    return int(folder.name.partition(".")[2] or 1)


def _numbered(folder: Path, number: int, ending: str = "") -> Path:
    return folder.with_name(f"{_base(folder)}.{number}{ending}")


def _is_unfinished(folder: Path) -> bool:
    return (folder / MARK).exists()
