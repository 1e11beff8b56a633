"""The command `codelab`. What a command needs is imported when it runs: `--help` answers at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphql_api.app.settings import Settings

OK, FAILED, REFUSED = 0, 1, 2
INTERRUPTED = 130
PRIVATE = 0o077
"""Files of this process are for its owner only."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 refused settings or arguments."""
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = chosen.command
    try:
        return command(chosen)
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codelab",
        description="A private team of AI agents for every user, served as a GraphQL API.",
        epilog="Settings are environment variables, listed in docs/settings.md and by `codelab settings`.",
    )
    parser.add_argument("--version", action="version", version=f"codelab {version('codelab')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="start the server and print the link to open")
    serve.set_defaults(command=_serve)
    migrate = commands.add_parser("migrate", help="bring the database to the schema of this version")
    migrate.set_defaults(command=_migrate)
    _add_memory(commands.add_parser("memory", help="look after what agents remember"))
    schema = commands.add_parser("schema", help="print the GraphQL schema, or keep schema.graphql up to date")
    _add_file_options(schema, "schema.graphql")
    schema.set_defaults(command=_schema)
    settings = commands.add_parser("settings", help="print all settings, or keep docs/settings.md up to date")
    _add_file_options(settings, "docs/settings.md")
    settings.set_defaults(command=_settings)
    return parser


def _add_memory(memory: argparse.ArgumentParser) -> None:
    reindex = memory.add_subparsers(metavar="COMMAND", required=True).add_parser(
        "reindex", help="make the memory index anew from the database, while searches go on"
    )
    reindex.add_argument("--no-wait", action="store_true", help="ask for it, and do not watch it")
    reindex.set_defaults(command=_reindex)


def _add_file_options(parser: argparse.ArgumentParser, file: str) -> None:
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--write", action="store_true", help=f"write {file}")
    choice.add_argument("--check", action="store_true", help=f"fail when {file} is out of date")


def _serve(_: argparse.Namespace) -> int:
    from graphql_api.app.run import run_server

    return _with_settings(run_server)


def _migrate(_: argparse.Namespace) -> int:
    from graphql_api.app.run import run_migrations

    return _with_settings(run_migrations)


def _reindex(chosen: argparse.Namespace) -> int:
    from graphql_api.app.reindex import ReindexRefused, run_reindex

    try:
        return _with_settings(partial(run_reindex, wait=not chosen.no_wait))
    except ReindexRefused as refusal:
        return _say("Memories can't be reindexed:", str(refusal), code=FAILED)


def _with_settings(action: Callable[[Settings], None]) -> int:
    from graphql_api.app.run import REFUSALS
    from graphql_api.app.secrets import SecretsRefused
    from graphql_api.app.settings_rules import SettingsRefused, read_settings

    os.umask(PRIVATE)
    try:
        action(read_settings())
    except SettingsRefused as refusal:
        return _say("CodeLab can't start with these settings:", *refusal.problems, code=REFUSED)
    except SecretsRefused as refusal:
        return _say("CodeLab can't start with these secrets:", str(refusal), code=REFUSED)
    except REFUSALS as refusal:
        return _say("CodeLab can't start:", str(refusal), code=FAILED)
    return OK


def _say(head: str, *problems: str, code: int) -> int:
    print(head, *(f"  - {problem}" for problem in problems), sep="\n", file=sys.stderr)
    return code


def _schema(chosen: argparse.Namespace) -> int:
    from graphql_api.app.schema_text import FILE, schema_text

    return _keep(FILE, schema_text(), chosen, remedy="make schema")


def _settings(chosen: argparse.Namespace) -> int:
    from graphql_api.app.settings_page import PAGE, settings_page

    return _keep(PAGE, settings_page(), chosen, remedy="codelab settings --write")


def _keep(file: Path, text: str, chosen: argparse.Namespace, *, remedy: str) -> int:
    if chosen.write:
        file.write_text(text)
    elif not chosen.check:
        print(text, end="")
    elif not file.exists() or file.read_text() != text:
        return _say(f"{file.name} is out of date.", f"Run `{remedy}` and commit the result.", code=FAILED)
    return OK


if __name__ == "__main__":
    sys.exit(main())
