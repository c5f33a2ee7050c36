"""The composition root of the projector: settings, bus, store, lease.

Invariant: of several projectors one is active and the others stand by; late writes of a former one are refused by the
sequence guards. SIGTERM and SIGINT end it between two batches.
"""

import argparse
import asyncio
import logging
import sys

import uvloop

from meshwright.core import bus as mwbus
from meshwright.core import ending, settings, store
from meshwright.core.bus.kv import leases
from meshwright.core.security import mongodb_users
from meshwright.core.store import identity
from meshwright.core.store.waiting import until_available
from meshwright.core.telemetry import endpoint, tracing
from meshwright.core.telemetry import logging as mwlogging
from meshwright.workers import running
from meshwright.workers.projector import rebuilding, renewing
from meshwright.workers.projector.batches import Tally
from meshwright.workers.projector.projection import beat, project

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
        help="run (default): project until stopped; rebuild: build all views beside the live ones, then swap",
    )
    action = parser.parse_args().action
    try:
        chosen = settings.load(settings.Settings)
    except settings.InvalidSettings as error:
        sys.exit(f"meshwright-projector: {error}")
    mwlogging.configure(chosen.log_level, chosen.log_format)
    running.tune_garbage_collector()
    try:
        with running.one_line_errors("meshwright-projector"):
            uvloop.run(_rebuild(chosen) if action == "rebuild" else _run(chosen))
    except ExceptionGroup as group:
        reason = ending.first_error(group)
        if not isinstance(reason, store.NotAdmissible):
            raise
        sys.exit(f"meshwright-projector: {reason}")
    except (mwbus.BusUnavailable, mwbus.Rewound, store.StoreError, mongodb_users.InvalidCredentials) as error:
        sys.exit(f"meshwright-projector: {error}")


async def _run(chosen: settings.Settings) -> None:
    """Raises BusUnavailable when NATS does not answer at the start."""
    async with (
        mwbus.join(chosen, "projector") as connection,
        store.join(chosen, timeout=_DATABASE_TIMEOUT, retry=False) as database,
    ):
        await _admit(connection, database, chosen)
        tally = Tally()
        async with endpoint.observed("meshwright-projector", _VERSION, tally.registry, chosen.metrics_listen):
            await running.until_signalled(
                lambda: leases.hold(connection, LEASE, running.instance(), lambda: _work(connection, database, tally))
            )
    log.info("the projector has stopped")


async def _admit(connection: mwbus.Connection, database: store.Database, chosen: settings.Settings) -> None:
    """Raises NotAdmissible when that database must not be written to; waits for it. Raises BusUnavailable."""
    installation = await connection.installation()
    await until_available(store.refuse_open_server, chosen)
    await until_available(identity.claim, database, installation)


async def _work(connection: mwbus.Connection, database: store.Database, tally: Tally) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(project(connection, database, tally, traced=tracing.is_exporting()))
        group.create_task(renewing.renew(connection, database))
        group.create_task(beat(database, await connection.installation()))


async def _rebuild(chosen: settings.Settings) -> None:
    rebuilt = rebuilding.Rebuilt()
    async with (
        mwbus.join(chosen, "projector-rebuild") as connection,
        store.join(chosen, timeout=_DATABASE_TIMEOUT, retry=False) as database,
    ):
        await _admit(connection, database, chosen)
        await running.until_signalled(
            lambda: leases.hold(
                connection,
                rebuilding.LEASE,
                running.instance(),
                lambda: rebuilding.rebuild(connection, database, rebuilt),
            )
        )
    log.info("rebuilt generation %d from %d messages", rebuilt.generation, rebuilt.messages)
