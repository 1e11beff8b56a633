"""scripts/build-frontend: when it builds, and what it says when it can't."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.frontend.runner import FRONTEND

SCRIPT = FRONTEND.parent / "scripts" / "build-frontend"
TOOLS = ("dirname", "find", "mktemp", "rm", "sh", "tail", "touch", "mkdir")


class Checkout:
    """A copy of what the script looks at, with commands of our own in the place of npm and Node."""

    def __init__(self, root: Path) -> None:
        self.frontend = root / "frontend"
        self._bin = root / "bin"
        for folder in (root / "scripts", self._bin, self.frontend / "src"):
            folder.mkdir(parents=True)
        self._script = shutil.copy(SCRIPT, root / "scripts")
        for name in ("src/page.ts", "package.json", "package-lock.json"):
            (self.frontend / name).write_text("")
        for tool in TOOLS:
            (self._bin / tool).symlink_to(str(shutil.which(tool)))

    def have(self, command: str, script: str) -> None:
        """Put a command on the path."""
        path = self._bin / command
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def have_npm(self) -> None:
        """Node is new enough, and npm writes down how it was called and makes what it should."""
        self.have("node", "exit 0")
        self.have("npm", 'echo "$1" >>calls; mkdir -p node_modules dist')

    def calls(self) -> list[str]:
        """How npm was called since the last time that somebody asked."""
        calls = self.frontend / "calls"
        heard = calls.read_text().split() if calls.exists() else []
        calls.unlink(missing_ok=True)
        return heard

    def build(self) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        environment = {"PATH": str(self._bin), "TMPDIR": str(self._bin)}
        return subprocess.run([self._script], env=environment, capture_output=True, text=True, check=False)

    def make_newer(self, name: str) -> None:
        """Change a file after the last build."""
        built_s = (self.frontend / "dist" / ".built").stat().st_mtime
        os.utime(self.frontend / name, (built_s + 5, built_s + 5))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_it_installs_and_builds_once(checkout: Checkout) -> None:
    checkout.have_npm()

    first, first_calls = checkout.build(), checkout.calls()
    second, second_calls = checkout.build(), checkout.calls()

    assert (first.returncode, first_calls) == (0, ["ci", "run"])
    assert first.stdout == "Building GraphiQL (about a minute, once)…\n"
    assert (second.returncode, second_calls, second.stdout) == (0, [], "")


def test_it_builds_again_when_a_source_has_changed(checkout: Checkout) -> None:
    checkout.have_npm()
    checkout.build()
    checkout.calls()

    checkout.make_newer("src/page.ts")

    assert (checkout.build().returncode, checkout.calls()) == (0, ["run"])


def test_it_installs_again_when_the_lock_has_changed(checkout: Checkout) -> None:
    checkout.have_npm()
    checkout.build()
    checkout.calls()

    checkout.make_newer("package-lock.json")

    assert (checkout.build().returncode, checkout.calls()) == (0, ["ci", "run"])


def test_without_npm_one_line_says_what_is_missing(checkout: Checkout) -> None:
    result = checkout.build()

    assert result.returncode == 1
    assert result.stderr == (
        "GraphiQL (/graphiql) is not built: it needs npm and Node 20.19 or newer. Everything else works without it.\n"
    )


def test_an_old_node_is_named(checkout: Checkout) -> None:
    checkout.have_npm()
    checkout.have("node", '[ "$1" = --version ] && echo v18.0.0; exit 1')

    result = checkout.build()

    assert (result.returncode, checkout.calls()) == (1, [])
    assert "and here is v18.0.0" in result.stderr


def test_a_failed_build_shows_why_and_is_tried_again(checkout: Checkout) -> None:
    checkout.have_npm()
    checkout.have(
        "npm", 'echo "$1" >>calls; mkdir -p node_modules; [ "$1" = ci ] || { echo "no such module"; exit 1; }'
    )

    result, calls = checkout.build(), checkout.calls()

    assert (result.returncode, calls) == (1, ["ci", "run"])
    assert "no such module\nGraphiQL (/graphiql) is not built: see above." in result.stderr
    assert (checkout.build().returncode, checkout.calls()) == (1, ["run"])
