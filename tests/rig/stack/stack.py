"""A whole Meshwright for tests and benchmarks: real servers, and every process started by its console command.

Problem: some stacks live as long as one test and its event loop, others are shared by many tests and outlive every
loop. Invariant: one class serves both, since it holds processes and no loop; every process is tied to the life of the
test process, is configured by its environment alone, has only the credentials of its own component, and ends with the
stack.
"""

import asyncio
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from meshwright.core.store import provisioning
from meshwright.core.testing import children, identities, mongo_users
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import MongoServer, NatsServer, free_port

TOKEN = "t" * 43
"""the admin token of a stack for tests"""
EXAMPLES = Path("tests/example").resolve()
"""where the example adapter lies, seen from the top of the checkout"""
_PREFIX = "MESHWRIGHT_"
_END_S = 30.0
_QUICK = {"webhook_pauses": ",".join(["200ms"] * 7), "webhook_timeout": "2", "worker_ack_wait": "2"}


class Process:
    """One of the stack's processes, which can be ended and started again."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = dict(environment)
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; it must have been started."""
        return self._popen.pid

    @property
    def _popen(self) -> subprocess.Popen[bytes]:
        assert self._running is not None, f"{self.name} was not started"
        return self._running

    def start(self) -> None:
        """Start it (again)."""
        with self.log.open("ab") as sink:
            self._running = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                preexec_fn=children.die_with_parent(),
            )

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._popen.poll()

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._popen.terminate()

    def kill(self) -> None:
        """Send SIGKILL, and reap it."""
        self._popen.kill()
        self._popen.wait()

    def stop(self, timeout: float = _END_S) -> int | None:
        """SIGTERM; the exit status, or None when it did not end within `timeout` seconds and was killed."""
        self.terminate()
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end, at most 30 s; the exit status. Raises TimeoutError."""
        if self._running is None:
            return 0
        if self.poll() is None:
            self.send_signal(number)
        if not await children.ended(self, _END_S):
            raise TimeoutError(f"{self.name} did not end")
        return int(self._popen.returncode)


class Stack:
    """Servers, a database, a folder, the port of the API, and the processes that were started."""

    def __init__(
        self,
        nats: NatsServer,
        mongo: MongoServer,
        folder: Path,
        *,
        database: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`variables` are environment variables of every process, which those of a process outweigh."""
        self.nats = nats
        self.mongo = mongo
        self.folder = folder
        self.port = free_port()
        self.database = database or f"stack_{self.port}"
        self.processes: dict[str, Process] = {}
        self._variables = dict(variables or {})
        (folder / "token").write_text(TOKEN)

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}"

    @functools.cached_property
    def http(self) -> httpx.AsyncClient:
        """A client that carries the admin token, of the loop in which it is used first."""
        return httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)

    def log(self, name: str) -> Path:
        """The output of a process."""
        return self.folder / f"{name}.log"

    def environment(self, program: str, *arguments: str, **settings: str) -> dict[str, str]:
        """The environment of a program; `settings` are MESHWRIGHT_* variables in lower case."""
        ours = {
            key.removeprefix(_PREFIX).lower(): value
            for key, value in self._variables.items()
            if key.startswith(_PREFIX)
        }
        values = {
            "nats_url": self.nats.url,
            "mongodb_url": self.mongo.url,
            "mongodb_database": self.database,
            "data_dir": str(self.folder / "data"),
            "api_port": str(self.port),
            "admin_token_file": str(self.folder / "token"),
            "secret_key_file": str(self.folder / "secret-keys"),
            "webhook_allow": "127.0.0.0/8",
            **ours,
            **settings,
        }
        values |= mongo_users.settings(program, self.folder, values)
        values |= identities.settings(program, arguments, self.folder, values)
        return {**os.environ, **self._variables, **{f"{_PREFIX}{key.upper()}": value for key, value in values.items()}}

    def start(self, program: str, *arguments: str, name: str = "", **settings: str) -> Process:
        """Start a program that is installed beside this Python; `settings` are as in `environment`."""
        environment = self.environment(program, *arguments, **settings) | {"PYTHONPATH": str(EXAMPLES)}
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        process = Process(name or program, command, environment, self.log(name or program))
        process.start()
        self.processes[name or program] = process
        return process

    def start_api(self, **settings: str) -> Process:
        """Start the API and wait until it answers."""
        process = self.start("meshwright-api", **settings)
        self.until(lambda: httpx.get(f"{self.url}/healthz").status_code == 200, "meshwright-api")
        return process

    def start_another_api(self, name: str, **settings: str) -> int:
        """Start one more API on the same servers and wait until it answers; its port."""
        port = free_port()
        self.start("meshwright-api", name=name, api_port=str(port), **settings)
        self.until(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200, name)
        return port

    def start_all(self, adapter: str = "trial", **settings: str) -> None:
        """API, projector, scheduler and a worker of an example adapter; returns when all are ready. `settings` are
        further ones of every process.
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
        """Wait for a condition; the log of a process says why it never came."""
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

    async def ready(self) -> None:
        """Wait until the API says that it can do its work."""

        async def is_ready() -> bool:
            return (await self.http.get("/readyz")).status_code == 200

        await eventually(is_ready)

    async def adapter(self, name: str) -> None:
        """Wait until a worker of that adapter has been announced."""

        async def is_announced() -> bool:
            return (await self.http.get(f"/v1/adapters/{name}")).status_code == 200

        await eventually(is_announced)

    def stop(self, name: str, timeout: float = _END_S) -> int | None:
        """SIGTERM; the exit status, or None when it did not end in time."""
        return self.processes.pop(name).stop(timeout)

    def close(self) -> None:
        """End everything gracefully, the last first, so that each can end what it has started."""
        for process in reversed(self.processes.values()):
            process.stop()
        for log in self.folder.glob("*.log"):
            identities.check_log(log)


@contextmanager
def running(mongo: MongoServer) -> Iterator[Stack]:
    """A stack with its own nats-server and a database of its own, nothing else started yet; it tries webhooks soon."""
    folder = Path(tempfile.mkdtemp(prefix="meshwright-api-"))
    nats = NatsServer()
    asyncio.run(nats.start())
    asyncio.run(identities.provision(nats.url))
    quick = {f"{_PREFIX}{key.upper()}": value for key, value in _QUICK.items()}
    stack = Stack(nats, mongo, folder, database=f"test_{uuid.uuid4().hex}", variables=quick)
    try:
        yield stack
    finally:
        stack.close()
        asyncio.run(nats.close())
        shutil.rmtree(folder, ignore_errors=True)
        asyncio.run(provisioning.drop_database(mongo.url, stack.database))


@asynccontextmanager
async def stack(
    directory: Path,
    *,
    nats: NatsServer | None = None,
    mongo: MongoServer | None = None,
    adapters: Sequence[str] = identities.ADAPTERS,
    **environment: str,
) -> AsyncIterator[Stack]:
    """Real servers, the API and the projector; adapters are started with `Stack.start`.

    `nats` and `mongo` are servers that are not started yet, other than the usual; `adapters` are those that have users
    and streams; `environment` is added to every process's.
    """
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as exits:
        nats = await exits.enter_async_context(nats or NatsServer(adapters=adapters))
        mongo = await exits.enter_async_context(mongo or MongoServer())
        size = environment.get("MESHWRIGHT_STREAMS_GIB")
        await identities.provision(nats.url, adapters, gib=float(size) if size else None)
        parts = Stack(nats, mongo, directory, variables=environment)
        exits.push_async_callback(asyncio.to_thread, parts.close)
        exits.push_async_callback(parts.http.aclose)
        parts.start("meshwright-api", name="api")
        parts.start("meshwright-projector", name="projector")
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
        parts.start("meshwright-scheduler", name="scheduler")
        for number in range(workers):
            parts.start("meshwright-adapter", "example_adapter:example", name=f"worker-{number}", worker_ack_wait="2")
        await parts.adapter("example")
        answer = await parts.http.put("/v1/connections/local", json={"kind": "envoy-fleet"})
        answer.raise_for_status()
        yield parts
