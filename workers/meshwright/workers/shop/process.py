"""The process `meshwright-shop LAYOUT`: all workloads of the shop, and a client that visits it continuously.

Invariant: the load is low and steady; while the mesh is slow, visits are skipped instead of queued.
"""

import argparse
import asyncio
import itertools
import os
import random
import signal
import sys
from pathlib import Path

import httpx
import msgspec

from meshwright.core import ending
from meshwright.workers.shop import catalog, serving
from meshwright.workers.shop.handling import Handler

USERS = ("ada", "grace", "edsger", "barbara")
VISITS_AT_ONCE = 16
CHECKOUT_SHARE = 0.2
CALL_WITHIN = 15.0  # seconds; longer than any delay that a user would inject


def main() -> None:
    """Run the shop until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="meshwright-shop", description="The demo shop behind the sidecars.")
    parser.add_argument("layout", type=Path, help="JSON file with each workload's ports; read again on change")
    arguments = parser.parse_args()
    try:
        layout = catalog.LayoutFile(arguments.layout)
    except (OSError, msgspec.DecodeError) as error:
        sys.exit(f"error: {arguments.layout} is not a layout of the shop: {error}")
    asyncio.run(_run(layout))


async def _run(layout: catalog.LayoutFile) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    async with (
        httpx.AsyncClient(limits=limits, timeout=CALL_WITHIN, trust_env=False) as client,
        asyncio.TaskGroup() as tasks,
    ):
        keepers = {trade.name: Handler(trade, layout, client) for trade in catalog.KEEPERS}
        running = [
            tasks.create_task(serving.serve(layout.now().places[name].port, keeper.handle), name=name)
            for name, keeper in keepers.items()
        ]
        running.append(tasks.create_task(_shop(keepers[catalog.SHOPPER.name]), name="visits"))
        await stopped.wait()
        await ending.end(*running)


async def _shop(shopper: Handler) -> None:
    """Visit the front again and again, at the layout's rate."""
    free = asyncio.Semaphore(VISITS_AT_ONCE)
    async with asyncio.TaskGroup() as visits:
        for number in itertools.count():
            await asyncio.sleep(1 / max(0.01, shopper.layout.now().requests_per_second))
            enrolled = shopper.layout.now().places[shopper.trade.name].outbound is not None
            if enrolled and not free.locked():
                await free.acquire()
                visit = visits.create_task(_visit(shopper, USERS[number % len(USERS)]))
                visit.add_done_callback(lambda _: free.release())


async def _visit(shopper: Handler, user: str) -> None:
    path = "/checkout" if random.random() < CHECKOUT_SHARE else "/"  # noqa: S311 - not a secret
    await shopper.ask("front", path, {"x-user": user, "x-request-id": os.urandom(8).hex()})
