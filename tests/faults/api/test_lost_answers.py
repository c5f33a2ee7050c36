"""An answer that never came: the client asks again with the same key, and the work is done once."""

import asyncio
import json
import random
import socket
import struct
import time
import uuid
from typing import Any

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from rig.load.counting import stored
from rig.stack.people import Person, Refusal
from rig.stack.stack import TOKEN, Stack

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.timeout(240)]
COMMANDS = "mw.cmd.default.trial.place._.*"
REQUESTS, KILLS, WIDTH = 1000, 8, 25
LONGEST_DELAY = 0.012
"""seconds until a connection is cut; an answer takes 2 to 10 ms, so cuts fall before, beside and after the PubAck"""


def body(number: int) -> bytes:
    """A request that is unlike all others."""
    return json.dumps({"kind": "trial.noop", "mesh": "m1", "reason": f"number {number}"}).encode()


async def send_and_cut(port: int, key: str, payload: bytes) -> None:
    """Write the whole request and reset the connection a moment later, whatever happened to it."""
    head = (
        f"POST /v1/operations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + payload)
        await asyncio.sleep(random.uniform(0, LONGEST_DELAY))
        connected = writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    except OSError:
        return  # the API is not there just now, which is as good a cut as any


async def until_accepted(person: Person, key: str, payload: bytes) -> str:
    """Send the request with the same key until the response names the operation; returns its id."""
    while True:
        try:
            answer = await person.ask(
                "POST",
                "/v1/operations",
                content=payload,
                expect=202,
                Idempotency_Key=key,
                Content_Type="application/json",
            )
            return str(answer.json()["id"])
        except httpx.TransportError:
            pass
        except Refusal as refusal:
            assert ": 503 " in str(refusal), refusal
        await asyncio.sleep(0.05)


class Crowd:
    """A thousand clients, each disconnected once, which retry; `told` are the operations in their responses, by key."""

    def __init__(self, stack: Stack, person: Person) -> None:
        self._stack = stack
        self._person = person
        self.keys = {uuid.uuid4().hex: number for number in range(REQUESTS)}
        self.told: dict[str, str] = {}
        self.asked_again: dict[str, float] = {}
        self.outages: list[float] = []

    async def run(self) -> None:
        """All clients send requests, while the API is killed repeatedly."""
        slot = asyncio.Semaphore(WIDTH)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kill())
            for key, number in self.keys.items():
                group.create_task(self._one(key, body(number), slot))

    async def _one(self, key: str, payload: bytes, slot: asyncio.Semaphore) -> None:
        async with slot:
            await send_and_cut(self._stack.port, key, payload)
            self.asked_again[key] = time.time()
            self.told[key] = await until_accepted(self._person, key, payload)

    async def _kill(self) -> None:
        for number in range(1, KILLS + 1):
            await eventually(lambda: len(self.told) >= number * REQUESTS // (KILLS + 1), timeout=60)  # noqa: B023
            begin = time.monotonic()
            self._stack.processes["meshwright-api"].kill()
            await asyncio.to_thread(self._stack.stop, "meshwright-api")
            before = len(self.told)
            await asyncio.to_thread(self._stack.start_api)
            await eventually(lambda: len(self.told) > before)  # noqa: B023
            self.outages.append(time.monotonic() - begin)


async def test_a_lost_answer_never_repeats_the_work(alone: Stack, ann: Person, row: Any) -> None:
    """A thousand requests are cut off and sent again, over eight kills of the API: each is one operation."""
    await asyncio.to_thread(alone.start_all)
    await ann.mesh()
    crowd = Crowd(alone, ann)
    await crowd.run()
    async with mwbus.connect(alone.nats.url, "count") as bus:
        commands = {one.subject.rpartition(".")[2]: one for one in await stored(bus, "COMMANDS", COMMANDS)}
    kept = sum(commands[told].time / 1e9 < crowd.asked_again[key] for key, told in crowd.told.items())
    row.injected = f"connection cut within {1000 * LONGEST_DELAY:g} ms of sending; {KILLS} kill -9 of the API"
    row.runs = REQUESTS
    row.lost = REQUESTS - len(set(crowd.told.values()) & set(commands))
    row.duplicated = len(commands) - REQUESTS
    row.recovery = max(crowd.outages)
    row.note = f"{kept} had been accepted before their answer was lost"
    assert (row.lost, row.duplicated) == (0, 0)
    assert 0 < kept < REQUESTS
    for key in random.sample(sorted(crowd.keys), 50):
        assert await until_accepted(ann, key, body(crowd.keys[key])) == crowd.told[key]
        await ann.problem(
            "POST",
            "/v1/operations",
            {"kind": "trial.noop", "mesh": "m1", "reason": "another"},
            status=422,
            slug="idempotency-key-reused",
            Idempotency_Key=key,
        )
    async with mwbus.connect(alone.nats.url, "count") as bus:
        assert len(await stored(bus, "COMMANDS", COMMANDS)) == REQUESTS
