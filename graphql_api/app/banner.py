"""What a person reads in the terminal once the server runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphql_api.app.settings import Settings


def banner(
    settings: Settings,
    *,
    version: str,
    sign_in_url: str | None,
    model: str,
    offline: bool,
    notices: Sequence[str],
) -> str:
    """The first thing that a new user sees: the one link to open, and what they may ask next."""
    return "\n".join(
        [
            "",
            f"  CodeLab {version} is running.",
            "",
            *_link(settings, sign_in_url),
            "",
            f"  Model  {_model(model, offline=offline)}",
            f"  Data   {_data(settings)}",
            f"  API    {settings.url}/graphql   (try it: {settings.url}/graphiql)",
            "  Stop   Ctrl-C",
            *(f"  Note   {notice}" for notice in notices),
            "",
        ]
    )


def _link(settings: Settings, sign_in_url: str | None) -> list[str]:
    if sign_in_url is None:
        return [f"  Open {settings.url}/"]
    return ["  Open this link. It signs you in, once, within the next ten minutes:", "", f"    {sign_in_url}"]


def _model(model: str, *, offline: bool) -> str:
    if not offline:
        return model
    return (
        f"{model}: built in, needs no network, follows simple rules.\n"
        "         For a real model, stop and start with a key:  OPENAI_API_KEY=... make run\n"
        "         (OPENAI_BASE_URL and OPENAI_MODEL choose any OpenAI-compatible server.)"
    )


def _data(settings: Settings) -> str:
    if settings.embedded:
        return f"{_short(settings.data_dir)}   (kept between starts; CODELAB_DATA_DIR moves it)"
    return "PostgreSQL" + (" and Redis" if settings.redis_url else "")


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
