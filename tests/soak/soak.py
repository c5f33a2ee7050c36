"""Hours of mixed load on a whole Meshwright: what grows, what complains, what gets lost.

Problem: a leak of a few kilobytes an hour or a warning once a day shows in no test that lasts a minute. Invariant: the
figures are taken from outside of the processes; status 1 when anything acknowledged is missing, stored or ended twice,
or when a process warned of something that the load does not explain.

Use: `make soak MINUTES=60`.
"""

import argparse
import asyncio
import collections
import itertools
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.testing.eventually import eventually
from rig.load.ledgers import Balance, Ledger, consumers
from rig.stack.people import Person
from rig.stack.projections import rebuilt_differences
from rig.stack.stack import TOKEN, Stack, working

SAMPLE_S = 5.0
RESTART_S = 30.0
"""seconds between two ends of the second worker, by kill -9 and by SIGTERM in turn"""
LISTENERS = 5
DESIGNS = 200
MIB = 2**20
MORTAL = "worker-1"
EXPLAINED = (
    re.compile(r"was taken over by another worker"),  # a command of the killed worker, seen by both
)
_VARYING = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{24,}|\d+(\.\d+)?")


class Soak:
    """The load, and what was seen during it."""

    def __init__(self, parts: Stack, bus: mwbus.Connection) -> None:
        self.parts = parts
        self.bus = bus
        self.admin = Person(parts.http, TOKEN, "default")
        self.ledger = Ledger()
        self.events_seen = 0
        self.events_out_of_order = 0
        self.restarts = 0
        self.kept = ""
        self.sizes: dict[str, list[tuple[float, float]]] = collections.defaultdict(list)

    async def write_designs(self) -> None:
        """Designs, written again and again, some deleted; so many that none has more versions than the stream keeps."""
        for number in itertools.count():
            path, body = f"/v1/designs/d{number % DESIGNS}", {"description": f"version {number}"}
            if number >= DESIGNS and number % 50 == 49:
                await self.ledger.timed(self.admin, "DELETE", path, if_match="*")
            elif (await self.ledger.timed(self.admin, "GET", path))[0] == 404:
                await self.ledger.timed(self.admin, "PUT", path, body)
            else:
                await self.ledger.timed(self.admin, "PUT", path, body, if_match="*")
            await asyncio.sleep(0.25)

    async def read(self) -> None:
        """What a dashboard reads."""
        for path in itertools.cycle(("operations", "connections", "designs", "adapters", "events", "workloads")):
            await self.ledger.timed(self.admin, "GET", f"/v1/{path}")
            await asyncio.sleep(0.1)

    async def listen(self) -> None:
        """One client of the event stream, which counts and forgets."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/event-stream"}
        last = 0
        async with httpx.AsyncClient(base_url=str(self.parts.http.base_url), timeout=30) as client:
            while True:
                resume = {"Last-Event-ID": str(last)} if last else {}
                try:
                    async with client.stream("GET", "/v1/events", headers=headers | resume) as response:
                        async for line in response.aiter_lines():
                            if line.startswith("id:"):
                                seq = int(line[3:])
                                self.events_seen += 1
                                self.events_out_of_order += seq <= last
                                last = seq
                except httpx.TransportError:
                    await asyncio.sleep(0.2)

    async def restart_worker(self) -> None:
        """End the second worker now and then, and start it again."""
        for number in itertools.cycle((signal.SIGKILL, signal.SIGTERM)):
            await asyncio.sleep(RESTART_S)
            worker = self.parts.processes[MORTAL]
            await worker.end(number)
            worker.start()
            self.restarts += 1

    async def measure(self) -> None:
        """Sizes of all processes that live through the whole run."""
        lasting = {name: one.pid for name, one in self.parts.processes.items() if name != MORTAL}
        watched = lasting | {"nats-server": self.parts.nats.pid, "mongod": self.parts.mongo.pid}
        while True:
            now = time.monotonic()
            for name, pid in watched.items():
                self.sizes[name].append((now, psutil.Process(pid).memory_info().rss / MIB))
            await asyncio.sleep(SAMPLE_S)

    async def count_kept(self) -> None:
        """What nats-server's memory grows with: it has each stored message and its subject in an index."""
        states = {str(info.config.name): info.state for info in await self.bus.js.streams_info()}
        self.kept = ", ".join(f"{name} {state.messages}" for name, state in states.items() if state.messages)

    async def run(self, seconds: float) -> None:
        """All of it for so long."""
        load = [
            *(self.ledger.publish_on(self.bus, f"w{number}", 0.1) for number in range(4)),
            *(self.ledger.ask_on(self.admin, pause=0.1) for _ in range(2)),
            *(self.listen() for _ in range(LISTENERS)),
            self.write_designs(),
            self.read(),
            self.restart_worker(),
            self.measure(),
        ]
        tasks = [asyncio.create_task(one) for one in load]
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        await ending.end(*tasks)
        for task in done:
            task.result()  # none ends by itself


