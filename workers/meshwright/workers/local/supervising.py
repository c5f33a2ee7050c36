"""The supervisor: restarts the parts of a local stack that exited or hang.

Problem: a stack runs unattended; a part that is killed must be restarted, and one that cannot run must not be restarted
in a tight loop. Invariant: it touches a part only while no `up` or `down` is running, starts it exactly as the last
`up` did, and waits longer after each exit; its notes are in a file, for `status`.
"""

import asyncio
import contextlib
import datetime
import time
from dataclasses import dataclass, field

import msgspec

from meshwright.core.machine import processes
from meshwright.schemas.base import Model, Moment
from meshwright.workers.local.home import Home, LocalError
from meshwright.workers.local.parts import SUPERVISOR, Part
from meshwright.workers.local.running import LOG_LIMIT, LocalStack

EVERY = 0.5  # seconds between two checks
LOOK_DEEPER_EVERY = 4  # checks, of which one asks a running process for a restart reason
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between two starts of a part that exits again and again
RECORDED_WITHIN = 5.0  # seconds
STEADY_AFTER = 60.0  # seconds after which an exit counts as the first again


class Note(Model, frozen=True, kw_only=True):
    """The notes about one part. `deaths` are consecutive exits, each soon after the one before."""

    deaths: int
    last: Moment
    why: str
    next_try: Moment


@dataclass
class Supervisor:
    """Watches the parts of one stack. Run `keep`."""

    stack: LocalStack
    parts: list[Part]
    _notes: dict[str, Note] = field(default_factory=dict)
    _known: dict[str, processes.Record] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)

    async def keep(self) -> None:
        """Watch until cancelled, or until another supervisor has taken over or the stack's folder is gone."""
        looks = 0
        await self._put_in_charge()
        self._note()
        async with asyncio.TaskGroup() as tasks:
            while self._is_in_charge():
                looks += 1
                for part in self.parts:
                    if part.name not in self._busy and self._needs(part, deeply=looks % LOOK_DEEPER_EVERY == 0):
                        self._busy.add(part.name)
                        tasks.create_task(self._restart(part), name=part.name)
                await asyncio.sleep(EVERY)

    async def _put_in_charge(self) -> None:
        """Wait until the parent has recorded this process as the supervisor."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECORDED_WITHIN):
                while not self._is_in_charge():  # noqa: ASYNC110 - another process writes it, nothing signals
                    await asyncio.sleep(0.02)

    def _is_in_charge(self) -> bool:
        record = processes.read(self.stack.home.record(SUPERVISOR))
        return record is not None and record.pid == processes.here(SUPERVISOR).pid

    def _needs(self, part: Part, *, deeply: bool) -> bool:
        processes.trim(self.stack.home.log(part.name), limit=LOG_LIMIT)
        record = processes.read(self.stack.home.record(part.name))
        if record is not None and processes.alive(record):
            self._known[part.name] = record
            return deeply and bool(part.restart_reason(record))
        return time.monotonic() >= self._due.get(part.name, 0.0)

    async def _restart(self, part: Part) -> None:
        try:
            with self.stack.home.shared() as held:
                if not held:  # an `up` or `down` is running, which does what is needed
                    return
                self._count_death(part)
                began = await self.stack.begin(part)
            if began:
                await self.stack.until_ready(part)
                self.stack.output.part(part.name, f"running again  {part.where}".rstrip())
        except Exception as error:  # whatever a check raises: the other parts still need the supervisor
            words = str(error) if isinstance(error, LocalError) else repr(error)
            self.stack.output.part(part.name, words)
            self._tell(part, words)
        finally:
            self._busy.discard(part.name)

    def _count_death(self, part: Part) -> None:
        """Record the exit of a part, and when it may be started again after the next one."""
        known, note = self._known.get(part.name), self._notes.get(part.name)
        steady = known is not None and _seconds_since(known.started_at) > STEADY_AFTER
        deaths = note.deaths + 1 if note and not steady else 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(deaths - 1, 10))
        self._due[part.name] = time.monotonic() + pause
        why = (known and part.restart_reason(known)) or processes.tail(self.stack.home.log(part.name), 3)
        now = datetime.datetime.now(datetime.UTC)
        next_try = now + datetime.timedelta(seconds=pause)
        self._notes[part.name] = Note(deaths=deaths, last=now, why=why, next_try=next_try)
        self._note()

    def _tell(self, part: Part, why: str) -> None:
        if note := self._notes.get(part.name):
            self._notes[part.name] = msgspec.structs.replace(note, why=why)
            self._note()

    def _note(self) -> None:
        with contextlib.suppress(OSError):  # a full disk is no reason to stop watching
            processes.replace(self.stack.home.notes_file, msgspec.json.encode(self._notes))


def notes(home: Home) -> dict[str, Note]:
    """The supervisor's notes, by part."""
    try:
        return msgspec.json.decode(home.notes_file.read_bytes(), type=dict[str, Note])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def _seconds_since(moment: datetime.datetime) -> float:
    return (datetime.datetime.now(datetime.UTC) - moment).total_seconds()
