"""All webhooks: one runner for each that is enabled, in its newest version.

Invariant: the runner of an older version has ended before that of a newer one starts; a runner that fails is restarted,
without affecting others.
"""

import asyncio
import logging

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.schemas import catalog, subjects
from meshwright.schemas.webhooks import WebhookWritten
from meshwright.workers.notifier import memory
from meshwright.workers.notifier.backoff import Schedule
from meshwright.workers.notifier.memory import Memory
from meshwright.workers.notifier.posting import Poster
from meshwright.workers.notifier.runner import Runner

log = logging.getLogger(__name__)
_RESTART_S = 1.0
"""seconds until a runner that failed is restarted"""


class Subscriptions:
    """Follows STATE and starts and stops the runners."""

    def __init__(self, bus: mwbus.Connection, poster: Poster, schedule: Schedule) -> None:
        self._bus = bus
        self._poster = poster
        self._schedule = schedule
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Run the webhooks until cancelled. Raises BusUnavailable when the bucket cannot be opened."""
        while True:
            self._bucket = await mwbus.open_bucket(self._bus, memory.BUCKET)
            try:
                await self._follow()
            except* mwbus.Rewound as errors:
                log.error("%s: starting again from the webhooks that it holds", ending.first_error(errors))
                self._tasks.clear()

    async def _follow(self) -> None:
        """Follow STATE. Raises Rewound, in a group, when all runners have ended."""
        subject = subjects.fill(subjects.STATE, kind="webhook")
        async with asyncio.TaskGroup() as group:
            async for batch in mwbus.tail(self._bus, subjects.STATE.stream, subject=subject, newest=True):
                for received in batch:
                    self._changed(group, received)

    def _changed(self, group: asyncio.TaskGroup, received: mwbus.Received) -> None:
        tokens = subjects.parse(subjects.STATE, received.subject)
        place = (tokens["workspace"], tokens["id"])
        before = self._tasks.get(place)
        task = group.create_task(self._replace(before, place, received))
        self._tasks[place] = task
        task.add_done_callback(lambda ended: self._tasks.pop(place) if self._tasks.get(place) is ended else None)

    async def _replace(
        self, before: "asyncio.Task[None] | None", place: tuple[str, str], received: mwbus.Received
    ) -> None:
        """End the runner of the version before, then start this one."""
        if before is not None:
            await _end(before)
        try:
            written = received.message()
        except catalog.UndecodableMessage as error:
            log.error("webhook %s/%s cannot be read: %s", *place, error)
            return
        if not isinstance(written, WebhookWritten):
            await Memory(self._bucket, *place).forget()
        elif written.document.enabled:
            await self._keep(place, written, received.seq)

    async def _keep(self, place: tuple[str, str], written: WebhookWritten, version: int) -> None:
        workspace = place[0]
        while True:
            kept = Memory(self._bucket, *place)
            runner = Runner(self._bus, kept, self._poster, self._schedule, workspace, written, version)
            try:
                await runner.run()
            except* (mwbus.BusUnavailable, memory.Superseded) as errors:
                log.warning("webhook %s/%s is restarted: %s", *place, errors.exceptions)
            except* Exception:
                log.exception("webhook %s/%s failed and is restarted", *place)
            await asyncio.sleep(_RESTART_S)


async def _end(task: "asyncio.Task[None]") -> None:
    """End it, also when a third version cancels the task that was ending the first one for the second."""
    was_cancelled = False
    while not task.done():
        try:
            await ending.end(task)
        except asyncio.CancelledError:
            was_cancelled = True
    if was_cancelled:
        raise asyncio.CancelledError
