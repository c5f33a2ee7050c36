"""MongoDB slow, silent or unavailable: writes continue, reads fail or report their age, and afterwards nothing is
missing.
"""

import asyncio
import collections
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from rig.load.counting import stored
from rig.stack.people import Person
from rig.stack.proxies import TcpProxy
from rig.stack.stack import TOKEN, Stack

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.timeout(240)]
WRITES = 200
READ_S = 3.5
"""seconds until a read is answered: 2 on a quiet machine"""
WRITE_S = 1.5
COMMANDS = "mw.cmd.default.trial.place._.*"
NOOP = {"kind": "trial.noop", "mesh": "m1"}
READS = ("/v1/meshes", "/v1/meshes/m1", "/v1/operations", "/v1/connections/place", "/v1/events", "/v1/deadletters")


@pytest.fixture
async def proxy(alone: Stack) -> AsyncIterator[TcpProxy]:
    """What stands between the API with its projector and MongoDB."""
    async with TcpProxy(alone.mongo.port) as between:
        yield between


async def begin(alone: Stack, ann: Person, proxy: TcpProxy) -> None:
    """Start everything, with the database behind the proxy, and make a mesh."""

    def start() -> None:
        url = alone.mongo.through(proxy.port)
        alone.start("meshwright-projector", mongodb_url=url)
        alone.start("meshwright-scheduler")
        alone.start("meshwright-adapter", "trial_adapter:trial")
        alone.start_api(mongodb_url=url)

    await asyncio.to_thread(start)
    await eventually(lambda: ann.get("/v1/adapters/trial"))
    await ann.mesh()


async def timed(person: Person, method: str, path: str, body: Any = None) -> tuple[float, httpx.Response]:
    """A request, and how long it took in seconds."""
    at = time.monotonic()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = await person.client.request(method, path, json=body, headers=headers)
    return time.monotonic() - at, answer


async def writes(person: Person, count: int) -> tuple[set[str], float]:
    """So many operations, ten at a time, all of which must be accepted; their ids and the p99 of the waits."""
    slot = asyncio.Semaphore(10)

    async def one() -> tuple[float, httpx.Response]:
        async with slot:
            return await timed(person, "POST", "/v1/operations", NOOP)

    result = await asyncio.gather(*(one() for _ in range(count)))
    assert {answer.status_code for _, answer in result} == {202}
    took = statistics.quantiles([took for took, _ in result], n=100)[98]
    return {answer.json()["id"] for _, answer in result}, took


async def reads(person: Person) -> tuple[list[httpx.Response], float]:
    """One read of each kind, all at once; the answers and the longest wait."""
    result = await asyncio.gather(*(timed(person, "GET", path) for path in READS))
    return [answer for _, answer in result], max(took for took, _ in result)


async def succeeded(person: Person) -> set[str]:
    """The ids of all no-op operations that the views show as succeeded."""
    collected: set[str] = set()
    token = ""
    while True:
        params = {"kind": "trial.noop", "state": "succeeded", "page_size": 500, "page_token": token}
        page = await person.get("/v1/operations", params=params)
        collected |= {one["id"] for one in page["items"]}
        token = page["next_page_token"]
        if not token:
            return collected


async def projected(alone: Stack, person: Person, row: Any, accepted: set[str]) -> None:
    """Wait until the views show as succeeded what COMMANDS holds, and fill in what is missing or too much."""
    async with mwbus.connect(alone.nats.url, "count") as bus:
        ids = [one.subject.rpartition(".")[2] for one in await stored(bus, "COMMANDS", COMMANDS)]
    row.lost = len(accepted - set(ids))
    row.duplicated = len(ids) - len(set(ids))
    begin = time.monotonic()

    async def all_of_them() -> bool:
        return await succeeded(person) >= set(ids)

    await eventually(all_of_them, timeout=40, interval=0.1)
    row.recovery = time.monotonic() - begin
    assert await succeeded(person) == set(ids) == accepted
    assert (row.lost, row.duplicated) == (0, 0)


