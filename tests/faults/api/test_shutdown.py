"""SIGTERM under load: the API ends soon and in good order, and keeps every promise that it has given."""

import asyncio
import collections
import time
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from rig.load.counting import stored
from rig.load.listening import listening
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.timeout(240)]
ROUNDS, WRITERS, LISTENERS = 3, 20, 20
EXIT_S = 2.0
COMMANDS = "mw.cmd.default.trial.place._.*"
NOOP = {"kind": "trial.noop", "mesh": "m1"}
CLOSED = "closed"


class Load:
    """Writers that go on until their API is gone; `outcomes` counts statuses and closed connections."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.accepted: set[str] = set()
        self.outcomes: collections.Counter[str] = collections.Counter()

    async def write(self) -> None:
        """Ask for operations over one connection until it is closed and none can be made."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=self._url, headers=headers, timeout=30) as client:
            while True:
                try:
                    answer = await client.post("/v1/operations", json=NOOP)
                except httpx.ConnectError:
                    return
                except httpx.TransportError:
                    self.outcomes[CLOSED] += 1
                else:
                    self.outcomes[str(answer.status_code)] += 1
                    if answer.status_code == 202:
                        self.accepted.add(answer.json()["id"])


async def test_sigterm_under_load_keeps_every_promise(alone: Stack, ann: Person, row: Any) -> None:
    """It exits with status 0 within its grace; what was accepted is stored; every client got an answer or an end."""
    await asyncio.to_thread(alone.start_all)
    await ann.mesh()
    load = Load(alone.url)
    exits: list[float] = []
    async with AsyncExitStack() as listeners:
        for _ in range(LISTENERS):
            await listeners.enter_async_context(listening(alone.url, TOKEN, "default"))
        for _ in range(ROUNDS):
            process = alone.processes["meshwright-api"]
            before = len(load.accepted)
            async with asyncio.TaskGroup() as group:
                for _ in range(WRITERS):
                    group.create_task(load.write())
                await eventually(lambda: len(load.accepted) > before + 200)  # noqa: B023
                begin = time.monotonic()
                process.terminate()
                await eventually(lambda: process.poll() is not None)  # noqa: B023
                exits.append(time.monotonic() - begin)
            assert process.poll() == 0
            await asyncio.to_thread(alone.start_api)
    async with mwbus.connect(alone.nats.url, "count") as bus:
        ids = [one.subject.rpartition(".")[2] for one in await stored(bus, "COMMANDS", COMMANDS)]
    row.injected = f"{ROUNDS} SIGTERM of the API before {WRITERS} writers and {LISTENERS} event streams"
    row.runs = sum(load.outcomes.values())
    row.lost = len(load.accepted - set(ids))
    row.duplicated = len(ids) - len(set(ids))
    row.recovery = max(exits)
    row.note = f"recovery is the exit; answers {dict(sorted(load.outcomes.items()))}"
    assert (row.lost, row.duplicated) == (0, 0)
    assert set(load.outcomes) <= {"202", CLOSED}
    assert max(exits) < EXIT_S + 1.0  # a busy machine
    log = alone.log("meshwright-api").read_text()
    assert "Traceback" not in log
    assert "ERROR" not in log
