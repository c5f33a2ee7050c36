"""The composition root of the scheduler: settings, bus, lease, its four tasks.

Invariant: of several schedulers one is active and the others stand by; two at once would still publish everything once,
because their events have the same ids. SIGTERM and SIGINT end it.
"""

import argparse
import asyncio
import logging
import sys

import uvloop

from meshwright.core import bus as mwbus
from meshwright.core import settings
from meshwright.core.bus.kv import leases, presence
from meshwright.core.bus.stream import copying
from meshwright.core.telemetry import endpoint
from meshwright.core.telemetry import logging as mwlogging
from meshwright.core.telemetry.metrics import Registry
from meshwright.schemas import subjects
from meshwright.workers import running
from meshwright.workers.scheduler import dead_letters
from meshwright.workers.scheduler.adapter_presence import AdapterPresence
from meshwright.workers.scheduler.deadlines import Deadlines

log = logging.getLogger(__name__)
LEASE = "scheduler"
_VERSION = "0.1.0"


def main() -> None:
    """Run `meshwright-scheduler`."""
    argparse.ArgumentParser(
        prog="meshwright-scheduler", description="Watch deadlines, dead letters and the presence of adapters."
    ).parse_args()
    try:
        chosen = settings.load(settings.Settings)
    except settings.InvalidSettings as error:
        sys.exit(f"meshwright-scheduler: {error}")
    mwlogging.configure(chosen.log_level, chosen.log_format)
    running.tune_garbage_collector()
    try:
        with running.one_line_errors("meshwright-scheduler"):
            uvloop.run(_run(chosen))
    except mwbus.BusUnavailable as error:
        sys.exit(f"meshwright-scheduler: {error}")


async def _run(chosen: settings.Settings) -> None:
    """Raises BusUnavailable when NATS does not answer at the start."""
    registry = Registry()
    async with (
        mwbus.join(chosen, "scheduler") as bus,
        endpoint.observed("meshwright-scheduler", _VERSION, registry, chosen.metrics_listen),
    ):
        bus.publisher.count_in(registry)
        await running.until_signalled(lambda: leases.hold(bus, LEASE, running.instance(), lambda: watch(bus)))
    log.info("the scheduler has stopped")


async def watch(bus: mwbus.Connection) -> None:
    """Do the scheduler's work until cancelled. Raises BusUnavailable when the buckets cannot be opened."""
    memory = await mwbus.open_bucket(bus, subjects.SCHEDULED.name)
    present = await presence.open_presence(bus)
    async with asyncio.TaskGroup() as group:
        group.create_task(copying.maintain_copies(bus))
        group.create_task(Deadlines(bus, memory).run())
        group.create_task(dead_letters.run(bus))
        group.create_task(AdapterPresence(bus, present, memory).run())