def slope(sizes: list[tuple[float, float]]) -> float:
    """MiB per hour by least squares, the first third left out: caches fill then."""
    points = sizes[len(sizes) // 3 :]
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def complaints(parts: Stack) -> collections.Counter[str]:
    """Warnings and errors of all processes by their text, without what differs each time; tracebacks too."""
    result: collections.Counter[str] = collections.Counter()
    for name, process in parts.processes.items():
        for line in process.log.read_text().splitlines():
            words = line.split(maxsplit=2)
            if (len(words) > 2 and words[1] in ("WARNING", "ERROR", "CRITICAL")) or line.startswith("Traceback"):
                result[f"{name}: {_VARYING.sub('#', line.split(maxsplit=1)[-1])}"] += 1
    return result


def report(soak: Soak, balance: Balance, differences: list[str], counts: tuple[int, int], minutes: float) -> bool:
    """Print the figures; whether all is well."""
    ledger, say = soak.ledger, sys.stdout.write
    say(f"\nsoak of {minutes:g} min\n  {'PROCESS':14} {'MiB AFTER EACH SIXTH':>36} {'SLOPE':>13}\n")
    for name, sizes in soak.sizes.items():
        sixths = " ".join(f"{sizes[(len(sizes) - 1) * part // 6][1]:5.0f}" for part in range(1, 7))
        say(f"  {name:14} {sixths:>36} {slope(sizes):+7.1f} MiB/h\n")
    say(f"  messages kept by nats-server at the end: {soak.kept}\n")
    say(f"  consumers in nats-server: {counts[0]} at the start, {counts[1]} at the end\n")
    ended = len(ledger.operations) - balance.open
    say(f"  operations: {len(ledger.operations)} accepted, {ended} ended, {balance.open} open\n")
    say(f"  events: {len(ledger.events)} acknowledged; lost {balance.lost}, twice {balance.twice},")
    say(f" ended twice {balance.ended_twice}\n")
    say(f"  event stream: {soak.events_seen} by {LISTENERS} clients, {soak.events_out_of_order} out of order\n")
    say(f"  worker restarts: {soak.restarts}; answers {dict(sorted(ledger.answers.items()))},")
    say(f" slowest {ledger.slowest_answer:.2f} s\n  a rebuild differs in {len(differences)} documents\n")
    for difference in differences[:3]:
        say(f"      {difference[:300]}\n")
    unexplained = 0
    for text, count in complaints(soak.parts).most_common():
        known = any(pattern.search(text) for pattern in EXPLAINED)
        unexplained += not known
        say(f"  {count:5} {'    ' if known else '!!! '}{text}\n")
    fine_answers = set(ledger.answers) <= {200, 201, 202, 204, 404}  # 404: a design that is deleted just now
    right = balance.is_even and not differences and not soak.events_out_of_order and fine_answers
    good = right and not unexplained and counts[1] <= counts[0]
    say("all is well\n" if good else "NOT WELL\n")
    return good


async def main(minutes: float) -> bool:
    """Run it; whether all was well."""
    with tempfile.TemporaryDirectory(prefix="meshwright-soak-") as folder:
        directory = Path(folder)
        async with working(directory, workers=2) as parts, mwbus.connect(parts.nats.url, "soak") as bus:
            soak = Soak(parts, bus)
            before = await consumers(bus)
            await soak.run(60 * minutes)
            await eventually(lambda: soak.ledger.all_ended(bus), timeout=60, interval=2)
            await soak.count_kept()
            balance = await soak.ledger.balance(bus)
            differences = await rebuilt_differences(
                parts.nats.url, parts.mongo.url, parts.database, 1, directory, timeout=600
            )

            async def at_rest() -> bool:
                return await consumers(bus) <= before

            try:
                await eventually(at_rest, timeout=60, interval=1)
            except AssertionError:
                sys.stdout.write("there are more consumers than before\n")
            return report(soak, balance, differences, (before, await consumers(bus)), minutes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Mixed load for hours.")
    parser.add_argument("minutes", type=float)
    sys.exit(0 if asyncio.run(main(parser.parse_args().minutes)) else 1)
