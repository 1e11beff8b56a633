"""kill -9 between what is learned and its review by a model: the next process has it reviewed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from codelab_client import Client, Memory
from tests.clients.servers import PASSWORD, client_of
from tests.graphql_api.app.test_reviews import FIXTURES, NEW, OLD, reviews
from tests.launchers.aimock import AimockServer, require_aimock
from tests.processes import CodelabProcess


@pytest.mark.slow
async def test_a_review_outlives_a_kill(tmp_path: Path) -> None:
    require_aimock()
    async with AimockServer(FIXTURES) as aimock:
        replaced = await _replaced_after_a_kill(tmp_path, aimock)
        judged = reviews(await aimock.journal())

    assert ["Ansible" in it.text for it in replaced] == [True]
    assert judged


async def _replaced_after_a_kill(data_dir: Path, aimock: AimockServer) -> Sequence[Memory]:
    settings = {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": aimock.base_url,
        "CODELAB_SHUTDOWN_SECONDS": "0",
    }
    async with CodelabProcess(data_dir, settings=settings) as server, client_of(server.url) as client:
        await client.register("ada@example.com", PASSWORD)
        project = await client.create_project("Work")
        agent_id = (await client.project(project.id)).agents.nodes[0].id
        session = await client.create_session(project.id)
        for text in (OLD, NEW):
            await client.send(session.id, text, wait_s=30)
        await server.kill()
        await server.restart()

        async with asyncio.timeout(60):
            while not (replaced := await _replaced(client, agent_id)):
                await asyncio.sleep(0.1)
    return replaced


async def _replaced(client: Client, agent_id: str) -> Sequence[Memory]:
    return [it for it in (await client.memory(agent_id)).entries.nodes if it.superseded_by]
