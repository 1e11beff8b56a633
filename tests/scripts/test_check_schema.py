"""Changes of the schema are found, and those that break clients need a reason."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.check_schema import FILE, REASONS, main

BEFORE = 'type Query {\n  """You."""\n  me: String\n  old: String @deprecated(reason: "Use me.")\n}\n'
MORE = BEFORE.replace("me: String", "me: String\n  more: String")
LESS = "type Query {\n  me: String\n}\n"
CHANGE = "Field Query.old was removed."


class Repository:
    """A git repository with a schema on main."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.com")
        self.git("config", "commit.gpgsign", "false")
        self.git("config", "core.hooksPath", "/dev/null")
        self.write(BEFORE)

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True)

    def write(self, schema: str) -> None:
        (self.root / FILE).write_text(schema)

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", "schema: Change.")

    def explain(self, line: str) -> None:
        page = self.root / REASONS
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"# Breaking changes\n\n{line}\n")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path)
    repository.commit()
    return repository


def test_nothing_changed_is_fine(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit()

    assert main(repository.root) == 0
    assert "changes: 0" in capsys.readouterr().out


def test_what_is_not_committed_yet_is_compared_with_the_last_commit(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write(LESS)

    assert main(repository.root) == 1
    assert f"breaking  {CHANGE}" in capsys.readouterr().out


def test_a_commit_on_main_is_compared_with_the_one_before(repository: Repository) -> None:
    repository.write(LESS)
    repository.commit()

    assert main(repository.root) == 1


def test_a_branch_is_compared_with_where_it_left_main(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "less")
    repository.write(LESS)
    repository.commit()
    repository.commit()

    assert main(repository.root) == 1


def test_an_addition_is_told_and_passes(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write(MORE)

    assert main(repository.root) == 0
    assert "safe      Field Query.more was added." in capsys.readouterr().out


def test_a_break_with_a_reason_passes(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write(LESS)
    repository.explain(f"- `{CHANGE}`: it was deprecated for a year.")

    assert main(repository.root) == 0
    assert f"{CHANGE} (it was deprecated for a year.)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line", [f"- `{CHANGE}`:", f"- {CHANGE}", "- `Field Query.me was removed.`: why not."]
)
def test_a_reason_names_the_change_and_says_why(repository: Repository, line: str) -> None:
    repository.write(LESS)
    repository.explain(line)

    assert main(repository.root) == 1


def test_better_descriptions_are_no_change(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write(BEFORE.replace("You.", "You; null when signed out."))

    assert main(repository.root) == 0
    assert "changes: 0" in capsys.readouterr().out


def test_without_a_history_there_is_nothing_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / FILE).write_text(BEFORE)

    assert main(tmp_path) == 0
    assert "no earlier schema.graphql" in capsys.readouterr().out


def test_the_first_commit_has_nothing_before_it(repository: Repository) -> None:
    assert main(repository.root) == 0
