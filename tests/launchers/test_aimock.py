"""The launcher of the OpenAI-compatible peer."""

import httpx

from tests.launchers.aimock import AimockServer, require_aimock

FIXTURES = [{"match": {"userMessage": "what is 2+2"}, "response": {"content": "4"}}]
REQUEST = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "what is 2+2"}]}


async def test_the_peer_answers_from_its_fixtures_and_keeps_a_journal() -> None:
    require_aimock()
    async with AimockServer(FIXTURES) as server, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{server.base_url}/chat/completions", json=REQUEST)

        assert answer.json()["choices"][0]["message"]["content"] == "4"
        assert [entry["path"] for entry in await server.journal()] == ["/v1/chat/completions"]


async def test_flags_reach_the_peer() -> None:
    require_aimock()
    async with (
        AimockServer(FIXTURES, flags=["--chaos-ratelimit", "1"]) as server,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        answer = await client.post(f"{server.base_url}/chat/completions", json=REQUEST)

        assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        assert answer.headers["retry-after"]
