"""Whether all readers of a stream still make progress, and how soon.

Problem: a stuck reader looks like an idle one. Invariant: each reader is given work that no other can do for it, and
the time until it is done is measured.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.testing.eventually import NeverHappenedError, eventually
from meshwright.core.testing.sending import Sender
from meshwright.schemas import subjects
from meshwright.schemas.operations import Arguments
from rig.load.listening import Listener


class Readers:
    """All readers of a stream, each observed by its own work."""

    def __init__(self, bus: mwbus.Connection, views: store.Views, listener: Listener, task: Arguments) -> None:
        """`task` is what the worker of the example adapter is given to do."""
        self._bus = bus
        self._views = views
        self._listener = listener
        self._task = task
        self.longest: dict[str, float] = {}

    async def all_move(self) -> None:
        """Give each something to do and note how long it takes from now."""
        begin = time.monotonic()
        example, absent = Sender(self._bus, "example"), Sender(self._bus, "absent")
        done, late = await asyncio.gather(example.ask(self._task, seconds=60), absent.ask(self._task, seconds=-1))
        looks: dict[str, Callable[[], Awaitable[object]]] = {
            "worker": functools.partial(self._ended, "example", done),
            "scheduler": functools.partial(self._ended, "scheduler", late),
            "projector": functools.partial(self._visible, done),
            "api": functools.partial(self._streamed, done),
        }

        async def until(name: str, look: Callable[[], Awaitable[object]]) -> None:
            try:
                await eventually(look)
            except NeverHappenedError as error:
                copied = [await self._copied(operation) for operation in (done, late)]
                raise AssertionError(f"the {name} did not move; copies of the commands in EVENTS: {copied}") from error
            self.longest[name] = max(self.longest.get(name, 0.0), time.monotonic() - begin)

        async with asyncio.TaskGroup() as group:
            for name, look in looks.items():
                group.create_task(until(name, look))

    @property
    def told(self) -> str:
        """The longest time of each, for people."""
        return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in sorted(self.longest.items()))

    async def _ended(self, origin: str, operation: str) -> object:
        subject = subjects.fill(subjects.EVENTS, workspace="default", origin=origin, entity="operation", id=operation)
        message = await self._bus.last(subjects.EVENTS.stream, subject)
        return message is not None and message.type.split(".")[-2] in ("succeeded", "timed_out")

    async def _copied(self, operation: str) -> bool:
        subject = subjects.fill(
            subjects.EVENTS, workspace="default", origin="commands", entity="operation", id=operation
        )
        return await self._bus.last(subjects.EVENTS.stream, subject) is not None

    async def _visible(self, operation: str) -> object:
        stored = await self._views.get(store.kinds.OPERATIONS, "default", operation)
        return stored is not None and stored.document.done

    async def _streamed(self, operation: str) -> object:
        frames = self._listener.frames[-2000:]
        return any(data["entity_id"] == operation and "succeeded" in data["type"] for _, _, data in frames)
