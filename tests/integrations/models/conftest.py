"""The OpenAI-compatible peer with the answers that the model tests ask for."""

from collections.abc import AsyncIterator

import pytest

from tests.launchers.aimock import AimockServer, require_aimock

LONG_TEXT = " ".join(f"number{count}" for count in range(400))
CYRILLIC_TEXT = "Привет, мир! 🌍 Это ответ на русском языке.\n\n- раз\n- два"
TOOL_ARGUMENTS = '{"city":"Oslo","days":3}'

FIXTURES: list[dict[str, object]] = [
    {
        "match": {"userMessage": "say hello"},
        "response": {"content": "Hello! How can I help you today, my friend?"},
    },
    {"match": {"userMessage": "judge "}, "response": {"content": '{"numbers": [2, 1]}'}},
    {"match": {"userMessage": "по-русски"}, "response": {"content": CYRILLIC_TEXT}},
    {
        "match": {"userMessage": "count me"},
        "response": {
            "content": "Counted.",
            "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
        },
    },
    {"match": {"userMessage": "long story"}, "response": {"content": LONG_TEXT}, "latency": 5},
    {
        "match": {"userMessage": "slow start"},
        "response": {"content": "too late"},
        "streamingProfile": {"ttft": 3_000, "tps": 100},
    },
    {"match": {"userMessage": "slow middle"}, "response": {"content": LONG_TEXT}, "latency": 400},
    {
        "match": {"userMessage": "cut me"},
        "response": {"content": LONG_TEXT},
        "latency": 20,
        "truncateAfterChunks": 4,
    },
    {
        "match": {"userMessage": "weather", "hasToolResult": False},
        "response": {"toolCalls": [{"id": "call_a", "name": "weather", "arguments": TOOL_ARGUMENTS}]},
    },
    {
        "match": {"userMessage": "two tools"},
        "response": {
            "toolCalls": [
                {"id": "call_a", "name": "weather", "arguments": '{"city":"Oslo"}'},
                {"id": "call_b", "name": "time", "arguments": "{}"},
            ]
        },
    },
    {
        "match": {"userMessage": "weather", "hasToolResult": True},
        "response": {"content": "It rains in Oslo."},
    },
    {
        "match": {"userMessage": "too many", "sequenceIndex": 0},
        "response": {
            "error": {"message": "Slow down", "type": "rate_limit_error"},
            "status": 429,
            "retryAfter": 7,
        },
    },
    {"match": {"userMessage": "too many"}, "response": {"content": "Here I am."}},
    {
        "match": {"userMessage": "always limited"},
        "response": {
            "error": {"message": "Slow down", "type": "rate_limit_error"},
            "status": 429,
            "retryAfter": 2,
        },
    },
    {
        "match": {"userMessage": "hiccup", "sequenceIndex": 0},
        "response": {"error": {"message": "Oops", "type": "server_error"}, "status": 500},
    },
    {"match": {"userMessage": "hiccup"}, "response": {"content": "Recovered."}},
    {
        "match": {"userMessage": "broken"},
        "response": {"error": {"message": "Oops", "type": "server_error"}, "status": 500},
    },
    {
        "match": {"userMessage": "garbage"},
        "response": {"content": "never seen"},
        "chaos": {"malformedRate": 1},
    },
    {
        "match": {"userMessage": "hang up"},
        "response": {"content": "never seen"},
        "chaos": {"disconnectRate": 1},
    },
    {
        "match": {"userMessage": "limited length"},
        "response": {"content": "Only so", "finishReason": "length"},
    },
]


@pytest.fixture(scope="package")
async def aimock() -> AsyncIterator[AimockServer]:
    """Start the peer once for all model tests."""
    require_aimock()
    async with AimockServer(FIXTURES, flags=["--metrics"]) as server:
        yield server
