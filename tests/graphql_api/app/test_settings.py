"""What a setting may be, and how its value is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from graphql_api.app.setting_types import Environment, ProcessRole
from graphql_api.app.settings import LOOPBACK_HOSTS, Settings


def test_nothing_set_is_the_embedded_development_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")

    settings = Settings()

    assert (settings.url, settings.data_dir) == ("http://127.0.0.1:8000", Path("/data/codelab"))
    assert (settings.embedded, settings.production) == (True, False)
    assert (settings.runs_tasks, settings.answers_requests) == (True, True)
    assert set(settings.hosts) == set(LOOPBACK_HOSTS)


def test_values_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "CODELAB_ENV": "production",
        "CODELAB_PROCESS": "worker",
        "CODELAB_ALLOWED_HOSTS": "codelab.example.com, *.example.org,",
        "CODELAB_DATABASE_URL": "postgres://u:p@db/codelab",
        "CODELAB_MODEL_PRICES": '{"m": {"input_per_million_usd": 0.4, "output_per_million_usd": 1.6}}',
        "OPENAI_MODEL": "openrouter/openai/gpt-4.1",
        "OPENAI_BASE_URL": "http://127.0.0.1:4010/v1/",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    settings = Settings()

    assert (settings.env, settings.process) == (Environment.PRODUCTION, ProcessRole.WORKER)
    assert settings.allowed_hosts == ("codelab.example.com", "*.example.org")
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql+asyncpg://u:p@db/codelab"
    assert settings.model_prices["m"].output_per_million_usd == 1.6
    assert (settings.openai_model, settings.openai_base_url) == (
        "openrouter/openai/gpt-4.1",
        "http://127.0.0.1:4010/v1",
    )
    assert not settings.answers_requests


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELAB_SECRET_KEYS", "")
    monkeypatch.setenv("CODELAB_PORT", "")

    settings = Settings()

    assert (settings.secret_keys, settings.port) == (None, 8000)


@pytest.mark.parametrize("name", ["secret_keys", "database_url", "redis_url", "openai_api_key"])
def test_a_secret_is_not_in_the_text_of_the_settings(name: str) -> None:
    values: dict[str, Any] = {
        name: {"database_url": "postgres://u:geheim@h/d"}.get(name, "redis://:geheim@h/0")
    }

    assert "geheim" not in f"{Settings(**values)!r} {Settings(**values)}"


@pytest.mark.parametrize(
    ("host", "url", "allowed"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000", "127.0.0.1"),
        ("::", "http://[::1]:8000", "[::1]"),
        ("::1", "http://[::1]:8000", "[::1]"),
        ("192.168.1.2", "http://192.168.1.2:8000", "192.168.1.2"),
    ],
)
def test_the_address_that_is_listened_on_can_be_addressed(host: str, url: str, allowed: str) -> None:
    settings = Settings(host=host)

    assert settings.url == url
    assert allowed in settings.hosts
    assert not {"0.0.0.0", "::"} & set(settings.hosts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 65_536},
        {"port": -1},
        {"allowed_hosts": "https://codelab.example.com"},
        {"allowed_hosts": "*"},
        {"allowed_hosts": "host/path"},
        {"allowed_origins": "codelab.example.com"},
        {"allowed_origins": "https://*.example.com"},
        {"allowed_origins": "https://a.example/page"},
        {"trusted_proxies": "*"},
        {"trusted_proxies": "10.0.0.1/8"},
        {"database_url": "sqlite:///codelab.db"},
        {"database_url": "postgresql://"},
        {"redis_url": "127.0.0.1:6379"},
        {"openai_base_url": "api.openai.com/v1"},
        {"model_prices": "{"},
        {"model_prices": "[]"},
        {"model_prices": '{"m": {"input_per_million_usd": -1, "output_per_million_usd": 1}}'},
        {"model_prices": '{"m": {"input_per_million_usd": 1}}'},
        {"worker_capacity": 0},
        {"offline_tokens_per_second": "nan"},
        {"event_retention_days": 0},
    ],
    ids=str,
)
def test_a_value_that_can_t_be_right_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)
