"""The API cut off from NATS: it says so soon, promises nothing that it cannot keep, and comes back by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from rig.load.counting import stored
from rig.stack.people import Person
from rig.stack.proxies import TcpProxy
from rig.stack.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.timeout(240)]
WRITES = 40
ANSWER_S = 4.0
"""seconds until a write is refused: 2 on a quiet machine"""
RECOVERY_S = 5.0
DETECTION_S = 14.0
"""seconds until a silent server counts as dead: 10 on a quiet machine"""
COMMANDS = "mw.cmd.default.trial.place._.*"
NOOP = {"kind": "trial.noop", "mesh": "m1"}


@pytest.fixture
async def proxy(alone: Stack) -> AsyncIterator[TcpProxy]:
    """What stands between the API and NATS."""
    async with TcpProxy(alone.nats.port) as between:
        yield between


async def begin(alone: Stack, ann: Person, proxy: TcpProxy) -> None:
    """Start everything, the API behind the proxy, and make a mesh."""
    await asyncio.to_thread(alone.start_all, nats_url=alone.nats.through(proxy.port))
    await ann.mesh()


class Writes:
    """Operations that were asked for: the ids of those accepted, how many were refused, the longest wait."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.accepted: set[str] = set()
        self.refused = 0
        self.longest = 0.0

    async def ask(self, *, key: str = "") -> bool:
        """One request; whether it was accepted. A refusal must be the right one."""
        headers = {"Idempotency-Key": key} if key else {}
        at = time.monotonic()
        answer = await self._person.client.post(
            "/v1/operations", json=NOOP, headers={"Authorization": f"Bearer {self._person.token}", **headers}
        )
        self.longest = max(self.longest, time.monotonic() - at)
        if answer.status_code == 202:
            self.accepted.add(answer.json()["id"])
            return True
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems/bus-unavailable"
        assert int(answer.headers["retry-after"]) >= 1
        self.refused += 1
        return False

    async def until_accepted(self) -> float:
        """Ask until one is accepted; how long that took, in seconds."""
        at = time.monotonic()
        await eventually(self.ask, timeout=60, interval=0.1)
        return time.monotonic() - at


async def unready(person: Person) -> Any:
    """What /readyz says once it says no."""
    return await eventually(lambda: person.get("/readyz", expect=503), timeout=ANSWER_S)


async def commands(alone: Stack) -> list[str]:
    """The ids of all no-op commands that are stored."""
    async with mwbus.connect(alone.nats.url, "count") as bus:
        return [one.subject.rpartition(".")[2] for one in await stored(bus, "COMMANDS", COMMANDS)]


@pytest.mark.parametrize("fault", ["refuse", "black_hole"])
async def test_without_the_bus_every_write_is_refused(
    fault: str, alone: Stack, ann: Person, proxy: TcpProxy, row: Any
) -> None:
    """Dropped or swallowed: each write is a 503 with Retry-After soon, /readyz says no, and no 202 is a lie."""
    await begin(alone, ann, proxy)
    writes = Writes(ann)
    assert await writes.ask()
    spoil: Callable[[], None] = getattr(proxy, fault)
    spoil()
    longest = 0.0
    for _ in range(2):
        assert not any(await asyncio.gather(*(writes.ask(key=f"{fault}-{one}") for one in range(WRITES // 4))))
        assert not any(await asyncio.gather(*(writes.ask() for _ in range(WRITES // 4))))
        longest = writes.longest
    ready = await unready(ann)
    assert (ready["bus"]["ok"], ready["store"]["ok"]) == (False, True)
    assert (await ann.get("/v1/meshes/m1"))["id"] == "m1"
    proxy.heal()
    row.recovery = await writes.until_accepted()
    await eventually(lambda: ann.get("/readyz"), timeout=RECOVERY_S)
    result = await commands(alone)
    row.injected = f"API-NATS: {fault}"
    row.runs = writes.refused + len(writes.accepted)
    row.lost = len(writes.accepted - set(result))
    row.duplicated = len(result) - len(set(result))
    late = len(set(result) - writes.accepted)
    row.note = f"{writes.refused} refused in at most {longest:.2f} s; {late} of them arrived late"
    assert (row.lost, row.duplicated) == (0, 0)
    assert longest < ANSWER_S
    # What a black hole has swallowed may still arrive; without a connection nothing was sent at all.
    assert late == 0 or fault == "black_hole"
    assert row.recovery < RECOVERY_S + 3
    # The same key afterwards gives the operation, whether it had arrived late or not.
    assert await writes.ask(key=f"{fault}-0")
    assert len(await commands(alone)) == len(set(await commands(alone)))


async def test_a_half_open_connection_is_noticed(alone: Stack, ann: Person, proxy: TcpProxy, row: Any) -> None:
    """When NATS vanishes without closing the connection, the API detects it, reconnects, and works."""
    await begin(alone, ann, proxy)
    writes = Writes(ann)
    assert await writes.ask()
    proxy.half_open()
    row.recovery = await writes.until_accepted()
    result = await commands(alone)
    row.injected = "API-NATS: half-open"
    row.runs = writes.refused + len(writes.accepted)
    row.lost = len(writes.accepted - set(result))
    row.duplicated = len(result) - len(set(result))
    row.note = f"{writes.refused} refused meanwhile"
    assert (row.lost, row.duplicated) == (0, 0)
    assert row.recovery < DETECTION_S
    done = await ann.do("/v1/operations", NOOP)
    assert done["state"] == "succeeded"


async def test_a_flapping_connection_never_makes_a_202_a_lie(
    alone: Stack, ann: Person, proxy: TcpProxy, row: Any
) -> None:
    """The connection is reset again and again under load: what was accepted is stored, once."""
    await begin(alone, ann, proxy)
    writes = Writes(ann)
    flapping = asyncio.Event()
    gaps: list[float] = []

    async def load() -> None:
        while not flapping.is_set():
            await writes.ask()

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(load())
        for _ in range(10):
            before = len(writes.accepted)
            proxy.cut()
            at = time.monotonic()
            await eventually(lambda: len(writes.accepted) > before + 20)  # noqa: B023
            gaps.append(time.monotonic() - at)
        flapping.set()
    result = await commands(alone)
    row.injected = "API-NATS: reset ten times under load"
    row.runs = writes.refused + len(writes.accepted)
    row.lost = len(writes.accepted - set(result))
    row.duplicated = len(result) - len(set(result))
    row.recovery = max(gaps)
    row.note = f"{writes.refused} refused"
    assert (row.lost, row.duplicated) == (0, 0)
    assert max(gaps) < RECOVERY_S + 3
    log = alone.log("meshwright-api").read_text()
    assert "Traceback" not in log
