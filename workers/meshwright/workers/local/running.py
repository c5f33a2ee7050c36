"""Starting, joining and stopping the processes of a local stack.

Invariant: a process is joined only when it is the recorded one and was started with the same settings; it is ready only
when it holds its port itself, so no secret is sent to another process that was there first; stopping ends with a search
of all processes of the host for the stack's marker, which verifies that nothing is left.
"""

import asyncio
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from meshwright.core.machine import listeners, processes
from meshwright.workers.local.home import HOST, Home, LocalError
from meshwright.workers.local.output import Output
from meshwright.workers.local.parts import SUPERVISOR, Part

READY_WITHIN = 60.0
LOG_LIMIT = 8 * 1024 * 1024
SERVERS = ("nats-server", "mongod")  # stopped last: the others need them to shut down
PART = "MESHWRIGHT_PART"
"""environment variable with the part's name: identifies a part that was started and not yet recorded when `up` was
killed"""
OF_THE_STACK = ("MESHWRIGHT_", "OTEL_")
"""variables that a part has from the plan alone, not from the process that starts it"""
PATIENCE = 3.0  # seconds without output before the user is told what is waited for


class PortTaken(LocalError):
    """Another process listens on the part's port."""

    def __init__(self, part: Part, holder: str) -> None:
        super().__init__(f"{part.name} cannot listen on {HOST}:{part.port}, which {holder} holds.")
        self.part = part


