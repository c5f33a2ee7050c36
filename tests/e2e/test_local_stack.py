"""The whole stack as a user starts it: one command starts a running mesh, and one removes it."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshwright.core.machine import processes
from meshwright.core.testing.eventually import eventually
from meshwright.workers.local import parts, running
from meshwright.workers.local.home import Home
from meshwright.workers.local.output import Output
from meshwright.workers.shop.catalog import KEEPERS

pytestmark = [pytest.mark.servers, pytest.mark.e2e, pytest.mark.timeout(240)]
OWN = {
    *("nats-server", "mongod", "api", "projector", "scheduler", "notifier", "discovery"),
    *(f"adapter-{name}" for name in ("envoy", "istio", "linkerd", "consul", "kuma")),
    *("shop", "supervisor"),
}


@dataclass(frozen=True)
class Person:
    """A user at a terminal, with a folder of their own."""

    home: Home

    async def types(self, *words: str, **settings: str) -> tuple[int, str]:
        """Exit code and what the command printed."""
        command = await self.begins(*words, **settings)
        async with asyncio.timeout(120):
            output, _ = await command.communicate()
        assert command.returncode is not None
        return command.returncode, output.decode()

    async def begins(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        """The command, still running."""
        return await asyncio.create_subprocess_exec(
            parts.console("meshwright-local"),
            *words,
            env={**os.environ, **settings, "MESHWRIGHT_HOME": str(self.home.directory)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    def recorded(self) -> dict[str, processes.Record]:
        """Recorded processes that run."""
        return running.LocalStack(self.home, Output()).running()

    def everything(self) -> list[processes.Record]:
        """Every process that carries this stack's marker."""
        return processes.matching("environ", self.home.marker)

    def sidecars(self) -> list[processes.Record]:
        """The Envoys."""
        return [one for one in self.everything() if one.name.startswith("envoy")]

    async def reads(self, path: str) -> Any:
        """What the API answers with the token that `up` made."""
        headers = {"Authorization": f"Bearer {self.home.token_file.read_text().strip()}"}
        base = self.home.api_url_file.read_text().strip()
        async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
            return (await client.get(path)).raise_for_status().json()

    async def asks(self, path: str, body: Any) -> str:
        """The id of an operation that is asked for, which must be accepted."""
        headers = {"Authorization": f"Bearer {self.home.token_file.read_text().strip()}"}
        base = self.home.api_url_file.read_text().strip()
        async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
            answer = await client.post(path, json=body)
            assert answer.status_code == 202, answer.text
            return str(answer.json()["id"])

    async def visits(self) -> httpx.Response:
        """One visit to the shop's front."""
        known = self.home.ports()
        assert known is not None
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(f"http://127.0.0.1:{known.shop['front']}/")


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    """A person whose stack is stopped afterwards whatever the test did."""
    person = Person(Home(tmp_path / "home"))
    yield person
    await person.types("down", "--wipe")
    assert person.everything() == []


