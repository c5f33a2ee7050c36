"""A browser before the whole stack as a user starts it: the demo mesh with its real Envoys and traffic."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from meshwright.ui_api.web.dashboard import BUILT
from meshwright.workers.local import parts

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT_MS = 60_000
"""milliseconds that anything may take on a slow machine"""


class Place:
    """The running stack: its address, its token, and requests with that token."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = (home / "api-url").read_text().strip()
        self.token = (home / "admin-token").read_text().strip()
        self.http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=60, trust_env=False
        )

    def read(self, path: str) -> Any:
        """What the API answers."""
        return self.http.get(path).raise_for_status().json()

    def token_of(self, role: str) -> str:
        """A new token of that role."""
        name = f"{role}-{os.urandom(3).hex()}"
        return str(self.http.post("/v1/tokens", json={"id": name, "role": role}).raise_for_status().json()["secret"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One stack for the tests of a file."""
    if not (BUILT / "index.html").is_file():
        pytest.skip("the dashboard is not built: make web")
    home = tmp_path_factory.mktemp("stack")
    environment = {**os.environ, "MESHWRIGHT_HOME": str(home)}

    def local(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(parts.console("meshwright-local")), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)

    started = local("up")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        place = Place(home)
        with place.http:
            yield place
    finally:
        local("down", "--wipe")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the machine has it.

    Its loop runs for as long as it does, beside which no asynchronous test could begin: so it ends with the file.
    """
    program = os.environ.get("MESHWRIGHT_TEST_BROWSER") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium on the PATH: apt-get install chromium, or name one as MESHWRIGHT_TEST_BROWSER")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        # A sandbox needs rights that root in a container has not; the pages are ours.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=program, args=arguments)
        yield chromium
        chromium.close()


class Visitor:
    """Somebody at a browser; `complaints` is what the browser has to say against the pages."""

    def __init__(self, context: BrowserContext, place: Place) -> None:
        self.context = context
        self.place = place
        self.complaints: list[str] = []
        self.page = self.opens()

    def opens(self) -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hears)
        return page

    def _hears(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def signs_in(self, token: str = "") -> Page:
        """The overview, signed in by a token; by the admin's without one."""
        self.page.goto(f"{self.place.url}/")
        self.page.get_by_label("API token").fill(token or self.place.token)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Overview")).to_be_visible()
        # asked before there was a session
        self.complaints = [each for each in self.complaints if "401" not in each]
        return self.page

    def goes(self, path: str) -> Page:
        """A page by its address, when it has read what it shows."""
        self.page.goto(f"{self.place.url}{path}")
        expect(self.page.locator("main#main h1")).to_be_visible()
        expect(self.page.get_by_text("Loading…", exact=True)).to_have_count(0)
        return self.page


@pytest.fixture
def visitor(place: Place, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Somebody with an empty browser; a parameter has the options of its window. The place is first: see `browser`."""
    options = {"viewport": {"width": 1280, "height": 900}, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    visitor = Visitor(context, place)
    yield visitor
    context.close()
    assert visitor.complaints == []
