"""The log: JSON lines for machines in production, short lines for a person in development."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TextIO
from uuid import UUID

import orjson
import structlog

from graphql_api.app.redaction import describe_exception, redact
from graphql_api.app.setting_types import LogLevel
from graphql_api.app.settings import Settings

OURS = ("codelab", "graphql_api", "domain", "persistence", "integrations")
"""Loggers that follow the setting; all others begin at WARNING: their details quote what they carry."""
MUTED = ("strawberry", "graphql", "uvicorn.access")
"""Loggers that quote documents and addresses; what they would say is counted and masked elsewhere."""
_SILENT = logging.CRITICAL + 1
_DROPPED = frozenset({"color_message", "_record", "_from_structlog"})


def configure_log(settings: Settings, *, stream: TextIO | None = None) -> None:
    """Send every line of the process, ours and the libraries', through the same processors.

    Args:
        settings: Chooses form and level.
        stream: Where to write; by default stdout in production, stderr in development.
    """
    production = settings.production
    level = settings.log_level or (LogLevel.INFO if production else LogLevel.WARNING)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso" if production else "%H:%M:%S", utc=production),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or (sys.stdout if production else sys.stderr))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[describe_exception, _without_internals, redact, _json if production else _line],
        )
    )
    _install(handler, level=level.upper())


def _install(handler: logging.Handler, *, level: str) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name in MUTED:
        logging.getLogger(name).setLevel(_SILENT)
    logging.captureWarnings(capture=True)


@contextmanager
def bound_ids(
    *,
    request_id: UUID | None = None,
    user_id: UUID | None = None,
    session_id: UUID | None = None,
    agent_id: UUID | None = None,
    run_id: UUID | None = None,
) -> Iterator[None]:
    """Put ids on every line that is written inside the block, also by tasks that begin in it."""
    ids = {
        "request_id": request_id,
        "user_id": user_id,
        "session_id": session_id,
        "agent_id": agent_id,
        "run_id": run_id,
    }
    with structlog.contextvars.bound_contextvars(**{key: str(it) for key, it in ids.items() if it}):
        yield


def _without_internals(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    return {key: value for key, value in event.items() if key not in _DROPPED}


def _json(_: object, __: str, event: MutableMapping[str, object]) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _line(_: object, __: str, event: MutableMapping[str, object]) -> str:
    head = " ".join(str(event.pop(key, "")) for key in ("timestamp", "level", "event"))
    trace = event.pop("exception", None)
    rest = "".join(f"  {key}={value}" for key, value in event.items())
    return head + rest + (f"\n{trace}" if trace else "")
