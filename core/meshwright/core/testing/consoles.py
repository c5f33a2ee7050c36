"""Real Meshwright processes for tests: started by their console command, killed when a test wants.

Invariant: when the block ends the process is gone, however the test ended.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from meshwright.core import ids
from meshwright.core.testing import children, identities, mongo_users
from meshwright.core.testing.workers import WorkerProcess


@asynccontextmanager
async def console(command: str, *arguments: str, directory: Path, **settings: str) -> AsyncIterator[WorkerProcess]:
    """A running console command, as `meshwright-projector`; its log is in `directory`.

    `settings` are MESHWRIGHT_* variables in lower case.
    """
    settings |= mongo_users.settings(command, directory, settings)
    if identities.TESTER in settings.get("nats_url", ""):
        await identities.provision(settings["nats_url"])
    settings |= identities.settings(command, arguments, directory, settings)
    named = {f"MESHWRIGHT_{name.upper()}": value for name, value in settings.items()}
    program = Path(sys.executable).with_name(command)
    log = directory / f"{command}-{ids.fresh()}.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            env={**os.environ, **named},
            stderr=sink,
            stdout=sink,
            preexec_fn=children.die_with_parent(),
        )
    running = WorkerProcess(process, log)
    try:
        yield running
    finally:
        await running.kill()
    identities.check_log(log)
