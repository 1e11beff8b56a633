"""Runs a whole process from its settings: the server until it is stopped, or the migrations.

What can be refused is tried before the application is imported, which takes seconds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, nullcontext, suppress
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog
import uvloop

from domain.errors import Unavailable
from graphql_api.app.allocation import return_large_blocks
from graphql_api.app.banner import banner
from graphql_api.app.data_dir import DataDirRefused, locked
from graphql_api.app.garbage import collect_rarely
from graphql_api.app.manifest import ManifestRefused
from graphql_api.app.server import BindRefused, Stop, bind, serve
from graphql_api.app.settings_rules import notices
from graphql_api.app.telemetry import configure_log

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from graphql_api.app.main import Application
    from graphql_api.app.settings import Settings

_OF_DATABASES = ("alembic", "asyncpg", "sqlalchemy", "sqlite3")


class DatabaseRefused(Exception):
    """The database can't be used as it is; the message holds its own words, and no password."""


REFUSALS = (BindRefused, DataDirRefused, DatabaseRefused, ManifestRefused)
"""Why a process may not start; their messages are for its operator."""


def run_server(settings: Settings) -> None:
    """Serve until a signal asks to stop.

    Raises:
        BindRefused, DataDirRefused, DatabaseRefused, ManifestRefused, SecretsRefused: it could not start.
    """
    configure_log(settings)
    with _data(settings), bind(settings.host, settings.port) as listener:
        _run(_serve(settings.model_copy(update={"port": listener.getsockname()[1]}), listener))


def run_migrations(settings: Settings) -> None:
    """Bring the database to the schema of this code.

    Raises:
        DataDirRefused, DatabaseRefused: the database can't be used now.
    """
    configure_log(settings)
    with _data(settings):
        _run(_migrate(settings))


def _data(settings: Settings) -> AbstractContextManager[Path | None]:
    return locked(settings.data_dir) if settings.embedded else nullcontext()


def _run(work: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, suppress(asyncio.CancelledError):
        runner.run(work)


async def _serve(settings: Settings, listener: socket.socket) -> None:
    return_large_blocks()
    stop = Stop()
    with stop.on_signals():
        from graphql_api.app.main import build

        async with AsyncExitStack() as stack:
            with understandable(settings):
                application = await stack.enter_async_context(build(settings))
            collect_rarely()
            await serve(
                application.asgi,
                settings=settings,
                listener=listener,
                stop=stop,
                started=partial(_announce, settings, application),
                stopping=application.stopping,
            )


async def _migrate(settings: Settings) -> None:
    from graphql_api.app.stores import open_database
    from persistence.migrate import upgrade

    database = open_database(settings)
    with understandable(settings):
        try:
            await upgrade(database)
        finally:
            await database.close()


@contextmanager
def understandable(settings: Settings) -> Iterator[None]:
    """Say in an operator's words why the database can't be used; everything else stays as it is."""
    try:
        yield
    except Exception as error:
        cause = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
        cause = getattr(cause, "orig", None) or cause
        if not _is_of_database(cause):
            raise
        where = settings.data_dir if settings.embedded else "CODELAB_DATABASE_URL"
        words = getattr(cause, "strerror", None) or str(cause).split("\n", 1)[0] or type(cause).__name__
        raise DatabaseRefused(f"The database ({where}) can't be used: {words}.") from error


def _is_of_database(error: BaseException) -> bool:
    return isinstance(error, OSError | TimeoutError | Unavailable) or type(error).__module__.startswith(
        _OF_DATABASES
    )


def _announce(settings: Settings, application: Application) -> None:
    doubts = notices(settings)
    if settings.production:
        log = structlog.get_logger("codelab.server")
        log.info("listening", host=settings.host, port=settings.port, version=version("codelab"))
        for doubt in doubts:
            log.warning("settings", doubt=doubt)
        return
    text = banner(
        settings,
        version=version("codelab"),
        sign_in_url=application.sign_in_url,
        model=application.model,
        offline=application.offline,
        notices=doubts,
    )
    sys.stdout.write(text)
    sys.stdout.flush()
