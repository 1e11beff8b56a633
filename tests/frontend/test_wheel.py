"""What the wheel takes along of the frontend."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.config import BuilderConfig
from hatchling.builders.wheel import WheelBuilder
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from scripts.hatch_hook import FrontendHook
from tests.frontend.runner import FRONTEND, require_frontend

ROOT = FRONTEND.parent


def _hook(root: Path) -> FrontendHook:
    manager = PluginManager()
    builder = WheelBuilder(str(root), plugin_manager=manager)
    metadata: ProjectMetadata[PluginManager] = ProjectMetadata(str(root), manager)
    config = BuilderConfig(builder, str(root), "wheel", {}, {})
    return FrontendHook(str(root), {}, config, metadata, str(root), "wheel")


def test_a_wheel_without_the_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run scripts/build-frontend"):
        _hook(tmp_path).initialize("standard", {})


def test_an_editable_installation_needs_no_pages(tmp_path: Path) -> None:
    included: dict[str, dict[str, str]] = {}

    _hook(tmp_path).initialize("editable", included)

    assert included == {}


@pytest.mark.slow
def test_the_wheel_holds_the_pages_and_the_manifest(tmp_path: Path) -> None:
    require_frontend(browser=True)

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True
    )

    names = ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    built = {
        path.relative_to(FRONTEND / "dist").as_posix()
        for path in (FRONTEND / "dist").rglob("*.*")
        if path.is_file()
    }
    assert {f"graphql_api/app/built/{name}" for name in built - {".built"}} <= set(names)
    assert "graphql_api/app/built/persisted-documents.json" in names
    assert not [name for name in names if name.startswith(("frontend/", "tests/"))]
