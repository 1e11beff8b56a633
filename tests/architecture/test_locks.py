"""The lock files: complete, hashed, and free of places to download from."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PINNED = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK, flags=re.MULTILINE))


def _declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared: list[str] = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    return declared + list(project["build-system"]["requires"])


@pytest.mark.parametrize("declared", _declared())
def test_the_lock_holds_a_version_that_the_project_accepts(declared: str) -> None:
    requirement = Requirement(declared)

    assert requirement.specifier.contains(PINNED[canonicalize_name(requirement.name)]), "run `make lock`"


def test_every_pin_has_a_hash() -> None:
    blocks = re.split(r"\n(?=\S)", LOCK)

    assert [block for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


def test_the_python_lock_names_no_host() -> None:
    assert re.findall(r"\S*://\S*|--\S*(?:index|find-links)\S*", LOCK) == []


NODE_LOCKS = [
    path.relative_to(ROOT)
    for pattern in ("*/package-lock.json", "*/*/package-lock.json")
    for path in sorted(ROOT.glob(pattern))
]


@pytest.mark.parametrize("lock", NODE_LOCKS, ids=str)
def test_a_node_lock_names_no_host_and_hashes_everything(lock: Path) -> None:
    packages: dict[str, dict[str, object]] = json.loads((ROOT / lock).read_text())["packages"]

    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
