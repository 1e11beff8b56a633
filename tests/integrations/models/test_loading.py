"""When the slow libraries are imported, and that the event loop goes on meanwhile; each in a fresh interpreter."""

import asyncio
import json
import sys
from typing import Any

SLOW = ("openai", "langchain_core", "langchain_openai", "genai_prices", "tiktoken", "httpx2")
LONGEST_STALL_S = 1.0
"""Far above a thread switch, far below the seconds that the import takes."""

IMPORT = f"""
import json, sys
import integrations.models.gateway
print(json.dumps([name for name in {SLOW!r} if name in sys.modules]))
"""

WARM_UP = """
import asyncio, json, sys
from datetime import UTC, datetime
from integrations.models.openai import OpenAiModel
from integrations.models.prices import ModelPrices
from integrations.models.settings import OpenAiSettings

def clock():
    return datetime.now(UTC)

async def main():
    prices = ModelPrices(overrides={}, clock=clock)
    settings = OpenAiSettings(api_key="x", model="m", base_url="http://127.0.0.1:9/v1")
    model = OpenAiModel(settings, prices=prices, clock=clock)
    model.warm_up()
    model.warm_up()
    loop = asyncio.get_running_loop()
    stall, last = 0.0, loop.time()
    while not loaded():
        await asyncio.sleep(0.002)
        stall, last = max(stall, loop.time() - last), loop.time()
    await model.aclose()
    print(json.dumps(stall))

def loaded():
    module = sys.modules.get("genai_prices.data")
    return hasattr(module, "providers")

asyncio.run(main())
"""


async def _run(program: str) -> Any:
    """What a fresh interpreter prints as JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_the_gateway_is_imported_without_the_slow_libraries() -> None:
    assert await _run(IMPORT) == []


async def test_loading_in_the_background_leaves_the_event_loop_free() -> None:
    stall_s = await _run(WARM_UP)

    assert stall_s < LONGEST_STALL_S