@dataclass(frozen=True)
class LocalStack:
    """The processes of one stack."""

    home: Home
    output: Output

    def running(self) -> dict[str, processes.Record]:
        """Recorded processes that are alive, by part."""
        records = {}
        for path in sorted((self.home.directory / "run").glob("*.json")):
            record = processes.read(path)
            if record is not None and processes.alive(record):
                records[record.name] = record
        return records

    async def start(self, part: Part) -> bool:
        """Join the part, or start it; returns when it is ready, with whether it was started now.

        Raises LocalError with the end of its log when it exits or is not ready in time, PortTaken when another process
        has its port.
        """
        began = await self.begin(part)
        await self.until_ready(part)
        how = "joined" if not began else "ready" if part.ready else "started"
        record = processes.read(self.home.record(part.name))
        self.output.part(part.name, f"{how} (pid {record.pid if record else 0})  {part.where}".rstrip())
        return began

    async def begin(self, part: Part) -> bool:
        """Start the process unless it runs as it should; returns whether it was started now.

        Raises as `start` does, does not wait.
        """
        record = processes.read(self.home.record(part.name))
        if record is not None and processes.alive(record):
            why = "was started with other settings; restarting it" if record.digest != part.digest else ""
            if not (why := why or part.restart_reason(record)):
                return False
            self.output.part(part.name, why)
            await processes.stop(record, grace=part.grace)
        elif record is not None:
            self.output.part(part.name, "had exited; starting it again")
        await self._end_strays(part)
        self._refuse_strangers(part)
        await part.before()
        processes.write(self.home.record(part.name), self._spawn(part))
        return True

    async def _end_strays(self, part: Part) -> None:
        marked = processes.matching("environ", f"{PART}={part.name}")
        pids = {one.pid for one in processes.matching("environ", self.home.marker)}
        strays = [one for one in marked if one.pid in pids]
        await asyncio.gather(*(processes.stop(one, grace=part.grace) for one in strays))

    def _refuse_strangers(self, part: Part, *own: processes.Record) -> None:
        if part.port is not None and (holder := listeners.held_by(part.port, besides=own)):
            raise PortTaken(part, holder)

    async def start_all(self, parts: Iterable[Part]) -> bool:
        """Start parts concurrently; true when any was started now. Raises LocalError for the first that fails."""
        try:
            async with asyncio.TaskGroup() as tasks:
                started = [tasks.create_task(self.start(part)) for part in parts]
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return any(task.result() for task in started)

    def _spawn(self, part: Part) -> processes.Record:
        log = self.home.log(part.name)
        processes.trim(log, limit=LOG_LIMIT)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_STACK)}
        marker, _, value = self.home.marker.partition("=")
        environment = {**inherited, **part.settings, marker: value, PART: part.name}
        try:
            return processes.spawn(part.name, part.command, log=log, environment=environment, digest=part.digest)
        except FileNotFoundError as error:
            raise LocalError(f"{part.command[0]} does not exist: run `make install` again") from error
        except (OSError, processes.DiedAtOnceError) as error:
            raise LocalError(f"{part.name} could not be started: {error}") from error

    async def until_ready(self, part: Part) -> None:
        """Wait for a part that was begun; raises as `start` does."""
        deadline, spoke = time.monotonic() + READY_WITHIN, time.monotonic()
        while True:
            record = self._alive(part)
            if self._is_at_its_port(part, record) and (part.ready is None or await part.ready()):
                return
            if time.monotonic() > deadline:
                text = f"{part.name} was not ready within {READY_WITHIN:.0f} s"
                raise LocalError(f"{text}.\n{self._log_end(part.name)}")
            if time.monotonic() - spoke > PATIENCE:
                spoke = time.monotonic()
                self.output.part(part.name, "still starting")
            await asyncio.sleep(0.05)

    def _is_at_its_port(self, part: Part, record: processes.Record) -> bool:
        if part.port is None or listeners.holds(record, part.port):
            return True
        self._refuse_strangers(part, record)
        return False

    def _alive(self, part: Part) -> processes.Record:
        record = processes.read(self.home.record(part.name))
        if record is not None and processes.alive(record):
            return record
        self._refuse_strangers(part)  # the port is the reason why it exited
        raise LocalError(f"{part.name} exited by itself.\n{self._log_end(part.name)}")

    def check(self, parts: Iterable[Part]) -> None:
        """Raises LocalError, with the end of its log, when one of the parts is not running."""
        for part in parts:
            self._alive(part)

    def _log_end(self, name: str) -> str:
        log = self.home.log(name)
        return f"{log} ends with:\n{processes.tail(log, 12)}"

    async def dismiss_supervisor(self) -> None:
        """Stop the supervisor; one in the foreground stops the whole stack itself."""
        supervisor = self.running().get(SUPERVISOR)
        if supervisor is not None and supervisor.pid != os.getpid():
            await processes.stop(supervisor, grace=60.0)

    async def stop(self) -> int:
        """Stop everything, servers last; returns how many processes ended.

        Raises LocalError when one cannot be ended.
        """
        recorded = self.running()
        recorded.pop(SUPERVISOR, None)
        servers = [recorded.pop(name) for name in SERVERS if name in recorded]
        count = len(recorded) + len(servers)
        await self._end(recorded.values(), 10.0)
        # sidecars outlive the processes that started them
        kept = {server.pid for server in servers}
        children = [one for one in processes.matching("environ", self.home.marker) if one.pid not in kept]
        await self._end(children, 5.0, quietly=True)
        if children:
            self.output.part("sidecars", f"{len(children)} stopped")
        await self._end(servers, 20.0)
        left = processes.matching("environ", self.home.marker)
        if left:
            names = ", ".join(f"{one.name} (pid {one.pid})" for one in left)
            raise LocalError(f"still running after everything was stopped: {names}")
        for path in (self.home.directory / "run").glob("*.json"):
            path.unlink(missing_ok=True)
        return count + len(children)

    async def _end(self, records: Iterable[processes.Record], grace: float, *, quietly: bool = False) -> None:
        async def end(record: processes.Record) -> None:
            gently = await processes.stop(record, grace=grace)
            if not quietly:
                self.output.part(record.name, "stopped" if gently else f"killed: did not exit within {grace:.0f} s")

        await asyncio.gather(*(end(record) for record in records))
