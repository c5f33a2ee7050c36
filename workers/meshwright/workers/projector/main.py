"""The composition root of the projector: settings, bus, store, lease.

Invariant: of several projectors one works and the others stand by; what a former one still writes is refused by
the sequence guards. SIGTERM and SIGINT end it between two batches.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable

import uvloop

from meshwright.core import bus as mwbus
from meshwright.core import ids, settings, store
from meshwright.core.bus import leases
from meshwright.core.telemetry import logging as mwlogging
from meshwright.core.telemetry import tracing
from meshwright.workers.projector import rebuilding
from meshwright.workers.projector.projection import project

log = logging.getLogger(__name__)
LEASE = "projector"
_VERSION = "0.1.0"
_DATABASE_TIMEOUT = 10.0


def main() -> None:
    """Run `meshwright-projector` or `meshwright-projector rebuild`."""
    parser = argparse.ArgumentParser(prog="meshwright-projector", description="Fold the streams into the views.")
    parser.add_argument(
        "action",
        nargs="?",
        choices=["run", "rebuild"],
        default="run",
        help="run (default): project for ever; rebuild: build all views anew beside the live ones and swap",
    )
    action = parser.parse_args().action
    try:
        chosen = settings.load(settings.Settings)
    except settings.InvalidSettings as error:
        sys.exit(f"meshwright-projector: {error}")
    mwlogging.configure(chosen.log_level, chosen.log_format)
    try:
        uvloop.run(_rebuild(chosen) if action == "rebuild" else _run(chosen))
    except (mwbus.BusUnavailable, store.StoreUnavailable) as error:
        sys.exit(f"meshwright-projector: {error}")


async def _run(chosen: settings.Settings) -> None:
    """Raises BusUnavailable when NATS does not answer at the start."""
    async with (
        mwbus.connect(chosen.nats_url, "projector", replicas=chosen.replicas) as connection,
        store.connect(chosen.mongodb_url, chosen.mongodb_database, timeout=_DATABASE_TIMEOUT) as database,
    ):
        with tracing.exporting("meshwright-projector", _VERSION):
            traced = tracing.is_exporting()
            await until_told(
                lambda: leases.hold(connection, LEASE, _holder(), lambda: project(connection, database, traced=traced))
            )
    log.info("the projector has stopped")


async def _rebuild(chosen: settings.Settings) -> None:
    rebuilt = rebuilding.Rebuilt()
    async with (
        mwbus.connect(chosen.nats_url, "projector-rebuild", replicas=chosen.replicas) as connection,
        store.connect(chosen.mongodb_url, chosen.mongodb_database, timeout=_DATABASE_TIMEOUT) as database,
    ):
        await until_told(
            lambda: leases.hold(
                connection,
                rebuilding.LEASE,
                _holder(),
                lambda: rebuilding.rebuild(connection, database, rebuilt),
            )
        )
    log.info("rebuilt generation %d from %d messages", rebuilt.generation, rebuilt.messages)


def _holder() -> str:
    return f"{socket.gethostname().split('.')[0][:40]}-{os.getpid()}-{ids.fresh()[-6:]}"


async def until_told(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until it ends by itself or SIGTERM or SIGINT arrives."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    working = asyncio.ensure_future(work())
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, told):
        if not task.done():
            task.cancel()
    await asyncio.wait({working, told})
    if not working.cancelled():
        working.result()
