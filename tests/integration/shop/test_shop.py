"""The shop answers over HTTP, asks others by name through one port, and says who answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from meshwright.core.machine import ports
from meshwright.core.testing.eventually import eventually
from meshwright.workers.shop import catalog, serving
from meshwright.workers.shop.catalog import KEEPERS, Layout, LayoutFile, Place
from meshwright.workers.shop.handling import Handler


class Shop:
    """Workloads of the shop on ports of their own; what stands for every sidecar is one port."""

    def __init__(self, path: Path, client: httpx.AsyncClient) -> None:
        self.sidecar, *chosen = ports.choose_many(len(KEEPERS) + 1, 24_000)
        names = [keeper.name for keeper in KEEPERS]
        self.places = {name: Place(port=port) for name, port in zip(names, chosen, strict=True)}
        self.path, self.client = path, client
        self.enrol(None)
        layout = LayoutFile(path)
        self.keepers = {keeper.name: Handler(keeper, layout, client) for keeper in KEEPERS}
        self.asked: list[tuple[str, str]] = []

    def enrol(self, outbound: int | None) -> None:
        """Write each workload's sidecar into the layout."""
        places = {name: Place(port=place.port, outbound=outbound) for name, place in self.places.items()}
        self.path.write_bytes(msgspec.json.encode(Layout(places=places)))

    async def route(self, request: serving.Request) -> serving.Answer:
        """What the mesh does: deliver by Host, here to the first version; `payments` answers 500."""
        service = request.headers["host"]
        self.asked.append((service, request.headers.get("x-user", "")))
        if service == "payments":
            return 500, {"error": "injected"}
        keeper = next(keeper for keeper in self.keepers.values() if keeper.trade.service == service)
        return await keeper.handle(request)

    async def get(self, workload: str, path: str) -> httpx.Response:
        """Ask a workload directly, as its inbound sidecar would."""
        url = f"http://127.0.0.1:{self.places[workload].port}{path}"
        return await self.client.get(url, headers={"x-user": "ada", "x-request-id": "r1"})


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A whole shop, answering."""
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.TaskGroup() as tasks:
        shop = Shop(tmp_path / "shop.json", client)
        running = [tasks.create_task(serving.serve(shop.sidecar, shop.route))]
        for name, keeper in shop.keepers.items():
            running.append(tasks.create_task(serving.serve(shop.places[name].port, keeper.handle)))
        await eventually(lambda: shop.get("ratings", "/ratings"))
        yield shop
        for task in running:
            task.cancel()


async def test_a_visit_reaches_others_only_by_name(shop: Shop) -> None:
    """A visit to the front calls catalog and reviews by Host, propagates user and request id, and names every
    workload.
    """
    shop.enrol(shop.sidecar)
    answer = await shop.get("front", "/")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["service"], body["version"], body["request_id"]) == ("front", "v1", "r1")
    assert [(call["service"], call["user"], call["request_id"]) for call in body["calls"]] == [
        ("catalog", "ada", "r1"),
        ("reviews", "ada", "r1"),
    ]
    assert shop.asked == [("catalog", "ada"), ("reviews", "ada")]


async def test_missing_sidecar_is_said_and_enrolment_is_noticed(shop: Shop) -> None:
    """Before enrolment the required call fails with the reason; afterwards the same process works."""
    before = await shop.get("front", "/")
    assert before.status_code == 502
    assert "no sidecar yet" in before.json()["calls"][0]["error"]
    shop.enrol(shop.sidecar)
    assert (await shop.get("front", "/")).status_code == 200


async def test_failure_of_a_required_service_travels_up(shop: Shop) -> None:
    """Without payments there is no checkout, and the response names the service that failed."""
    shop.enrol(shop.sidecar)
    answer = await shop.get("checkout", "/checkout")
    assert answer.status_code == 502
    assert answer.json()["calls"][1] == {"error": "injected", "status": 500}


async def test_unknown_path_and_broken_request_harm_nobody(shop: Shop) -> None:
    """An unknown path is a 404 that names the known ones; bytes that are no HTTP only close their connection."""
    answer = await shop.get("cart", "/nothing")
    assert (answer.status_code, answer.json()["error"]) == (404, "cart knows /cart")
    for garbage in (b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000):
        reader, writer = await asyncio.open_connection("127.0.0.1", shop.places["cart"].port)
        writer.write(garbage)
        with contextlib.suppress(ConnectionResetError):  # closed with bytes unread
            assert await reader.read() == b""
        writer.close()
    assert (await shop.get("catalog", "/products")).status_code == 200


def test_shop_has_what_the_demo_promises() -> None:
    """At least six services, one of them in three versions, each workload's name once."""
    versions: dict[str, set[str]] = {}
    for keeper in catalog.KEEPERS:
        versions.setdefault(keeper.service, set()).add(keeper.version)
    assert len(versions) >= 6
    assert versions["reviews"] == {"v1", "v2", "v3"}
    assert len({keeper.name for keeper in KEEPERS}) == len(KEEPERS)
    asked = {call.service for keeper in KEEPERS for calls in keeper.paths.values() for call in calls}
    assert asked <= versions.keys()
