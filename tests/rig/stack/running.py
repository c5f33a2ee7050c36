"""A running Meshwright that many tests share, without an event loop of its own.

Problem: `stack` lives in one test's loop, and starting a stack per test costs seconds. Invariant: every process is
tied to the life of the test process, and ended with the stack.
"""

import asyncio
import random
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from meshwright.core.machine import ports
from meshwright.core.store import provisioning
from meshwright.core.testing import children, identities
from meshwright.core.testing.children import Process
from meshwright.core.testing.servers import MongoServer, NatsServer
from rig.stack.installation import EXAMPLES, TOKEN, Installation


class SharedStack(Installation):
    """Servers and processes; start what a test needs."""

    def __init__(self, nats: NatsServer, mongo: MongoServer, database: str, folder: Path) -> None:
        super().__init__(nats, mongo, folder, database)
        self.processes: dict[str, Process] = {}

    def start(self, program: str, *arguments: str, name: str = "", **settings: str) -> Process:
        """Start one of our programs; `settings` are MESHWRIGHT_* variables in lower case."""
        quick = {"webhook_pauses": ",".join(["200ms"] * 7), "webhook_timeout": "2", "worker_ack_wait": "2"}
        environment = self.environment(program, *arguments, **{**quick, **settings})
        variables = [f"{key}={value}" for key, value in environment.items() if key.startswith("MESHWRIGHT_")]
        binary = str(Path(sys.executable).with_name(program))
        command = ["/usr/bin/env", f"PYTHONPATH={EXAMPLES}", *variables, binary, *arguments]
        started = children.start(command, self.log(name or program))
        self.processes[name or program] = started
        return started

    def start_api(self, **settings: str) -> Process:
        """Start the API and wait until it answers."""
        process = self.start("meshwright-api", **settings)
        self.until(lambda: httpx.get(f"{self.url}/healthz").status_code == 200, "meshwright-api")
        return process

    def start_another_api(self, name: str, **settings: str) -> int:
        """Start one more API on the same servers and wait until it answers; its port."""
        port = ports.choose(random.randrange(12_000, 30_000))
        self.start("meshwright-api", name=name, api_port=str(port), **settings)
        self.until(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200, name)
        return port

    def start_all(self, adapter: str = "trial", **settings: str) -> None:
        """API, projector, scheduler and a worker of an example adapter; returns when all are at work.

        `settings` are further ones of every process.
        """
        self.start("meshwright-projector", **settings)
        self.start("meshwright-scheduler", **settings)
        self.start("meshwright-adapter", f"{adapter}_adapter:{adapter}", **settings)
        self.start_api(**settings)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.until(
            lambda: httpx.get(f"{self.url}/v1/adapters/{adapter}", headers=headers).status_code == 200,
            "meshwright-projector",
        )
        self.until(lambda: httpx.get(f"{self.url}/readyz").status_code == 200, "meshwright-api")

    def until(self, check: Callable[[], object], log: str, timeout: float = 60.0) -> None:
        """Wait for a condition; what is in the log says why it never came."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                if check():
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout} s\n{self.log(log).read_text()[-3000:]}")
            time.sleep(0.03)

    def stop(self, name: str, timeout: float = 30.0) -> int | None:
        """SIGTERM; the exit status, or None when it did not end in time."""
        process = self.processes.pop(name)
        process.terminate()
        asyncio.run(children.ended(process, timeout))
        status = process.poll()
        process.kill()
        return status

    def close(self) -> None:
        """End everything."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            asyncio.run(children.ended(process, 10.0))
            process.kill()
        for log in self.folder.glob("*.log"):
            identities.check_log(log)


@contextmanager
def running(mongo: MongoServer) -> Iterator[SharedStack]:
    """A stack with its own nats-server and a database of its own, nothing else started yet."""
    folder = Path(tempfile.mkdtemp(prefix="meshwright-api-"))
    nats = NatsServer()
    asyncio.run(nats.start())
    asyncio.run(identities.provision(nats.url))
    stack = SharedStack(nats, mongo, f"test_{uuid.uuid4().hex}", folder)
    try:
        yield stack
    finally:
        stack.close()
        asyncio.run(nats.close())
        shutil.rmtree(folder, ignore_errors=True)
        asyncio.run(provisioning.drop_database(mongo.url, stack.database))
