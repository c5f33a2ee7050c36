"""Working with the dashboard: from a design to applied by keyboard alone, and events that never get lost."""

import os
import re
import signal
import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from meshwright.workers.local.home import Home
from meshwright.workers.local.output import Output
from meshwright.workers.local.running import LocalStack

pytestmark = [pytest.mark.servers, pytest.mark.e2e, pytest.mark.timeout(300)]
Visitor = Any
_FOCUSED = "(document.activeElement.ariaLabel || document.activeElement.innerText || '').trim()"


def until_focused(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has this accessible name."""
    for _ in range(80):
        if page.evaluate("document.activeElement.className").startswith("cm-content"):
            page.keyboard.press("Escape")  # in the editor Tab indents until then, as the page says
        page.keyboard.press("Tab")
        if page.evaluate(_FOCUSED) == name:
            return
    raise AssertionError(f"the keyboard never reaches {name!r}")


def test_a_design_is_applied_by_keyboard_alone(visitor: Visitor) -> None:
    """Written, saved with a reason, compared, applied with a reason; its steps and its end are seen as they happen."""
    name = f"keys-{os.urandom(2).hex()}"
    visitor.signs_in()
    page = visitor.goes("/designs?dialog=new")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator(".cm-content")).to_be_visible()
    expect(page.get_by_text("No problems.")).to_be_visible()
    until_focused(page, "Save")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Reason").focus()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    page.get_by_role("tab", name="Edit").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Diff and apply")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("RouteConfiguration")).to_be_visible()
    until_focused(page, "Apply to demo")
    page.keyboard.press("Enter")
    expect(page.get_by_label(re.compile("^Steps"))).to_be_visible()
    expect(page.locator("section.card .state", has_text="succeeded")).to_be_visible()
    expect(page.get_by_text("The mesh is already as this design says.")).to_be_visible()
    visitor.complaints = [each for each in visitor.complaints if "404" not in each]
    visitor.place.http.post(f"/v1/designs/{name}:remove", json={"mesh": "demo"}).raise_for_status()


def test_what_is_wrong_is_said_at_its_line_while_typing(visitor: Visitor) -> None:
    """A share beyond everything is marked where it is written, and the design cannot be applied."""
    visitor.signs_in()
    page = visitor.goes("/designs/wrong")
    expect(page.locator(".cm-content")).to_be_visible()
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("- intent: retry\nservice: nobody-has-this\nattempts: 999\n")
    expect(page.get_by_label("Problems").get_by_text("line 12")).to_be_visible()
    page.get_by_role("tab", name="Diff and apply").click()
    expect(page.get_by_text("Mend its problems first.").first).to_be_visible()
    visitor.complaints.clear()  # the browser reports 404 and 422


def test_two_tabs_share_one_stream(visitor: Visitor) -> None:
    """However many tabs are open, the server has one reader more."""
    visitor.signs_in()
    page = visitor.goes("/events")
    expect(page.get_by_text("live", exact=True)).to_be_visible()

    def clients() -> float:
        [line] = re.findall(r"^meshwright_sse_clients (\S+)$", visitor.place.http.get("/metrics").text, re.MULTILINE)
        return float(line)

    before = clients()
    other = visitor.opens()
    other.goto(f"{visitor.place.url}/events")
    expect(other.get_by_text("live", exact=True)).to_be_visible()
    assert clients() == before


def test_no_event_is_lost_or_repeated_over_restarts_of_the_api(visitor: Visitor) -> None:
    """The page counts on through three restarts, and says that it was interrupted."""
    visitor.signs_in()
    page = visitor.goes("/events")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    # The filter keeps what the test itself causes: an operation that changes nothing, before and behind each restart.
    page.get_by_label("Type").fill("dev.meshwright.operation.accepted.v1")
    expect(page).to_have_url(re.compile("type="))
    wanted = []
    for _ in range(3):
        wanted.append(_refresh(visitor))
        _restart_api(visitor)
        wanted.append(_refresh(visitor))
    rows = page.get_by_label("Live events").locator("li")
    expect(rows).to_have_count(len(wanted))
    assert [row.get_attribute("data-entity") for row in rows.all()] == wanted[::-1]
    expect(page.get_by_text("nothing is missing, nothing is shown twice")).to_be_visible()
    visitor.complaints.clear()  # the browser reports each refused connection


def _refresh(visitor: Visitor) -> str:
    answer = visitor.place.http.post("/v1/meshes/demo:status")
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _restart_api(visitor: Visitor) -> None:
    """Kill the API, and wait until the stack's supervisor has started it again."""
    stack = LocalStack(Home(visitor.place.home), Output())
    before = stack.running()["api"].pid
    os.kill(before, signal.SIGKILL)

    def is_back() -> bool:
        api = stack.running().get("api")
        if api is None or api.pid == before:
            return False
        try:
            return bool(visitor.place.http.get("/readyz").status_code == 200)
        except httpx.TransportError:
            return False

    deadline = time.monotonic() + 60
    while not is_back():
        assert time.monotonic() < deadline, "the API did not come back"
        visitor.page.wait_for_timeout(100)  # the browser goes on meanwhile
