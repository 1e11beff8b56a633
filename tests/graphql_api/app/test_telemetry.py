"""What is in the log, and what never is."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import warnings
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
import structlog

from domain.errors import NotFound
from graphql_api.app.setting_types import Environment, LogLevel
from graphql_api.app.settings import Settings
from graphql_api.app.telemetry import bound_ids, configure_log

pytestmark = pytest.mark.usefixtures("log_restored")

CANARY = "canary-words-of-a-person"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
RANDOM = "w-G5pA0plGCXENQ88tcGVqq4ViyqvrQ_xHSSIGrfUxo"
USER, RUN = UUID(int=1), UUID(int=2)


class Log:
    """A configured log and what was written to it."""

    def __init__(self, *, production: bool = True, level: LogLevel | None = LogLevel.DEBUG) -> None:
        self._stream = io.StringIO()
        env = Environment.PRODUCTION if production else Environment.DEVELOPMENT
        configure_log(Settings(env=env, log_level=level), stream=self._stream)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, object]]:
        return [cast("dict[str, object]", json.loads(line)) for line in self.text.splitlines()]

    @property
    def line(self) -> dict[str, object]:
        (only,) = self.lines
        return only


def test_a_line_in_production_is_json_with_time_level_logger_and_ids() -> None:
    log = Log()

    with bound_ids(user_id=USER, run_id=RUN):
        structlog.get_logger("codelab.engine").warning("the engine waits", tasks=3)

    line = log.line
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "the engine waits",
        "level": "warning",
        "logger": "codelab.engine",
        "tasks": 3,
        "user_id": str(USER),
        "run_id": str(RUN),
    }


def test_lines_of_the_standard_library_take_the_same_way() -> None:
    log = Log()

    with bound_ids(user_id=USER):
        logging.getLogger("codelab.engine").info("claimed %d", 3, extra={"task_id": str(RUN)})

    assert log.line["event"] == "claimed 3"
    assert (log.line["user_id"], log.line["task_id"]) == (str(USER), str(RUN))


async def test_tasks_begun_inside_carry_the_ids_and_nothing_outside_does() -> None:
    log = Log()

    async def work() -> None:
        structlog.get_logger("codelab").info("inside")

    with bound_ids(run_id=RUN):
        task = asyncio.create_task(work())
    structlog.get_logger("codelab").info("outside")
    await task

    assert [(line["event"], line.get("run_id")) for line in log.lines] == [
        ("outside", None),
        ("inside", str(RUN)),
    ]


def test_a_line_in_development_is_short() -> None:
    log = Log(production=False)

    structlog.get_logger("codelab.engine").warning("the engine waits", tasks=3, user_id=None)

    _, rest = log.text.split(" ", 1)
    assert rest == "warning the engine waits  tasks=3  logger=codelab.engine\n"


@pytest.mark.parametrize(("production", "written"), [(True, {"info", "warning"}), (False, {"warning"})])
def test_without_a_level_development_is_quieter(production: bool, written: set[str]) -> None:
    log = Log(production=production, level=None)

    for level in ("debug", "info", "warning"):
        getattr(structlog.get_logger("codelab"), level)(f"this is {level}")

    assert {level for level in ("debug", "info", "warning") if f"this is {level}" in log.text} == written


def test_libraries_speak_from_warnings_on_and_some_never() -> None:
    log = Log()

    for name in ("httpx", "websockets.server", "uvicorn.error", "strawberry.execution", "uvicorn.access"):
        logging.getLogger(name).info("details of %s", CANARY)
    logging.getLogger("strawberry.execution").error(CANARY)
    logging.getLogger("httpx").warning("a warning")

    assert [line["event"] for line in log.lines] == ["a warning"]


def test_python_warnings_are_lines_as_well() -> None:
    log = Log()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    assert (log.line["logger"], "DeprecationWarning" in str(log.line["event"])) == ("py.warnings", True)


@pytest.mark.parametrize(
    "values",
    [
        {"authorization": f"Bearer {CANARY}"},
        {"Authorization": CANARY},
        {"headers": {"cookie": CANARY, "set-cookie": CANARY}},
        {"refresh_token": CANARY},
        {"api_key": CANARY},
        {"password": CANARY},
        {"content": CANARY},
        {"request": {"variables": {"input": {"x": CANARY}}}},
        {"messages": [CANARY]},
        {"query": CANARY},
        {"nested": {"a": {"b": {"c": {"d": {"e": CANARY}}}}}},
        {"message_object": NotFound("agent", CANARY)},
        {"data": CANARY.encode()},
        {"header": f"bearer {CANARY}"},
        {"url": f"postgresql://codelab:{CANARY}@db/codelab"},
    ],
    ids=str,
)
def test_a_secret_or_somebodys_words_are_never_written(values: dict[str, object]) -> None:
    log = Log()

    structlog.get_logger("codelab").error("something", **values)
    logging.getLogger("codelab").error("something", extra=values)

    assert len(log.lines) == 2
    assert CANARY not in log.text


@pytest.mark.parametrize("secret", [JWT, RANDOM, f"sk-{RANDOM}", f"Basic {RANDOM}"])
def test_what_looks_like_a_secret_is_cut_out_of_any_text(secret: str) -> None:
    log = Log()

    structlog.get_logger("codelab").error(f"it was {secret}, you see", note=[secret], key={"x": secret})

    assert secret not in log.text
    assert RANDOM not in log.text
    assert "it was [redacted], you see" in str(log.line["event"])


def test_numbers_ids_and_paths_are_kept() -> None:
    log = Log()
    values = {
        "input_tokens": 12,
        "first_token_seconds": 0.5,
        "path": Path("/data"),
        "id": USER,
        "ok": True,
        "sizes": [1, 2],
    }

    structlog.get_logger("codelab").info("used", **values)

    kept = {key: log.line[key] for key in values}
    assert kept == {**values, "path": "/data", "id": str(USER)}


def test_a_long_text_is_cut() -> None:
    log = Log()

    structlog.get_logger("codelab").info("long", note="x y " * 1_000)

    assert len(str(log.line["note"])) < 600
    assert "(4000 characters)" in str(log.line["note"])


def test_an_exception_is_told_by_types_and_places_without_its_words() -> None:
    log = Log()

    def fails() -> None:
        try:
            os.environ[CANARY]
        except KeyError as error:
            raise ValueError(f"bad: {CANARY}") from error

    try:
        fails()
    except ValueError:
        logging.getLogger("codelab").exception("it failed")

    trace = str(log.line["exception"])
    assert CANARY not in log.text
    assert (
        trace.index("builtins.KeyError") < trace.index("which led to:") < trace.index("builtins.ValueError")
    )
    assert f"{Path(__file__).name}:" in trace
    assert trace.endswith(" in fails")


def test_what_can_t_quote_anyone_is_kept_of_an_exception() -> None:
    log = Log()

    class OfTheDatabase(Exception):
        sqlstate = "53100"

    group = ExceptionGroup(CANARY, [OSError(28, "No space left on device", CANARY), OfTheDatabase(CANARY)])
    group.exceptions[1].__cause__ = group  # a circle must not hang the log
    structlog.get_logger("codelab").error("full", exc_info=group)
    structlog.get_logger("codelab").error("a bug", exc_info=TypeError("missing 1 required argument: 'x'"))

    full, bug = (str(line["exception"]) for line in log.lines)
    assert CANARY not in log.text
    assert "with 1 of 2:\nbuiltins.OSError: No space left on device" in full
    assert "OfTheDatabase: SQLSTATE 53100" in full
    assert bug == "builtins.TypeError: missing 1 required argument: 'x'"


def test_an_exception_in_development_follows_its_line() -> None:
    log = Log(production=False)

    structlog.get_logger("codelab").error("it failed", exc_info=ValueError(CANARY))

    assert log.text.endswith("error it failed  logger=codelab\nbuiltins.ValueError\n")


async def test_an_exception_that_nobody_awaited_is_told_without_its_words() -> None:
    log = Log()

    async def fails() -> None:
        raise ValueError(CANARY)

    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    context = {"message": "Task exception was never retrieved", "exception": task.exception(), "future": task}
    asyncio.get_running_loop().default_exception_handler(context)

    assert log.line["event"] == "Task exception was never retrieved"
    assert "builtins.ValueError" in str(log.line["exception"])
    assert CANARY not in log.text
