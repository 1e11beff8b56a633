"""Memory that is freed goes back to the system."""

import asyncio
import platform
import sys

import pytest

_PROGRAM = """
import psutil
from graphql_api.app.allocation import return_large_blocks

def resident() -> int:
    return psutil.Process().memory_info().rss

return_large_blocks()
before = resident()
for _ in range(3):
    block = bytearray(b"x") * 30_000_000
    assert resident() - before > 25_000_000
    del block
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries have habits of their own")
async def test_nothing_is_kept_of_large_blocks_that_were_freed() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, stdout=asyncio.subprocess.PIPE
    )

    printed, _ = await process.communicate()

    assert process.returncode == 0
    assert int(printed) < 5_000_000
