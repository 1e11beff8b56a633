"""Exact resume on the embedded matrix: one process, SQLite and memory."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.processes import CodelabProcess
from tests.resume.scene import Scale, play
from tests.resume.truth import SqliteFile, Truth
from tests.resume.wanderer import Figures
from tests.soak import SOAK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

log = logging.getLogger("tests.resume")
SETTINGS = {"CODELAB_RATE_LIMIT_PER_MINUTE": "1000000", "CODELAB_OFFLINE_TOKENS_PER_SECOND": "60"}


@pytest.mark.parametrize("seed", range(20) if SOAK else [20261121])
async def test_readers_that_leave_anywhere_and_change_transport_miss_nothing(
    tmp_path: Path, seed: int
) -> None:
    figures = Figures()
    scale = Scale(points=2_000, seconds=300) if SOAK else Scale(points=600, seconds=150)

    async with CodelabProcess(tmp_path, settings=SETTINGS) as server:
        truth = Truth(SqliteFile(tmp_path / "codelab.db"))
        await play([server.url], truth, figures, scale=scale, seed=seed, lossless=True)

    log.info("embedded: %s", figures)
    assert figures.left >= scale.points
