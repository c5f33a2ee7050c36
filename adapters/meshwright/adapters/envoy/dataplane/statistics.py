"""Measuring calls between services: read from the sidecars every two seconds.

Problem: the graph must be live without an agent in the workloads and without load on the proxies. Invariant: a window
is published once and completely; a sidecar that does not answer is omitted from it and, when it answers again, its next
window spans the gap with the rate of the whole gap. No error here can stop the adapter.
"""

import asyncio
import datetime
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec

from meshwright.adapters.envoy.dataplane import administration, windows
from meshwright.schemas.base import Model
from meshwright.schemas.telemetry import Edge, EdgesMeasured

EVERY = 2.0  # seconds
ANSWER_WITHIN = 1.5
AT_ONCE = 8
FORGET_AFTER = 30.0  # after a longer gap the rate is not meaningful

_FORMAT = "/stats?format=json&usedonly&histogram_buckets=detailed&filter="
_STATISTICS = _FORMAT + quote(windows.CLUSTER_STATISTICS)
# Envoy merges its histograms when it flushes, and with `stats_flush_on_admin` it flushes after a request:
# an empty request first makes the second response current. Without the setting this costs a fraction of a ms.
_FLUSH = _FORMAT + quote("^$")

_log = logging.getLogger(__name__)


class Target(Model, frozen=True, kw_only=True):
    """A mesh and the node ids of those of its sidecars that run on this host, by workload."""

    workspace: str
    mesh: str
    sidecars: Mapping[str, str]


@dataclass
class _Reading:
    at: float
    totals: dict[str, windows.Totals]


@dataclass
class Statistics:
    """Polls sidecars and publishes each mesh's edges.

    `targets` returns what to poll and is called each time; `measure` publishes (`Runtime.measure`); `fleet` is the
    directory of the sidecars.
    """

    fleet: Path
    targets: Callable[[], Awaitable[Sequence[Target]]]
    measure: Callable[[str, EdgesMeasured], Awaitable[object]]
    every: float = EVERY
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _readings: dict[tuple[str, str, str, str], _Reading] = field(default_factory=dict)

    async def run(self) -> None:
        """Poll until cancelled. A window that cannot be read or published is dropped; the loop continues."""
        transport = administration.Transport(self.fleet)
        async with httpx.AsyncClient(transport=transport, timeout=ANSWER_WITHIN) as client:
            due = time.monotonic()
            while True:
                try:
                    await self.poll(client)
                except Exception as error:
                    _log.warning("a window of edge statistics was dropped: %s: %s", type(error).__name__, error)
                due = max(due + self.every, time.monotonic())
                await asyncio.sleep(due - time.monotonic())

    async def poll(self, client: httpx.AsyncClient) -> None:
        """Read every target once and publish one window for each."""
        targets = await self.targets()
        self._forget({key for target in targets for key in _keys(target)})
        for target in targets:
            start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=self.every)
            groups = await asyncio.gather(*(self._edges(client, key) for key in _keys(target)))
            edges = [edge for group in groups for edge in group]
            message = EdgesMeasured(mesh=target.mesh, start=start, seconds=self.every, edges=edges)
            await self.measure(target.workspace, message)

    async def _edges(self, client: httpx.AsyncClient, key: tuple[str, str, str, str]) -> list[Edge]:
        """The edges from one workload; none while it has no earlier reading to compare with."""
        try:
            async with self._slots:
                await client.get(f"http://{key[3]}{_FLUSH}")
                totals = windows.read((await client.get(f"http://{key[3]}{_STATISTICS}")).content)
        except (httpx.HTTPError, msgspec.DecodeError):  # stopped, starting, or not an Envoy
            return []
        before, now = self._readings.get(key), _Reading(at=time.monotonic(), totals=totals)
        self._readings[key] = now
        if before is None:
            return []
        seconds = now.at - before.at
        nothing = windows.Totals()
        return [
            windows.edge(key[2], cluster, windows.difference(before.totals.get(cluster, nothing), after), seconds)
            for cluster, after in totals.items()
        ]

    def _forget(self, wanted: set[tuple[str, str, str, str]]) -> None:
        oldest = time.monotonic() - FORGET_AFTER
        self._readings = {
            key: reading for key, reading in self._readings.items() if key in wanted and reading.at > oldest
        }


def _keys(target: Target) -> list[tuple[str, str, str, str]]:
    return [(target.workspace, target.mesh, name, node) for name, node in sorted(target.sidecars.items())]
