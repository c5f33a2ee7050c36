"""Starting, joining, healing and stopping the processes of a local stack.

Invariant: a process is joined only when it is the recorded one and was started with the same settings; stopping
ends with a look at every process of the machine for the stack's marker, so that "nothing is left" is observed.
"""

import asyncio
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from meshwright.core import processes
from meshwright.workers.local.home import Home, LocalError
from meshwright.workers.local.parts import Part
from meshwright.workers.local.talk import Talk

READY_WITHIN = 60.0
LOG_LIMIT = 8 * 1024 * 1024
SERVERS = ("nats-server", "mongod")  # stopped last: the others say goodbye on them
LAUNCHER = "launcher"  # `up` in the foreground, which stops everything itself when it is asked to
PATIENCE = 3.0  # seconds without a word before a person is told what is waited for


@dataclass(frozen=True)
class Stack:
    """The processes under one home."""

    home: Home
    talk: Talk

    def running(self) -> dict[str, processes.Record]:
        """Recorded processes that are alive, by part."""
        found = {}
        for path in sorted((self.home.directory / "run").glob("*.json")):
            record = processes.read(path)
            if record is not None and processes.alive(record):
                found[record.name] = record
        return found

    async def start(self, part: Part) -> bool:
        """Join the part, or start it; returns when it is ready, with whether it was started now.

        Raises LocalError with the end of its log when it dies or is not ready in time.
        """
        record = processes.read(self.home.record(part.name))
        lives = record is not None and processes.alive(record)
        if record is not None and lives and record.digest != part.digest:
            self.talk.part(part.name, "was started with other settings: restarting it")
            await processes.stop(record, grace=part.grace)
            lives = False
        if record is None or not lives:
            record = self._spawn(part, again=record is not None)
        await self._until_ready(part)
        how = "joined" if lives else "ready" if part.ready else "started"
        self.talk.part(part.name, f"{how} (pid {record.pid})  {part.where}".rstrip())
        return not lives

    async def start_all(self, parts: Iterable[Part]) -> bool:
        """Start parts side by side; true when any was started now. Raises LocalError for the first that fails."""
        try:
            async with asyncio.TaskGroup() as tasks:
                started = [tasks.create_task(self.start(part)) for part in parts]
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return any(task.result() for task in started)

    def _spawn(self, part: Part, *, again: bool) -> processes.Record:
        log = self.home.log(part.name)
        processes.trim(log, limit=LOG_LIMIT)
        marker, _, value = self.home.marker.partition("=")
        environment = {**os.environ, **part.settings, marker: value}
        try:
            record = processes.spawn(part.name, part.command, log=log, environment=environment, digest=part.digest)
        except FileNotFoundError as error:
            raise LocalError(f"{part.command[0]} is not there: run `make install` again") from error
        except (OSError, processes.DiedAtOnceError) as error:
            raise LocalError(f"{part.name} could not be started: {error}") from error
        processes.write(self.home.record(part.name), record)
        if again:
            self.talk.part(part.name, "had ended: starting it again")
        return record

    async def _until_ready(self, part: Part) -> None:
        deadline, spoke = time.monotonic() + READY_WITHIN, time.monotonic()
        while True:
            self.check([part])
            if part.ready is None or await part.ready():
                return
            if time.monotonic() > deadline:
                text = f"{part.name} was not ready within {READY_WITHIN:.0f} s"
                raise LocalError(f"{text}.\n{self._log_end(part.name)}")
            if time.monotonic() - spoke > PATIENCE:
                spoke = time.monotonic()
                self.talk.part(part.name, "still starting")
            await asyncio.sleep(0.05)

    def check(self, parts: Iterable[Part]) -> None:
        """Raises LocalError, with the end of its log, when one of the parts is not running."""
        for part in parts:
            record = processes.read(self.home.record(part.name))
            if record is None or not processes.alive(record):
                raise LocalError(f"{part.name} ended by itself.\n{self._log_end(part.name)}")

    def _log_end(self, name: str) -> str:
        log = self.home.log(name)
        return f"{log} ends with:\n{processes.tail(log, 12)}"

    async def dismiss_launcher(self) -> None:
        """End an `up` that watches in the foreground: it would restart what is stopped."""
        launcher = self.running().get(LAUNCHER)
        if launcher is not None and launcher.pid != os.getpid():
            await processes.stop(launcher, grace=60.0)

    async def stop(self) -> int:
        """Stop everything, servers last; how many processes ended. Raises LocalError when one cannot be ended."""
        recorded = self.running()
        recorded.pop(LAUNCHER, None)
        servers = [recorded.pop(name) for name in SERVERS if name in recorded]
        count = len(recorded) + len(servers)
        await self._end(recorded.values(), 10.0)
        # What the processes started and left running on purpose: the sidecars.
        kept = {server.pid for server in servers}
        children = [one for one in processes.found("environ", self.home.marker) if one.pid not in kept]
        await self._end(children, 5.0, quietly=True)
        if children:
            self.talk.part("sidecars", f"{len(children)} stopped")
        await self._end(servers, 20.0)
        left = processes.found("environ", self.home.marker)
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
                self.talk.part(record.name, "stopped" if gently else f"killed: did not end in {grace:.0f} s")

        await asyncio.gather(*(end(record) for record in records))

    async def keep(self, parts: list[Part]) -> None:
        """Restart what dies, until cancelled; each part again after at most 30 s."""
        pauses = {part.name: 0.5 for part in parts}
        due = {part.name: 0.0 for part in parts}
        while True:
            await asyncio.sleep(0.5)
            for part in parts:
                processes.trim(self.home.log(part.name), limit=LOG_LIMIT)
                record, now = processes.read(self.home.record(part.name)), time.monotonic()
                if (record is not None and processes.alive(record)) or now < due[part.name]:
                    continue
                due[part.name] = now + pauses[part.name]
                pauses[part.name] = min(30.0, pauses[part.name] * 2)
                try:
                    await self.start(part)
                except LocalError as error:
                    self.talk.part(part.name, str(error))
