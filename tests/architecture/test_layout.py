"""The shape of the source tree: who may exist, and how large a module may grow."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
PACKAGES: list[str] = PROJECT["importlinter"]["root_packages"]
MODULES = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MAX_LINES = 300


def test_every_top_level_package_has_a_place_in_the_import_contracts() -> None:
    found = {init.parent.name for init in ROOT.glob("*/__init__.py")}

    assert found == {*PACKAGES, "tests", "benchmarks"}


def test_what_is_checked_for_imports_is_what_is_shipped_and_measured() -> None:
    assert sorted(PROJECT["hatch"]["build"]["targets"]["wheel"]["packages"]) == sorted(PACKAGES)
    assert sorted(PROJECT["coverage"]["run"]["source"]) == sorted(PACKAGES)


# a migration tells a whole change of the schema in one piece, and is never edited again
GROWING = [module for module in MODULES if "versions" not in module.parts]


@pytest.mark.parametrize("module", GROWING, ids=str)
def test_a_module_stays_small(module: Path) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= MAX_LINES
