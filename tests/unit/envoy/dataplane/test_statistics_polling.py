"""Polling sidecars: every request is counted once, gaps are spanned, and no answer affects another sidecar."""

import asyncio
import types
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy.dataplane import statistics
from meshwright.adapters.envoy.dataplane.statistics import Statistics, Target
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.telemetry import EdgesMeasured


class Sidecars:
    """Sidecars by node id, as their admin interfaces answer; `broken` ones answer something else."""

    def __init__(self) -> None:
        self.totals: dict[str, Counter[str]] = {"a": Counter(), "b": Counter()}
        self.broken: dict[str, Any] = {}
        self.told: list[tuple[str, EdgesMeasured]] = []
        self.failing = False
        self.statistics = Statistics(Path(), self.targets, self.measure, every=0.001)

    async def targets(self) -> list[Target]:
        """Two meshes of one sidecar each."""
        return [
            Target(workspace="w", mesh="m", sidecars={"web": "a"}),
            Target(workspace="v", mesh="n", sidecars={"shop": "b"}),
        ]

    async def measure(self, workspace: str, message: EdgesMeasured) -> None:
        """Take a window, unless the bus is away."""
        if self.failing:
            raise ConnectionError("the bus is away")
        self.told.append((workspace, message))

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What a sidecar says."""
        node = request.url.host
        broken = self.broken.get(node)
        if isinstance(broken, Exception):
            raise broken
        if broken is not None:
            return httpx.Response(200, content=broken)
        stats: list[Any] = []
        for cluster, count in self.totals[node].items():
            stats.append({"name": f"cluster.{cluster}.upstream_rq_completed", "value": count})
            stats.append({"name": f"cluster.{cluster}.upstream_rq_5xx", "value": count // 2})
        return httpx.Response(200, content=msgspec.json.encode({"stats": stats}))

    async def poll(self, times: int = 1) -> None:
        """Look at all of them."""
        async with httpx.AsyncClient(transport=httpx.MockTransport(self.answer)) as client:
            for _ in range(times):
                await self.statistics.poll(client)

    def requests(self, mesh: str) -> Counter[str]:
        """All published requests of a mesh, by version."""
        result = Counter[str]()
        for _, message in self.told:
            if message.mesh == mesh:
                for edge in message.edges:
                    assert 0 <= edge.errors <= edge.requests and edge.rate >= 0
                    result[f"{edge.destination}|{edge.destination_version}"] += edge.requests
        return result


BROKEN = st.sampled_from(
    [httpx.ConnectError("gone"), httpx.ReadTimeout("slow"), b"", b"<html>", b'{"stats": [{"name": 5}]}', b"[]",
     b'{"stats": [{"name": "cluster.a|v1.upstream_rq_completed", "value": "many"}]}']
)  # fmt: skip
LOOKS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["a|v1", "a|v2", "b|v1"]), st.integers(0, 50)),  # requests meanwhile
        st.booleans(),  # whether the sidecar was restarted before them
        st.none() | BROKEN,  # what it answers instead of its totals
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(LOOKS)
def test_every_request_is_reported_once(looks: list[tuple[dict[str, int], bool, Any]]) -> None:
    """Despite failures, all windows together contain exactly what the sidecar counted since it was first read; its
    neighbour is in every window meanwhile, and restarts count nothing twice.
    """
    sidecars = Sidecars()

    async def live() -> None:
        await sidecars.poll()
        counted, seen = Counter[str](), Counter[str]()
        for requests, restarted, broken in looks:
            if restarted:
                sidecars.totals["a"], seen = Counter(), Counter()
            sidecars.totals["a"].update(requests)
            sidecars.totals["b"]["x|v1"] += 1
            sidecars.broken = {} if broken is None else {"a": broken}
            await sidecars.poll()
            if broken is None:
                now = sidecars.totals["a"]
                counted.update({name: now[name] - seen[name] for name in now})
                seen = Counter(now)
            told = sidecars.requests("m")
            assert all(told[name] <= counted[name] for name in told)
            if not any(again for _, again, _ in looks):
                assert +told == +counted
        assert sidecars.requests("n")["x|v1"] == len(looks)

    asyncio.run(live())
    assert len(sidecars.told) == 2 * (len(looks) + 1)


async def test_a_gap_is_spanned_with_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a gap the next window counts all of it, at the rate of the whole gap; after too long a one counting
    restarts.
    """
    sidecars, now = Sidecars(), [1000.0]
    monkeypatch.setattr(statistics, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    await sidecars.poll()
    sidecars.broken = {"a": httpx.ConnectError("gone")}
    now[0] += 10
    await sidecars.poll()
    sidecars.broken, sidecars.totals["a"] = {}, Counter({"a|v1": 100})
    now[0] += 10
    await sidecars.poll()
    (edge,) = sidecars.told[-2][1].edges
    assert (edge.requests, edge.errors, edge.rate) == (100, 50, 5.0)
    now[0] += statistics.FORGET_AFTER + 1
    sidecars.totals["a"]["a|v1"] = 500
    await sidecars.poll()
    assert sidecars.told[-2][1].edges == []


async def test_nothing_ends_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unavailable bus costs windows, and when it is back they are published again."""
    sidecars = Sidecars()
    transport = httpx.MockTransport(sidecars.answer)
    real = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **_: real(transport=transport))
    sidecars.failing = True
    loop = asyncio.create_task(sidecars.statistics.run())
    try:
        await eventually(lambda: sidecars.statistics._readings)
        sidecars.failing = False
        await eventually(lambda: len(sidecars.told) >= 4)
        assert {workspace for workspace, _ in sidecars.told} == {"w", "v"}
    finally:
        loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
