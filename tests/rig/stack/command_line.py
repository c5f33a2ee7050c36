"""The command line as a person calls it."""

import asyncio
import os
import sys
from pathlib import Path

from rig.stack.stack import TOKEN, Stack

_WITHIN_S = 90.0


async def run(parts: Stack, *arguments: str, stdin: str = "", expect: int = 0) -> str:
    """Call the command line and check its exit code; what it prints."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(parts.folder),
        "MESHWRIGHT_API_URL": parts.url,
        "MESHWRIGHT_TOKEN": TOKEN,
    }
    program = Path(sys.executable).with_name("meshwright")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        program, *arguments, env=environment, cwd=parts.folder, stdin=pipe, stdout=pipe, stderr=pipe
    )
    async with asyncio.timeout(_WITHIN_S):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode == expect, f"{arguments}: {out.decode()}\n{err.decode()}"
    return out.decode()
