"""Real adapter workers for tests: started by their console command, killed when a test wants.

Invariant: when the block ends the process is gone, however the test ended.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from meshwright.core import ids
from meshwright.core.testing import children, identities

ACK_WAIT = 2.0
"""ack wait in seconds, after which a test's worker counts as dead"""


class WorkerProcess:
    """A running `meshwright-adapter`; `log` is its log file."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def stop(self) -> int:
        """End it gracefully; its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def kill(self) -> None:
        """Kill it (SIGKILL)."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def worker_process(
    adapter: str,
    nats_url: str,
    directory: Path,
    path: Path | None = None,
    variables: Mapping[str, str] | None = None,
    **settings: str,
) -> AsyncIterator[WorkerProcess]:
    """One worker of an adapter (entry point or `module:attribute`, imported from `path`).

    `settings` are MESHWRIGHT_* variables in lower case, `variables` any others; its files and its log are in
    `directory`.
    """
    if identities.TESTER in nats_url:
        await identities.provision(nats_url, [identities.adapter_of(adapter)])
    given = {"nats_url": nats_url, **settings}
    settings |= identities.settings("meshwright-adapter", [adapter], directory, given)
    environment = {
        **os.environ,
        **(variables or {}),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(path or ""), os.environ.get("PYTHONPATH")])),
        "MESHWRIGHT_NATS_URL": nats_url,
        "MESHWRIGHT_DATA_DIR": str(directory),
        "MESHWRIGHT_SECRET_KEY_FILE": str(directory / "secret-keys"),
        "MESHWRIGHT_WORKER_ACK_WAIT": str(ACK_WAIT),
        **{f"MESHWRIGHT_{name.upper()}": value for name, value in settings.items()},
    }
    program = Path(sys.executable).with_name("meshwright-adapter")
    log = directory / f"worker-{ids.fresh()}.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            program, adapter, env=environment, stderr=sink, stdout=sink, preexec_fn=children.die_with_parent()
        )
    worker = WorkerProcess(process, log)
    try:
        yield worker
    finally:
        await worker.kill()
    identities.check_log(log)
