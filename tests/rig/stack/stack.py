"""A whole Meshwright for tests and benchmarks: real servers, and every process started by its console command.

Invariant: when the block ends nothing of it runs; each process's log lies in the stack's directory.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from meshwright.core.testing import children, identities
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import MongoServer, NatsServer
from rig.stack.installation import EXAMPLES, TOKEN, Installation


class Process:
    """One of the stack's processes."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._running: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id; it must be running."""
        assert self._running is not None
        return self._running.pid

    async def start(self) -> None:
        """Start it (again)."""
        program = Path(sys.executable).with_name(self._command[0])
        with self.log.open("ab") as sink:
            self._running = await asyncio.create_subprocess_exec(
                program,
                *self._command[1:],
                env=self._environment,
                stdout=sink,
                stderr=sink,
                preexec_fn=children.die_with_parent(),
            )

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end, at most 30 s; the exit status."""
        if self._running is None:
            return 0
        if self._running.returncode is None:
            self._running.send_signal(number)
        async with asyncio.timeout(30):
            return await self._running.wait()

    async def close(self) -> None:
        """End it gracefully, so that it can end what it has started, or by force when it does not."""
        try:
            async with asyncio.timeout(20):
                await self.end()
        except TimeoutError:
            await self.end(signal.SIGKILL)
        identities.check_log(self.log)


class Stack(Installation):
    """The parts; `http` is a client that carries the admin token."""

    def __init__(
        self, nats: NatsServer, mongo: MongoServer, directory: Path, exits: AsyncExitStack, more: dict[str, str]
    ) -> None:
        super().__init__(nats, mongo, directory)
        self.processes: dict[str, Process] = {}
        self._more = more
        self._exits = exits
        self.http = httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)

    @property
    def directory(self) -> Path:
        """Where all of it lies."""
        return self.folder

    async def run(self, name: str, *command: str, path: Path | None = None, **settings: str) -> Process:
        """Start a process under a name; `settings` are MESHWRIGHT_* variables in lower case."""
        prefix = "MESHWRIGHT_"
        ours = {key.removeprefix(prefix).lower(): value for key, value in self._more.items() if key.startswith(prefix)}
        environment = self._more | self.environment(*command, **(ours | settings)) | {"PYTHONPATH": str(path or "")}
        process = Process(name, list(command), environment, self.log(name))
        await process.start()
        self.processes[name] = process
        self._exits.push_async_callback(process.close)
        return process

    async def ready(self) -> None:
        """Wait until the API says that it can do its work."""

        async def told() -> bool:
            return (await self.http.get("/readyz")).status_code == 200

        await eventually(told)

    async def adapter(self, name: str) -> None:
        """Wait until a worker of that adapter has been announced."""

        async def told() -> bool:
            return (await self.http.get(f"/v1/adapters/{name}")).status_code == 200

        await eventually(told)


@asynccontextmanager
async def stack(
    directory: Path, *, nats: NatsServer | None = None, mongo: MongoServer | None = None, **environment: str
) -> AsyncIterator[Stack]:
    """Real servers, the API and the projector; adapters are started with `Stack.run`.

    `nats` and `mongo` are servers that are not started yet, other than the usual; `environment` is added to every
    process's.
    """
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as exits:
        nats = await exits.enter_async_context(nats or NatsServer())
        mongo = await exits.enter_async_context(mongo or MongoServer())
        size = environment.get("MESHWRIGHT_STREAMS_GIB")
        await identities.provision(nats.url, gib=float(size) if size else None)
        parts = Stack(nats, mongo, directory, exits, environment)
        exits.push_async_callback(parts.http.aclose)
        await parts.run("api", "meshwright-api")
        await parts.run("projector", "meshwright-projector")
        await parts.ready()
        yield parts


@asynccontextmanager
async def working(
    directory: Path,
    *,
    workers: int = 1,
    nats: NatsServer | None = None,
    mongo: MongoServer | None = None,
    **environment: str,
) -> AsyncIterator[Stack]:
    """A stack in which operations of the example adapter can be asked for on the connection `local`."""
    async with stack(directory, nats=nats, mongo=mongo, **environment) as parts:
        await parts.run("scheduler", "meshwright-scheduler")
        for number in range(workers):
            await parts.run(
                f"worker-{number}", "meshwright-adapter", "example_adapter:example", path=EXAMPLES, worker_ack_wait="2"
            )
        await parts.adapter("example")
        answer = await parts.http.put("/v1/connections/local", json={"kind": "envoy-fleet"})
        answer.raise_for_status()
        yield parts
