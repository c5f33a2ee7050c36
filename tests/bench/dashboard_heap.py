"""The dashboard's memory while events arrive: `make heap MINUTES=60` prints it every five minutes.

Problem: a page that stays open for a shift must not grow with what it has seen. Events, topology and overview are open
in one Chromium while 200 events of real types arrive in a second; what is printed is the JavaScript heap behind a
garbage collection and the DOM nodes of each page, and the heap of the worker that they share. What
the first reading has, with the live tail just full, may still settle: growth is counted from the second one.
"""

import argparse
import asyncio
import datetime
import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright

from meshwright.core import bus as mwbus
from meshwright.core import ending, ids
from meshwright.schemas import meshes, subjects, workloads
from meshwright.schemas import operations as o
from meshwright.schemas.base import Message
from meshwright.schemas.telemetry import Edge, EdgesMeasured
from rig.stack.stack import TOKEN, Stack, stack

PER_SECOND = 200
ENTITIES = 60
EDGES = 150
WINDOW_S = 5.0
PATIENCE_S = 120.0
"""seconds that a busy machine may take to store an event"""
PAGES = {"events": "/events", "topology": "/topology/demo", "overview": "/"}
MIB = 1024 * 1024
Told = tuple[str, str, Message]


def now() -> datetime.datetime:
    """The present moment."""
    return datetime.datetime.now(datetime.UTC)


def workload(number: int) -> workloads.Workload:
    """One of the mesh's workloads as it is observed now."""
    name, service = f"shop-{number:02}-v1", f"shop-{number:02}"
    return workloads.Workload(
        id=workloads.workload_id("demo", "", "process", name), mesh="demo", connection="local", name=name,
        service=service, version="v1", address="127.0.0.1", port=8080, observed_at=now(),
    )  # fmt: skip


def proxy(number: int, version: int) -> workloads.Proxy:
    """The proxy of that workload, which has taken another configuration."""
    seen = workload(number)
    return workloads.Proxy(
        id=workloads.proxy_id("demo", "", seen.name), mesh="demo", name=seen.name, workload=seen.id, version="1.36.2",
        state="synced", sent=f"{version}", acked=f"{version}", observed_at=now(),
    )  # fmt: skip


def operation() -> list[Told]:
    """An operation from its acceptance to its end."""
    named = ids.fresh()
    asked = o.Command(
        operation=named, workspace="default", adapter="example", connection="local", mesh="demo", kind="mesh.status",
        principal="bench", accepted_at=now(), deadline=now() + datetime.timedelta(minutes=10),
    )  # fmt: skip
    told: list[Message] = [
        o.OperationStarted(worker="w", adapter_version="1", attempt=1),
        o.OperationProgressed(message="reading the proxies"),
        o.OperationSucceeded(result={"done": True}),
    ]
    return [(subjects.ACCEPTED_ORIGIN, named, asked), *(("example", named, message) for message in told)]


def happening() -> "itertools.chain[Told]":
    """Endlessly what happens in a mesh: two operations, eight observed proxies, three workloads, the mesh itself."""

    def once(turn: int) -> list[Told]:
        mesh = meshes.Mesh(
            id="demo", kind="envoy", connection="local", adapter="example", state="ready", observed_at=now()
        )
        some = [(turn * 8 + number) % ENTITIES for number in range(8)]
        return [
            *operation(),
            *(("example", each.id, workloads.ProxyObserved(proxy=each)) for each in (proxy(one, turn) for one in some)),
            *operation(),
            *(("example", each.id, workloads.WorkloadObserved(workload=each)) for each in map(workload, some[:3])),
            ("example", "demo", meshes.MeshObserved(mesh=mesh)),
        ]

    return itertools.chain.from_iterable(once(turn) for turn in itertools.count())


async def publish(bus: mwbus.Connection, told: Told) -> None:
    """One event."""
    origin, entity, message = told
    kind = message.wire.entity
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin=origin, entity=kind, id=entity)
    await bus.publisher.publish(subject, message, timeout=PATIENCE_S)


async def load(bus: mwbus.Connection) -> None:
    """So many events in each second, until cancelled."""
    began = time.monotonic()
    for number, told in enumerate(happening()):
        await asyncio.sleep(max(began + number / PER_SECOND - time.monotonic(), 0))
        await publish(bus, told)


async def traffic(bus: mwbus.Connection) -> None:
    """A window of edges every five seconds, with other numbers each time."""
    subject = subjects.fill(subjects.METRICS, workspace="default", origin="example", mesh="demo")
    for turn in itertools.count():
        edges = [
            Edge(
                source=f"shop-{number % ENTITIES:02}-v1",
                destination=f"shop-{(number * 7 + 1 + number // ENTITIES) % ENTITIES:02}",
                destination_version="v1", requests=turn % 50 + number, errors=number % 3,
                rate=(turn % 50 + number) / WINDOW_S, error_rate=0.01, p50_ms=3.0, p99_ms=9.0, mutual_tls=1.0,
            )
            for number in range(EDGES)
        ]  # fmt: skip
        start = now() - datetime.timedelta(seconds=WINDOW_S)
        await bus.publisher.publish(
            subject, EdgesMeasured(mesh="demo", start=start, seconds=WINDOW_S, edges=edges), timeout=PATIENCE_S
        )
        await asyncio.sleep(WINDOW_S)


