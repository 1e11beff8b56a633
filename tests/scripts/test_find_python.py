"""Which of the Pythons of a machine is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def found(folder: Path, *, chosen: str | None = None, **pythons: str) -> subprocess.CompletedProcess[str]:
    """Run the script where PATH has only these Pythons, each a line of a shell script."""
    for name, line in pythons.items():
        python = folder / name.replace("_", ".")
        python.write_text(f"#!/bin/sh\n{line}\n")
        python.chmod(0o755)
    env = {"PATH": str(folder)} | ({"PYTHON": chosen} if chosen else {})
    return subprocess.run(
        ["/bin/sh", "scripts/find-python"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3": "echo optimised /first", "python3_12": "echo optimised /second"}, "/first"),
        ({"python3": "echo plain /first", "python3_12": "echo optimised /second"}, "/second"),
        ({"python3": "exit 1", "python3_13": "echo optimised /home of/python"}, "/home of/python"),
    ],
    ids=["both", "the second", "the first is too old"],
)
def test_the_first_that_is_optimised_is_used(tmp_path: Path, pythons: dict[str, str], taken: str) -> None:
    assert found(tmp_path, **pythons).stdout == f"{taken}\n"


def test_who_names_one_gets_it(tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(sys.executable)
    took = found(tmp_path, chosen=str(tmp_path / "mine"), python3="echo optimised /other").stdout

    assert took == f"{tmp_path}/mine\n"


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    result = found(tmp_path, chosen=os.fspath(tmp_path / "nowhere"), python3="echo optimised /other")

    assert result.returncode == 1
    assert f"found none in PYTHON={tmp_path}/nowhere." in result.stderr
