"""Whenever the process ends, one folder of a shard is in use, and it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from persistence.qdrant import generations


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A shard that is in its first folder."""
    base = tmp_path / "memories_model_8_v1"
    base.mkdir()
    (base / "points").write_text("old")
    return base


def names(base: Path) -> list[str]:
    return sorted(each.name for each in base.parent.iterdir())


def test_there_is_no_folder_of_a_shard_that_was_never_made(tmp_path: Path) -> None:
    assert generations.current(tmp_path / "memories_model_8_v1") is None


def test_a_folder_is_not_in_use_before_it_is_finished(base: Path) -> None:
    following = generations.begin(base)

    assert generations.current(base) == base
    assert names(base) == [base.name]
    assert not following.exists()


def test_a_finished_folder_takes_the_place_of_the_one_before(base: Path) -> None:
    following = generations.begin(base)
    generations.copy(base, following, is_over=lambda: False)

    generations.finish(following)

    assert generations.current(base) == following
    assert names(base) == [f"{base.name}.2"]
    assert (following / "points").read_text() == "old"
    assert generations.begin(following).name == f"{base.name}.3"


def test_a_folder_that_is_half_removed_is_not_in_use(base: Path) -> None:
    following = generations.begin(base)
    with cut_short(following / generations.MARK):
        generations.discard(following)

    assert generations.current(base) == base
    assert names(base) == [base.name]


def test_folders_of_other_shards_are_left_alone(base: Path) -> None:
    others = [base.with_name(base.name + ending) for ending in ("1", "1.2", ".damaged-1", ".creating")]
    for each in others:
        each.mkdir()

    assert generations.current(base) == base
    assert all(each.exists() for each in others)


def test_a_copy_has_the_same_files_and_holes(base: Path, tmp_path: Path) -> None:
    (base / "segments" / "empty").mkdir(parents=True)
    with (base / "segments" / "sparse").open("wb") as file:
        file.seek(8 << 20)
        file.write(b"in the middle")
        file.truncate(64 << 20)
    (base / "hole").touch()
    os.truncate(base / "hole", 1 << 20)
    following = generations.begin(base)

    generations.copy(base, following, is_over=lambda: False)

    for each in ("points", "segments/sparse", "hole"):
        assert (following / each).read_bytes() == (base / each).read_bytes()
    assert (following / "segments" / "empty").is_dir()
    assert generations.size_bytes(following) <= generations.size_bytes(base) + 4096


def test_a_copy_ends_early_when_it_is_over(base: Path) -> None:
    with pytest.raises(InterruptedError):
        generations.copy(base, generations.begin(base), is_over=lambda: True)


@contextmanager
def cut_short(file: Path) -> Iterator[None]:
    """Let a removal end once this file of it is gone."""
    monkeypatch = pytest.MonkeyPatch()

    def remove(folder: Path, **_: object) -> None:
        if folder.exists():
            (folder / file.name).unlink()
            raise KeyboardInterrupt

    monkeypatch.setattr("persistence.qdrant.generations.shutil.rmtree", remove)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        monkeypatch.undo()
