"""What tests of the application's shell share: the process's log, put back as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from graphql_api.app.telemetry import MUTED, OURS


@pytest.fixture
def log_restored() -> Iterator[None]:
    """Undo `configure_log`."""
    root = logging.getLogger()
    named = [logging.getLogger(name) for name in (*OURS, *MUTED)]
    before = root.handlers[:], root.level, [it.level for it in named]
    yield
    root.handlers[:], level, levels = before
    root.setLevel(level)
    for logger, was in zip(named, levels, strict=True):
        logger.setLevel(was)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
