"""Memories judged by a model, as it is put together: a server of models, and the real index."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from domain.memory import review
from domain.memory.rerank import Rerank
from graphql_api.app.main import open_parts
from graphql_api.app.memory import INDEX_FOLDER
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from tests.graphql_api.schema.api import Api
from tests.graphql_api.schema.test_memory import entries, found, heard, learned
from tests.launchers.aimock import AimockServer, require_aimock
from tests.persistence.qdrant.conftest import patient_index

OLD = "@CodeAssistant We deploy the shop with Ansible on Mondays"
NEW = "@CodeAssistant Since today we deploy the shop with Terraform"
ASKED = "@CodeAssistant What tool brings the shop online?"
FIXTURES: list[dict[str, object]] = [
    {"match": {"userMessage": '"older"'}, "response": {"content": '{"numbers": [1]}'}},
    {"match": {"userMessage": '"notes"'}, "response": {"content": '{"numbers": [2, 1]}'}},
    {"match": {"userMessage": "Ansible"}, "response": {"content": "Noted."}},
    {"match": {"userMessage": "Terraform"}, "response": {"content": "Understood."}},
    {"match": {"userMessage": "online"}, "response": {"content": "See above."}},
]


@pytest.fixture
async def aimock() -> AsyncIterator[AimockServer]:
    """A server of models which finds that the first older memory is contradicted."""
    require_aimock()
    async with AimockServer(FIXTURES) as server:
        yield server


@asynccontextmanager
async def _signed_up(data_dir: Path, aimock: AimockServer, **more: bool) -> AsyncIterator[Api]:
    settings = Settings(
        data_dir=data_dir,
        rate_limit_per_minute=100_000,
        openai_api_key=SecretStr("sk-test"),
        openai_base_url=aimock.base_url,
        memory_review=more.get("review", True),
        memory_rerank=more.get("rerank", False),
    )
    async with (
        patient_index(data_dir / INDEX_FOLDER) as index,
        open_parts(settings, memory_index=index) as parts,
    ):
        transport = httpx.ASGITransport(Web(parts).asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as http:
            yield await Api(http, parts).signed_up("ada@example.com")


async def _told(api: Api) -> tuple[str, str]:
    """A project and its first agent, after both statements in a conversation."""
    project = await api.project()
    agent: str = project["agents"]["nodes"][0]["id"]
    session = await api.session(project["id"])
    await api.ask(session, OLD, "k1")
    await learned(api, agent, 1)
    await api.ask(session, NEW, "k2")
    await learned(api, agent, 2)
    return project["id"], agent


async def _replaced(api: Api, agent: str) -> dict[str, Any]:
    """Who replaced what, by a word of their texts, as soon as something is."""
    async with asyncio.timeout(60):
        while True:
            nodes = (await entries(api, agent))["nodes"]
            if any(it["supersededBy"] for it in nodes):
                return {("old" if "Ansible" in it["text"] else "new"): it for it in nodes}
            await asyncio.sleep(0.05)


def reviews(journal: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The requests about contradictions."""
    bodies = [it["body"] for it in journal]
    return [it for it in bodies if '"older"' in it["messages"][-1]["content"]]


async def test_what_a_conversation_contradicts_is_replaced_and_recalled_no_more(
    tmp_path: Path, aimock: AimockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "FIRST_S", 0.5)
    monkeypatch.setattr(review, "POLL_S", 0.1)
    async with _signed_up(tmp_path, aimock) as api:
        project, agent = await _told(api)

        memories = await _replaced(api, agent)
        await heard(api)
        recalled = await found(api, agent, "deploy the shop")
        monkeypatch.setattr(review, "FIRST_S", 3_600.0)
        asked = await api.ask(await api.session(project), ASKED, "k3")
        page = (await api.http.get("/metrics")).text

    assert ["Terraform" in it for it in recalled] == [True]
    assert memories["old"]["supersededBy"] == {"id": memories["new"]["id"]}
    assert memories["new"]["supersededBy"] is None
    answer = asked["run"]["answer"]
    assert [it["memoryId"] for it in answer["citations"]] == [memories["new"]["id"]]
    journal = await aimock.journal()
    prompt = journal[-1]["body"]["messages"][0]["content"]
    assert "Terraform" in prompt
    assert "Ansible" not in prompt
    assert len(reviews(journal)) == 1
    assert 'codelab_memory_reviews_total{verdict="replaced"} 1.0' in page
    assert "codelab_memories_replaced_total 1.0" in page


async def test_without_the_setting_nobody_is_asked_and_nothing_waits(
    tmp_path: Path, aimock: AimockServer
) -> None:
    async with _signed_up(tmp_path, aimock, review=False) as api:
        await _told(api)
        assert api.parts.memory.review is None

    assert reviews(await aimock.journal()) == []


async def test_memories_come_in_the_models_order_where_that_is_wanted(
    tmp_path: Path, aimock: AimockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Rerank.__init__.__kwdefaults__ or {}, "answer_s", 60.0)
    async with _signed_up(tmp_path, aimock, review=False, rerank=True) as api:
        project, _ = await _told(api)
        before = len(await aimock.journal())

        asked = await api.ask(await api.session(project), ASKED, "k3")
        page = (await api.http.get("/metrics")).text

    about, answer = [it["body"]["messages"] for it in (await aimock.journal())[before:]]
    first, second = [note["text"] for note in json.loads(about[-1]["content"])["notes"]]
    assert answer[0]["content"].index(second) < answer[0]["content"].index(first)
    assert len(asked["run"]["answer"]["citations"]) == 2
    assert 'codelab_memory_rerankings_total{ordered="true"}' in page