@pytest.mark.parametrize("fault", ["refuse", "black_hole"])
async def test_without_the_database_writes_go_on(
    fault: str, alone: Stack, ann: Person, proxy: TcpProxy, row: Any
) -> None:
    """Writes are accepted as ever, reads are 503 with Retry-After soon, and later everything is in the views."""
    await begin(alone, ann, proxy)
    spoil: Callable[[], None] = getattr(proxy, fault)
    spoil()
    (accepted, wait), (answers, longest) = await asyncio.gather(writes(ann, WRITES), reads(ann))
    again, longest_again = await reads(ann)
    for answer in (*answers, *again):
        assert answer.status_code == 503, answer.text
        assert answer.json()["type"] == "/problems/store-unavailable"
        assert int(answer.headers["retry-after"]) >= 1
    ready = await ann.get("/readyz", expect=503)
    assert (ready["bus"]["ok"], ready["store"]["ok"]) == (True, False)
    proxy.heal()
    await projected(alone, ann, row, accepted)
    row.injected = f"database: {fault}"
    row.runs = WRITES
    row.note = f"writes p99 {wait:.2f} s, reads refused in at most {max(longest, longest_again):.2f} s"
    assert wait < WRITE_S
    assert max(longest, longest_again) < READ_S
    await eventually(lambda: ann.get("/readyz"))


@pytest.mark.parametrize("delay", [0.1, 0.9, 1.5])
async def test_a_slow_database_slows_reads_alone(
    delay: float, alone: Stack, ann: Person, proxy: TcpProxy, row: Any
) -> None:
    """However slow it is, a write is accepted as ever, and a read is answered or refused within its bound."""
    await begin(alone, ann, proxy)
    proxy.delay = delay
    (accepted, wait), (answers, longest) = await asyncio.gather(writes(ann, WRITES), reads(ann))
    for path in READS:  # one after the other too: over connections that are there already
        took, answer = await timed(ann, "GET", path)
        longest = max(longest, took)
        answers.append(answer)
    statuses = collections.Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 503}
    proxy.heal()
    await projected(alone, ann, row, accepted)
    row.injected = f"database: {2 * delay:g} s slower per call"
    row.runs = WRITES
    row.note = f"writes p99 {wait:.2f} s; reads {dict(statuses)} in at most {longest:.2f} s"
    assert wait < WRITE_S
    assert longest < READ_S


async def test_a_read_says_how_old_it_is(alone: Stack, ann: Person, proxy: TcpProxy, row: Any) -> None:
    """Without a projector, reads are served with their age, which grows; with it, they are current again."""
    await begin(alone, ann, proxy)

    async def age() -> float:
        return float((await ann.ask("GET", "/v1/meshes")).headers["meshwright-age"])

    await eventually(lambda: _younger(age, 3))
    stopped = time.monotonic()
    await asyncio.to_thread(alone.stop, "meshwright-projector")
    accepted, _ = await writes(ann, WRITES)
    await eventually(lambda: _older(age, 11))
    told = await age()
    assert told < time.monotonic() - stopped + 3  # no more than the truth either, but for the look of a second ago
    assert "s old: the projector is behind or not running" in await _command_line(alone, "operations", "list")
    ready = await ann.get("/readyz", expect=503)
    assert ready["views"]["detail"].startswith("no projector is running: its last heartbeat is")
    assert ready["behind"] >= WRITES
    assert ready["age"] > 11
    listed = await ann.ask("GET", "/v1/operations", params={"kind": "trial.noop"})
    assert listed.json()["items"] == []
    url = alone.mongo.through(proxy.port)
    alone.start("meshwright-projector", mongodb_url=url)
    await projected(alone, ann, row, accepted)
    await eventually(lambda: _younger(age, 3))
    row.injected = "projector away"
    row.runs = WRITES
    row.note = f"reads told that they are {told:.1f} s old"


async def _command_line(alone: Stack, *words: str) -> str:
    """What `meshwright` says on stderr."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("meshwright"),
        *words,
        env={**os.environ, "MESHWRIGHT_API_URL": alone.url, "MESHWRIGHT_TOKEN": TOKEN},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, told = await process.communicate()
    return told.decode()


async def _younger(age: Callable[[], Any], seconds: float) -> bool:
    return bool(await age() < seconds)


async def _older(age: Callable[[], Any], seconds: float) -> bool:
    return bool(await age() > seconds)
