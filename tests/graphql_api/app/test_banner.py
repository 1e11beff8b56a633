"""What a new user reads in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from graphql_api.app.banner import banner
from graphql_api.app.settings import Settings

LINK = "http://127.0.0.1:8000/#token=abc"


def _text(
    settings: Settings, *, link: str | None = LINK, model: str = "offline-1", offline: bool = True
) -> str:
    return banner(
        settings, version="0.1.0", sign_in_url=link, model=model, offline=offline, notices=["Mind the gap."]
    )


def test_a_new_user_finds_one_link_and_what_to_do_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    text = _text(Settings(data_dir=Path("/home/me/.local/share/codelab")))

    assert text.count("/#") == 1
    assert f"    {LINK}\n" in text
    assert "offline-1: built in, needs no network" in text
    assert "OPENAI_API_KEY=... make run" in text
    assert "Data   ~/.local/share/codelab" in text
    assert "Stop   Ctrl-C" in text
    assert "Note   Mind the gap." in text
    assert max(map(len, text.splitlines())) <= 110


def test_a_server_with_everything_configured_gives_no_advice() -> None:
    settings = Settings(
        database_url=SecretStr("postgresql://u:geheim@db/codelab"),
        redis_url=SecretStr("redis://:geheim@redis/0"),
    )

    text = _text(settings, link=None, model="gpt-4.1", offline=False)

    assert "Open http://127.0.0.1:8000/\n" in text
    assert "Model  gpt-4.1\n" in text
    assert "Data   PostgreSQL and Redis\n" in text
    assert "OPENAI" not in text
    assert "geheim" not in text


def test_data_outside_the_home_folder_is_shown_in_full() -> None:
    assert "Data   /srv/codelab " in _text(Settings(data_dir=Path("/srv/codelab")))
