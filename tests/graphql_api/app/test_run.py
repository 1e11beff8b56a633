"""Whole processes: the real command on a real port, and what may keep it from starting."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from graphql_api.app.data_dir import DATABASE_FILE
from graphql_api.app.run import DatabaseRefused, run_migrations, run_server
from graphql_api.app.secrets import FILE, SecretsRefused
from graphql_api.app.settings import Settings
from tests.launchers.owned_process import OwnedProcess
from tests.processes import CodelabProcess

ROOT = Path(__file__).parents[3]
START_S = 90
"""Importing everything takes seconds, and many more on a machine that others use as well."""
STRONG = "new:kW3/yC5nPq0sVtX8zJb2LrFmUeHdGa7o"


class Command:
    """One run of `codelab` with settings of its own."""

    def __init__(self, folder: Path, command: str, **settings: str) -> None:
        foreign = ("CODELAB_", "OPENAI_")
        ours = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.process = OwnedProcess(
            [sys.executable, "-m", "graphql_api.app.cli", command],
            output=folder / f"{command}.log",
            cwd=ROOT,
            env={**ours, "CODELAB_DATA_DIR": str(folder / "data"), "CODELAB_PORT": "0", **settings},
        )

    async def printed(self, pattern: str) -> re.Match[str]:
        async def there() -> bool:
            return re.search(pattern, self.process.output()) is not None

        await self.process.until_ready(there, timeout_s=START_S)
        found = re.search(pattern, self.process.output())
        assert found
        return found


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[CodelabProcess]:
    server = CodelabProcess(tmp_path / "data")
    await server.start(timeout_s=START_S)
    yield server
    await server.kill()


async def test_a_new_user_gets_one_link_that_signs_them_in(tmp_path: Path) -> None:
    serve = Command(tmp_path, "serve")

    try:
        link = await serve.printed(r"(http://127\.0\.0\.1:\d+)/#token=(\S+)")
        query = 'mutation { redeemSignInLink(token: "%s") { __typename ... on SignedIn { user { email } } } }'
        async with httpx.AsyncClient(base_url=link[1], trust_env=False) as client:
            page = await client.get("/")
            answers = [await client.post("/graphql", json={"query": query % link[2]}) for _ in range(2)]
    finally:
        code = await serve.process.stop()

    kinds = [answer.json()["data"]["redeemSignInLink"]["__typename"] for answer in answers]
    assert (page.status_code, kinds, code) == (200, ["SignedIn", "Invalid"], 0)
    lines = serve.process.output().strip().splitlines()
    assert lines[0].strip().startswith("CodeLab ")
    assert lines[-1].strip() == "Stop   Ctrl-C"


async def test_data_and_port_belong_to_one_server_until_it_is_killed(
    server: CodelabProcess, tmp_path: Path
) -> None:
    same_data = Command(tmp_path, "serve", CODELAB_DATA_DIR=str(server.data_dir))
    assert await same_data.process.ended() == 1
    same_port = Command(
        tmp_path, "serve", CODELAB_DATA_DIR=str(tmp_path / "b"), CODELAB_PORT=str(server.port)
    )
    assert await same_port.process.ended() == 1
    await server.kill()
    await server.start(timeout_s=START_S)

    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        ready = (await client.get("/readyz")).json()

    assert ready["status"] == "ready"
    said = same_port.process.output()
    assert re.search(r"The data folder \S+ is in use by process \d+\. Stop it \(kill \d+\)", said)
    assert f"Port {server.port} of 127.0.0.1 is in use" in said
    assert "Traceback" not in said


async def test_a_second_signal_ends_a_server_that_waits_for_a_request(server: CodelabProcess) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.1)

    server.process.send(signal.SIGINT)
    await asyncio.sleep(0.5)
    assert server.process.running
    server.process.send(signal.SIGINT)

    assert await server.process.ended() == 130
    writer.close()


async def test_production_writes_json_and_no_link(tmp_path: Path) -> None:
    settings = {
        "CODELAB_ENV": "production",
        "CODELAB_SECRET_KEYS": STRONG,
        "CODELAB_ALLOWED_HOSTS": "codelab.example.com",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }
    serve = Command(tmp_path, "serve", **settings)

    try:
        port = (await serve.printed(r'"port":(\d+)'))[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            answer = await client.post("/graphql", json={"query": "query Ping { __typename }"})
            foreign = await client.get("/", headers={"host": "evil.example"})
        await serve.printed('"event":"operation"')
    finally:
        code = await serve.process.stop(politely=signal.SIGINT)

    lines = [json.loads(line) for line in serve.process.output().splitlines()]
    assert (answer.status_code, foreign.status_code, code) == (200, 421, 0)
    assert {"listening", "settings", "operation"} <= {line["event"] for line in lines}
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert "#token" not in serve.process.output()


# in this process

NONE = "this is no database, whatever its name says\n" * 100


def _settings(folder: Path, *, database_url: str | None = None) -> Settings:
    return Settings(port=0, data_dir=folder, database_url=SecretStr(database_url) if database_url else None)


@pytest.mark.usefixtures("log_restored")
def test_migrate_makes_the_database_and_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_migrations(_settings(tmp_path / "data"))

    with closing(sqlite3.connect(tmp_path / "data" / DATABASE_FILE)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert {"users", "events", "alembic_version"} <= tables
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("log_restored")
@pytest.mark.parametrize("run", [run_server, run_migrations])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, run: Callable[[Settings], None]) -> None:
    (tmp_path / DATABASE_FILE).write_text(NONE)

    with pytest.raises(DatabaseRefused, match=r"can't be used: file is not a database\."):
        run(_settings(tmp_path))


@pytest.mark.usefixtures("log_restored")
@pytest.mark.parametrize("run", [run_server, run_migrations])
def test_a_database_server_that_is_down_is_told_without_its_password(
    tmp_path: Path, run: Callable[[Settings], None]
) -> None:
    settings = _settings(tmp_path, database_url="postgresql://codelab:geheim@127.0.0.1:9/codelab")

    with pytest.raises(DatabaseRefused, match=r"\(CODELAB_DATABASE_URL\) can't be used: ") as refused:
        run(settings)

    assert "geheim" not in str(refused.value)


@pytest.mark.usefixtures("log_restored")
def test_secrets_that_can_t_be_read_are_not_taken_for_a_lost_database(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}")

    with pytest.raises(SecretsRefused):
        run_server(_settings(tmp_path))
