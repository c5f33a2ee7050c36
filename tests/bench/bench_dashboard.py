"""The dashboard in Chromium: what it loads, when it paints, how it moves, and how soon a change is seen to be there.

On the demo with its real Envoys, and on a mesh of 2,000 workloads and 6,000 edges which came by the bus. Promised are a
first paint within a second and at most 129 kB of JavaScript (gzip) before the first page. Each figure is of a browser
with an empty cache; times are milliseconds from the beginning of the navigation, frames those while the graph is moved.
The load of the machine is printed, because all of it counts.
"""

import asyncio
import gzip
import itertools
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from meshwright.core.testing.servers import MongoServer
from meshwright.ui_api.web.dashboard import BUILT
from meshwright.workers.local import parts
from rig import large_mesh
from rig.stack.stack import TOKEN, running

PROMISED_KB, PROMISED_MS = 129, 1000
REPEATED = 5
FRAMES = 120
PATIENCE_MS = 120_000
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_DRAWN = "() => performance.getEntriesByName('graph drawn')[0]?.startTime"
_COUNT = """count => { window.counted = new Promise(done => {
    const times = [];
    const next = now => { times.push(now); times.length > count ? done(times) : requestAnimationFrame(next); };
    requestAnimationFrame(next);
}); }"""


def before_the_first_page() -> float:
    """kB of JavaScript, gzip, that the page itself names."""
    page = (BUILT / "index.html").read_text()
    scripts = re.findall(r'(?:src|href)="[./]*(assets/[^"]+\.js)"', page)
    return sum(len(gzip.compress((BUILT / each).read_bytes())) for each in scripts) / 1000


class Place:
    """A running stack and a browser before it."""

    def __init__(self, browser: Browser, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self._browser = browser

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A signed-in tab of a browser that has loaded nothing."""
        context = self._browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        signing = context.new_page()
        signing.goto(self.url)
        signing.get_by_label("API token").fill(self.token)
        signing.get_by_role("button", name="Sign in").click()
        signing.get_by_role("heading", name="Overview").wait_for()
        state: Any = context.storage_state()
        context.close()
        fresh = self._browser.new_context(viewport={"width": 1440, "height": 900}, storage_state=state)
        fresh.set_default_timeout(PATIENCE_MS)
        yield fresh.new_page()
        fresh.close()

    def opens(self, name: str, path: str, *, promised: float | None = None) -> None:
        """When the page paints first, and when its graph is drawn."""
        painted, drawn = [], []
        for _ in range(REPEATED):
            with self.page() as page:
                page.goto(self.url + path)
                page.wait_for_function(_DRAWN)
                painted.append(float(page.evaluate(_PAINT)))
                drawn.append(float(page.evaluate(_DRAWN)))
        median = statistics.median(painted)
        beside = "" if promised is None else f"   {median / promised:.2f} of what is promised"
        print(f"  {name:34} first paint {median:6.0f} ms, graph drawn {statistics.median(drawn):6.0f} ms{beside}")

    def moves(self, name: str, path: str) -> None:
        """How long frames take while the graph is moved."""
        with self.page() as page:
            page.goto(self.url + path)
            page.wait_for_function(_DRAWN)
            box = page.locator(".graph").bounding_box()
            assert box is not None
            x, y = box["x"] + 20, box["y"] + 6
            page.mouse.move(x, y)
            page.mouse.down()
            page.evaluate(_COUNT, FRAMES)
            for step in range(FRAMES):
                page.mouse.move(x + step * 3, y + step)
            times = page.evaluate("window.counted")
            page.mouse.up()
        frames = sorted(later - earlier for earlier, later in itertools.pairwise(times))
        shares = ", ".join(f"p{share} {frames[len(frames) * share // 100]:.0f}" for share in (50, 95, 99))
        print(f"  {name:34} frames while moved: {shares} ms")

    def changes(self) -> None:
        """From the click on Apply until the page says that the last Envoy has acknowledged."""
        http = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=60)
        times = []
        with http, self.page() as page:
            for number in range(REPEATED):
                intent = {"intent": "timeout", "service": "catalog", "timeout": f"{number + 3}s"}
                http.put(f"/v1/designs/timed-{number}", json={"intents": [intent]}).raise_for_status()
                page.goto(f"{self.url}/designs/timed-{number}?tab=apply")
                apply = page.get_by_role("button", name="Apply to demo")
                page.get_by_text("RouteConfiguration").first.wait_for()
                began = time.perf_counter()
                apply.click()
                page.locator("section.card .state", has_text="succeeded").wait_for()
                times.append((time.perf_counter() - began) * 1000)
                answer = (
                    http.post(f"/v1/designs/timed-{number}:remove", json={"mesh": "demo"}).raise_for_status().json()
                )
                while not http.get(f"/v1/operations/{answer['id']}").json()["done"]:
                    time.sleep(0.05)
        median = statistics.median(times)
        print(f"  {'apply to the last ACK of an Envoy':34} median {median:.0f} ms, longest {max(times):.0f} ms")


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """The stack as a user starts it: address and token."""
    with tempfile.TemporaryDirectory(prefix="meshwright-bench-") as folder:
        environment = {**os.environ, "MESHWRIGHT_HOME": folder}
        command = str(parts.console("meshwright-local"))
        subprocess.run([command, "up"], env=environment, check=True, capture_output=True, timeout=300)
        try:
            yield (Path(folder) / "api-url").read_text().strip(), (Path(folder) / "admin-token").read_text().strip()
        finally:
            subprocess.run([command, "down", "--wipe"], env=environment, check=False, capture_output=True, timeout=300)


@contextmanager
def large() -> Iterator[tuple[str, str]]:
    """The stack with the large mesh: address and token."""
    mongo = MongoServer()
    asyncio.run(mongo.start())
    try:
        with running(mongo) as stack:
            stack.start("meshwright-projector")
            stack.start_api()
            asyncio.run(large_mesh.feed(stack.nats.url))
            headers = {"Authorization": f"Bearer {TOKEN}"}
            stack.until(lambda: large_mesh.is_read(stack.url, headers), "meshwright-projector", timeout=300)
            yield stack.url, TOKEN
    finally:
        asyncio.run(mongo.close())


def browse(url: str, token: str, name: str) -> None:
    """Everything that is measured of one stack."""
    program = os.environ.get("MESHWRIGHT_TEST_BROWSER") or shutil.which("chromium") or "chromium"
    # A sandbox needs rights that root in a container has not; the pages are ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        place = Place(browser, url, token)
        if name == "demo":
            place.opens("the demo", "/topology/demo")
            place.moves("the demo", "/topology/demo")
            place.changes()
        else:
            path = "/topology/large?span=1h"
            place.opens("2,000 workloads by namespace", path, promised=PROMISED_MS)
            place.opens("2,000 workloads, 6,000 edges", f"{path}&group=version", promised=PROMISED_MS)
            place.moves("2,000 workloads, 6,000 edges", f"{path}&group=version")
        browser.close()


def main() -> None:
    """Prints the figures."""
    print(f"the load of the machine is {os.getloadavg()[0]:.1f}")
    size = before_the_first_page()
    print(f"  JavaScript before the first page   {size:.1f} kB gzip   {size / PROMISED_KB:.2f} of what is promised")
    with demo() as (url, token):
        browse(url, token, "demo")
    with large() as (url, token):
        browse(url, token, "large")


if __name__ == "__main__":
    main()