async def test_up_joins_heals_and_down_leaves_nothing(person: Person) -> None:
    """Up makes a living mesh; again it joins; after kills it heals; down leaves no process; data survives."""
    code, text = await person.types("up")
    assert code == 0, text
    assert "Ready in" in text
    assert str(person.home.token_file) in text
    link = re.search(r"Dashboard  (http://127\.0\.0\.1:\d+)/sign-in#code=(\S+)", text)
    assert link, text
    async with httpx.AsyncClient(base_url=link[1], trust_env=False) as browser:
        assert (await browser.post("/v1/session", json={"code": link[2]})).status_code == 201
        assert (await browser.get("/v1/meshes/demo")).json()["id"] == "demo"
    assert person.recorded().keys() == OWN
    assert len(person.sidecars()) == len(KEEPERS)
    assert (await person.visits()).json()["calls"][1]["service"] == "reviews"
    assert {one["state"] for one in (await person.reads("/v1/proxies?mesh=demo"))["items"]} == {"synced"}

    before = person.recorded()
    code, text = await person.types("up")
    assert (code, person.recorded()) == (0, before), text

    # The supervisor first: else what dies would be back before anybody looks.
    for record in (before["supervisor"], before["api"], before["shop"], before["adapter-envoy"], person.sidecars()[0]):
        os.kill(record.pid, signal.SIGKILL)
    code, text = await person.types("status")
    assert code == 1, text
    for part in ("api", "shop", "adapter-envoy", "supervisor"):
        assert f"! {part} is not running" in text
    assert "Everything is running." not in text
    code, text = await person.types("up")
    assert code == 0, text
    cart = await person.reads("/v1/workloads/demo~~process~cart")
    again = {"name": "cart", "service": "cart", "version": cart["version"], "port": cart["port"]}
    asked = await person.asks("/v1/meshes/demo/workloads", {"workloads": [again]})  # ready is ready
    assert person.recorded().keys() == OWN
    assert person.recorded()["projector"] == before["projector"]
    await eventually(lambda: len(person.sidecars()) == len(KEEPERS))

    os.kill(person.recorded()["api"].pid, signal.SIGKILL)

    async def whole() -> bool:
        code, text = await person.types("status")
        return code == 0 and "ended once" in text and "Everything is running." in text

    await eventually(whole)

    code, text = await person.types("down")
    assert code == 0, text
    assert "nothing is left running" in text
    assert person.everything() == []

    code, text = await person.types("up")
    assert code == 0, text
    assert await person.reads(f"/v1/operations/{asked}")
    assert (await person.visits()).is_success
    code, text = await person.types("status")
    assert (code, "Everything is running." in text) == (0, True), text


async def test_edges_come_alive(person: Person) -> None:
    """The steady load shows as measured edges: requests, rate and latency from the sidecars themselves."""
    code, text = await person.types("up")
    assert code == 0, text

    async def alive() -> dict[tuple[str, str], Any]:
        edges = (await person.reads("/v1/meshes/demo/topology"))["edges"]
        busy = {(edge["source"], edge["destination"]): edge for edge in edges if edge["requests"]}
        return busy if {("shopper", "front"), ("front", "catalog")} <= busy.keys() else {}

    edges = await eventually(alive)
    edge = edges["front", "catalog"]
    assert edge["rate"] > 0
    assert 0 <= edge["p50_ms"] <= edge["p99_ms"]

    # A sidecar's own log is read by the worker on whose host it runs.
    (proxy,) = (await person.reads("/v1/proxies?mesh=demo&name=front"))["items"]
    (log,) = (await person.reads(f"/v1/proxies/{proxy['id']}/logs?lines=5"))["parts"]
    assert log["name"].endswith("/envoy.log")
    assert len(log["text"].splitlines()) <= 5

    # Settings that changed are taken over, or it is said that they are not.
    before = person.recorded()
    code, text = await person.types("up", MESHWRIGHT_LOG_LEVEL="warning", MESHWRIGHT_API_PORT="1234")
    assert code == 0, text
    assert "Settings changed: MESHWRIGHT_LOG_LEVEL;" in text
    assert "MESHWRIGHT_API_PORT is not passed on" in text
    after = person.recorded()
    assert {name for name in OWN if after[name] == before[name]} == {"nats-server", "mongod", "shop"}


async def test_ctrl_c_in_the_foreground_stops_everything(person: Person) -> None:
    """In the foreground what dies comes back by itself, and Ctrl-C leaves nothing behind."""
    command = await person.begins("up", "--foreground")
    await eventually(lambda: parts.SUPERVISOR in person.recorded(), timeout=90)
    before = person.recorded()["projector"]
    os.kill(before.pid, signal.SIGKILL)
    await eventually(lambda: person.recorded().get("projector", before) != before)
    code, text = await person.types("up", "--foreground")
    assert (code, "Ctrl-C there" in text) == (1, True), text
    code, text = await person.types("up", MESHWRIGHT_WEBHOOK_ALLOW="10.0.0.0/8")
    assert (code, "other settings (MESHWRIGHT_WEBHOOK_ALLOW)" in text) == (1, True), text
    command.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        output, _ = await command.communicate()
    assert "nothing is left running" in output.decode()
    assert command.returncode == 130
    assert person.everything() == []


async def test_missing_program_names_the_choices(person: Person) -> None:
    """Without a mongod the answer is one line of choices, not a traceback."""
    code, text = await person.types("up", MESHWRIGHT_MONGOD="/nowhere/mongod")
    assert code == 1
    assert "--mongodb URL" in text
    assert "Traceback" not in text
