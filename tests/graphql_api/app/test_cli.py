"""The command, in this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graphql_api.app import cli, run, schema_text, settings_page
from graphql_api.app.data_dir import DataDirRefused
from graphql_api.app.secrets import SecretsRefused
from graphql_api.app.settings import Settings

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("option", "words"), [("--help", "serve"), ("--version", "codelab ")])
def test_help_and_version_are_there(option: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([option])

    assert ended.value.code == 0
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["fly"], ["schema", "--write", "--check"]])
def test_wrong_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2
    assert "usage: codelab" in capsys.readouterr().err


def test_help_imports_no_part_of_the_server() -> None:
    code = (
        "import sys\nfrom graphql_api.app.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "slow = {'strawberry', 'sqlalchemy', 'pydantic', 'uvicorn', 'structlog'} & set(sys.modules)\nsys.exit(bool(slow))"
    )

    assert (
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("command", "module", "name", "text"),
    [
        ("schema", schema_text, "FILE", schema_text.schema_text),
        ("settings", settings_page, "PAGE", settings_page.settings_page),
    ],
)
class TestGeneratedFiles:
    def test_without_an_option_the_text_is_printed(
        self, command: str, module: object, name: str, text: object, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main([command]) == 0
        assert callable(text)
        assert capsys.readouterr().out == text()

    def test_a_file_is_checked_and_written(
        self,
        command: str,
        module: object,
        name: str,
        text: object,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        file = tmp_path / "generated"
        monkeypatch.setattr(module, name, file)

        missing = cli.main([command, "--check"])
        written = cli.main([command, "--write"]), cli.main([command, "--check"])
        file.write_text("old")
        stale = cli.main([command, "--check"])

        assert (missing, written, stale) == (1, (0, 0), 1)
        assert "generated is out of date." in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_settings_that_are_wrong_are_told_without_a_traceback(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODELAB_PROT", "1")
    monkeypatch.setenv("CODELAB_ENV", "prod")

    code = cli.main([command])

    assert code == 2
    assert capsys.readouterr().err.splitlines() == [
        "CodeLab can't start with these settings:",
        "  - CODELAB_PROT is not a setting; did you mean CODELAB_PORT?",
        "  - CODELAB_ENV must be 'development' or 'production', not 'prod'.",
    ]


@pytest.mark.parametrize(
    ("problem", "code"),
    [(SecretsRefused("No keys."), 2), (DataDirRefused("In use."), 1), (KeyboardInterrupt(), 130)],
)
def test_a_start_that_is_refused_has_a_code_and_a_reason(
    problem: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Settings) -> None:
        raise problem

    monkeypatch.setattr(run, "run_server", refuse)

    assert cli.main(["serve"]) == code
    assert str(problem) in capsys.readouterr().err
