"""With which settings the server starts, and what it says about the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphql_api.app import manifest
from graphql_api.app.settings_rules import SettingsRefused, notices, read_settings

STRONG = "new:kW3/yC5nPq0sVtX8zJb2LrFmUeHdGa7o"
POSTGRES = "postgresql+asyncpg://u:geheim@db/codelab"
REDIS = "redis://redis:6379/0"
PRODUCTION = {
    "CODELAB_ENV": "production",
    "CODELAB_SECRET_KEYS": STRONG,
    "CODELAB_ALLOWED_HOSTS": "codelab.example.com",
}


def _problems(patch: pytest.MonkeyPatch, environ: dict[str, str]) -> tuple[str, ...]:
    for name, value in environ.items():
        patch.setenv(name, value)
    try:
        read_settings()
    except SettingsRefused as refused:
        return refused.problems
    return ()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"CODELAB_DATABASE_URL": POSTGRES},
        {"CODELAB_DATABASE_URL": POSTGRES, "CODELAB_REDIS_URL": REDIS, "CODELAB_PROCESS": "api"},
        {"CODELAB_DATABASE_URL": POSTGRES, "CODELAB_REDIS_URL": REDIS, "CODELAB_PROCESS": "worker"},
        {"CODELAB_SECRET_KEYS": "k:weak-but-only-for-me"},
        PRODUCTION,
        {"CODELAB_DATABASE_URL": POSTGRES, "CODELAB_QDRANT_URL": "http://qdrant:6333"},
    ],
    ids=str,
)
def test_settings_that_fit_together_are_accepted(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _problems(monkeypatch, environ) == ()


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"CODELAB_PROT": "1"}, "CODELAB_PROT is not a setting; did you mean CODELAB_PORT?"),
        ({"CODELAB_XYZZY": "1"}, "CODELAB_XYZZY is not a setting."),
        ({"CODELAB_PORT": "http"}, "CODELAB_PORT must be a whole number, not 'http'."),
        ({"CODELAB_PORT": "70000"}, "CODELAB_PORT must be at most 65535, not '70000'."),
        ({"CODELAB_SHUTDOWN_SECONDS": "soon"}, "CODELAB_SHUTDOWN_SECONDS must be a number, not 'soon'."),
        ({"CODELAB_ENV": "prod"}, "CODELAB_ENV must be 'development' or 'production', not 'prod'."),
        ({"CODELAB_MODEL_PRICES": "[]"}, "CODELAB_MODEL_PRICES must be a JSON object."),
        (
            {"CODELAB_MODEL_PRICES": '{"m": {"input_per_million_usd": 1}}'},
            "CODELAB_MODEL_PRICES at m.output_per_million_usd is missing.",
        ),
        ({"CODELAB_REDIS_URL": REDIS}, "CODELAB_REDIS_URL needs CODELAB_DATABASE_URL"),
        ({"CODELAB_PROCESS": "api"}, "CODELAB_PROCESS=api needs CODELAB_DATABASE_URL"),
        (
            {"CODELAB_PROCESS": "worker", "CODELAB_DATABASE_URL": POSTGRES},
            "CODELAB_PROCESS=worker needs CODELAB_REDIS_URL",
        ),
        ({"CODELAB_SECRET_KEYS": "nonsense"}, "Entry 1 of CODELAB_SECRET_KEYS"),
        ({**PRODUCTION, "CODELAB_SECRET_KEYS": ""}, "CODELAB_SECRET_KEYS is missing."),
        (
            {**PRODUCTION, "CODELAB_SECRET_KEYS": "k:short"},
            "The secret of 'k' in CODELAB_SECRET_KEYS has 5 bytes",
        ),
        ({**PRODUCTION, "CODELAB_ALLOWED_HOSTS": ""}, "CODELAB_ALLOWED_HOSTS is missing"),
        (
            {"CODELAB_INTROSPECTION": "maybe"},
            "CODELAB_INTROSPECTION must be `true` or `false`, not 'maybe'.",
        ),
        ({"CODELAB_DOCUMENTS": "mine"}, "CODELAB_DOCUMENTS must be 'any' or 'trusted', not 'mine'."),
    ],
)
def test_a_problem_is_one_sentence_that_names_the_setting(
    environ: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (said,) = _problems(monkeypatch, environ)

    assert said.startswith(problem)


def test_only_trusted_documents_need_some(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(manifest, "OF_FRONTEND", ())
    trusted = {"CODELAB_DOCUMENTS": "trusted"}

    (problem,) = _problems(monkeypatch, trusted)
    named = _problems(monkeypatch, {**trusted, "CODELAB_TRUSTED_DOCUMENTS": str(tmp_path / "own.json")})

    assert problem.startswith("CODELAB_DOCUMENTS=trusted needs CODELAB_TRUSTED_DOCUMENTS")
    assert named == ()


def test_all_problems_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"CODELAB_PROT": "1", "CODELAB_ENV": "prod", "CODELAB_WORKER_CAPACITY": "many"}

    assert len(_problems(monkeypatch, environ)) == 3


def test_a_problem_never_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "CODELAB_DATABASE_URL": "mysql://u:geheim@db/codelab",
        "CODELAB_REDIS_URL": "http://:geheim@redis",
        "CODELAB_SECRET_KEYS": "geheim",
        "CODELAB_ENV": "production",
    }

    problems = _problems(monkeypatch, environ)

    assert problems
    assert "geheim" not in str(SettingsRefused(*problems))


def test_what_kubernetes_adds_for_services_is_not_taken_for_a_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    links = {
        "CODELAB_API_SERVICE_HOST": "10.0.0.1",
        "CODELAB_API_SERVICE_PORT_HTTP": "80",
        "CODELAB_API_PORT": "tcp://10.0.0.1:80",
        "CODELAB_API_PORT_80_TCP_ADDR": "10.0.0.1",
    }

    assert _problems(monkeypatch, links) == ()
    (problem,) = _problems(monkeypatch, {"CODELAB_PORT": "tcp://10.0.0.1:80"})
    assert "enableServiceLinks: false" in problem


@pytest.mark.parametrize(
    ("environ", "notice"),
    [
        (
            {"CODELAB_DATABASE_URL": POSTGRES},
            "PostgreSQL without CODELAB_REDIS_URL: run this one process only",
        ),
        ({"CODELAB_HOST": "0.0.0.0"}, "Listening on 0.0.0.0 without CODELAB_ALLOWED_HOSTS"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}, "OPENAI_BASE_URL without OPENAI_API_KEY"),
    ],
)
def test_what_may_not_be_meant_is_noticed(
    environ: dict[str, str], notice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    (said,) = notices(read_settings())

    assert said.startswith(notice)


def test_ordinary_settings_need_no_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)

    assert notices(read_settings()) == []