class Worker:
    """The shared worker, over the browser's own debugging session: Playwright has no object for it."""

    def __init__(self, session: CDPSession, target: str) -> None:
        self._session = session
        self._target = target

    async def heap(self) -> float:
        """MiB in use behind a garbage collection. Raises TimeoutError."""
        attached = await self._session.send("Target.attachToTarget", {"targetId": self._target, "flatten": False})
        answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue(100)

        def take(told: dict[str, Any]) -> None:
            if told["sessionId"] == attached["sessionId"]:
                answers.put_nowait(json.loads(told["message"]))

        self._session.on("Target.receivedMessageFromTarget", take)
        try:
            for number, method in enumerate(("HeapProfiler.collectGarbage", "Runtime.getHeapUsage")):
                message = json.dumps({"id": number, "method": method})
                names = {"sessionId": attached["sessionId"], "message": message}
                await self._session.send("Target.sendMessageToTarget", names)
            async with asyncio.timeout(60):
                while True:
                    answer = await answers.get()
                    if answer.get("id") == 1:
                        return float(answer["result"]["usedSize"]) / MIB
        finally:
            self._session.remove_listener("Target.receivedMessageFromTarget", take)
            await self._session.send("Target.detachFromTarget", {"sessionId": attached["sessionId"]})


async def shared_worker(browser: Browser) -> Worker:
    """The one that reads the stream for all tabs."""
    session = await browser.new_browser_cdp_session()
    targets = (await session.send("Target.getTargets"))["targetInfos"]
    [target] = [each["targetId"] for each in targets if each["type"] == "shared_worker"]
    return Worker(session, target)


class Measured:
    """A page and its debugging session."""

    def __init__(self, page: Page, session: CDPSession) -> None:
        self.page = page
        self._session = session

    async def read(self) -> tuple[float, int]:
        """MiB of heap in use behind a garbage collection, and DOM nodes."""
        await self._session.send("HeapProfiler.collectGarbage")
        metrics = (await self._session.send("Performance.getMetrics"))["metrics"]
        values = {each["name"]: each["value"] for each in metrics}
        return values["JSHeapUsedSize"] / MIB, int(values["Nodes"])


async def open_pages(context: BrowserContext, url: str) -> dict[str, Measured]:
    """Signs in, and opens each page in a tab of its own."""
    first = await context.new_page()
    await first.goto(url)
    await first.get_by_label("API token").fill(TOKEN)
    await first.get_by_role("button", name="Sign in").click()
    await first.get_by_role("heading", name="Overview").wait_for()
    await first.close()
    result = {}
    for name, path in PAGES.items():
        page = await context.new_page()
        await page.goto(url + path)
        await page.locator("main#main h1").wait_for()
        session = await context.new_cdp_session(page)
        await session.send("Performance.enable")
        result[name] = Measured(page, session)
    return result


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The machine's."""
    program = os.environ.get("MESHWRIGHT_TEST_BROWSER") or shutil.which("chromium") or "chromium"
    # A sandbox needs rights that root in a container has not; the pages are ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        await browser.close()


async def watch(
    pages: dict[str, Measured], worker: Worker, bus: mwbus.Connection, minutes: float, pause: float
) -> None:
    """A line now and every `pause` minutes, and what has grown in the end."""
    heads = "  ".join(f"{name + ' MiB':>12} {'nodes':>6}" for name in pages)
    print(f"{'minute':>6}  {'events':>8}  {heads}  worker MiB")
    began = time.monotonic()
    lines: list[list[float]] = []
    while True:
        minute = (time.monotonic() - began) / 60
        values = {name: await page.read() for name, page in pages.items()}
        heap = await worker.heap()
        events = (await bus.stream_bounds("EVENTS"))[1]
        shown = "  ".join(f"{values[name][0]:12.1f} {values[name][1]:6}" for name in pages)
        print(f"{minute:6.0f}  {events:8}  {shown}  {heap:10.2f}", flush=True)
        lines.append([*(values[name][0] for name in pages), heap])
        if minute >= minutes:
            break
        await asyncio.sleep(pause * 60)
    for name, first, last in zip((*pages, "worker"), lines[min(1, len(lines) - 1)], lines[-1], strict=True):
        print(f"  {name:10} {first:6.2f} to {last:6.2f} MiB: {last / first:.2f}")


async def run(parts: Stack, minutes: float, pause: float) -> None:
    """The load, the browser, and the readings."""
    async with mwbus.connect(parts.nats.url, "tester") as bus, chromium() as browser:
        tasks = [asyncio.create_task(each) for each in (load(bus), traffic(bus))]
        try:
            pages = await open_pages(await browser.new_context(viewport={"width": 1280, "height": 900}), parts.url)
            await pages["events"].page.get_by_text("are no longer shown here").wait_for(timeout=120_000)
            watching = asyncio.create_task(watch(pages, await shared_worker(browser), bus, minutes, pause))
            tasks.append(watching)
            # Without the load a reading says nothing: the first that ends or fails ends the run.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await ending.end(*tasks)


async def measure(minutes: float, pause: float) -> None:
    """A stack for as long as it takes."""
    with tempfile.TemporaryDirectory(prefix="meshwright-heap-") as directory:
        async with stack(Path(directory)) as parts:
            print(f"{PER_SECOND} events/s; the load of the machine is {os.getloadavg()[0]:.1f}")
            await run(parts, minutes, pause)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=60.0, help="how long to watch")
    parser.add_argument("--every", type=float, default=5.0, help="minutes between two readings")
    options = parser.parse_args()
    asyncio.run(measure(options.minutes, options.every))


if __name__ == "__main__":
    main()
