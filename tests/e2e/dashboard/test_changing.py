"""Changing a mesh when it does not go well: cancelled half-way, refused by Envoy, and looked back at."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.servers, pytest.mark.e2e, pytest.mark.timeout(300)]
Visitor = Any
Place = Any
RETRY = {"intent": "retry", "service": "ratings", "attempts": 2}
TIMEOUT = {"intent": "timeout", "service": "catalog", "timeout": "5s"}
TWICE = {
    "type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "name": "outbound",
    "body": {"virtual_hosts": [{"name": "twice", "domains": ["reviews"]}]},
}


def saved(place: Place, **document: Any) -> str:
    """The name of a new design."""
    name = f"changing-{os.urandom(2).hex()}"
    place.http.put(f"/v1/designs/{name}", json=document).raise_for_status()
    return name


@contextmanager
def not_answering(place: Place, workload: str) -> Iterator[None]:
    """That workload's Envoy stands still, so that nobody hears whether it has taken its configuration."""
    record = place.home / "data" / "fleet" / f"default.demo.{workload}" / "record.json"
    pid = json.loads(record.read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def step(page: Page, name: str) -> Locator:
    """The row of a step in the timeline."""
    return page.locator(".timeline-row").filter(has=page.get_by_text(name, exact=True))


def test_a_running_operation_is_cancelled_from_its_page(visitor: Visitor, place: Place) -> None:
    """Cancelled with a reason, it undoes what it did, and the page shows both as it happens."""
    visitor.signs_in()
    with not_answering(place, "payments"):
        name = saved(place, intents=[RETRY])
        page = visitor.goes(f"/designs/{name}?tab=apply")
        page.get_by_role("button", name="Apply to demo").click()
        page.locator("section.card h2 a").click()
        expect(page.get_by_role("status").filter(has_text="waiting for the proxies to acknowledge")).to_be_visible()
        page.get_by_role("button", name="Cancel", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill("it takes too long")
        dialog.get_by_role("button", name="Cancel it").click()
        expect(page.locator(".page-head .state")).to_have_text("cancelled")
    expect(step(page, "apply")).to_contain_text("undone")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    page.get_by_role("tab", name="Events").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("it takes too long")
    assert place.read(f"/v1/releases?design={name}&state=applied")["items"] == []


def test_what_envoy_rejects_is_told_in_its_own_words(visitor: Visitor, place: Place) -> None:
    """Its sentence, the cause and a remedy; the steps say what was undone, and nothing is applied."""
    visitor.signs_in()
    name = saved(place, intents=[RETRY], resources=[TWICE])
    page = visitor.goes(f"/designs/{name}?tab=apply")
    page.get_by_role("button", name="Apply to demo").click()
    failed = page.locator(".note.failing").first
    expect(failed).to_contain_text("Only unique values for domains are permitted. Duplicate entry of domain reviews")
    expect(failed).to_contain_text("MW2001")
    expect(failed).to_contain_text("Cause: The configuration is well-formed but Envoy cannot run it")
    expect(failed).to_contain_text("What to do: Correct the native resource or intent that Envoy names")
    expect(step(page, "wait")).to_contain_text("failed")
    expect(step(page, "apply")).to_contain_text("undone")
    expect(page.locator("section.card h2 .state")).to_have_text("failed")
    assert place.read(f"/v1/releases?design={name}&state=applied")["items"] == []


def test_the_past_is_gone_through_and_left_again(visitor: Visitor, place: Place) -> None:
    """A slider over the stored traffic, with changes marked; the address has the moment; then it is live again."""
    name = saved(place, intents=[TIMEOUT])
    begun = place.http.post(f"/v1/designs/{name}:apply", json={"mesh": "demo"}).raise_for_status().json()
    visitor.signs_in()
    page = visitor.goes(f"/operations/{begun['id']}")
    expect(page.locator(".page-head .state")).to_have_text("succeeded")
    page = visitor.goes("/topology/demo?span=5m")
    page.get_by_role("button", name="Replay", exact=True).click()
    replay = page.get_by_role("region", name="Replay")
    slider = replay.get_by_role("slider", name="Moment")
    expect(slider).to_be_visible()
    expect(replay.get_by_text(re.compile(r"changes are marked \([1-9]"))).to_be_visible()

    slider.focus()
    with page.expect_response(lambda answer: "/topology?" in answer.url and "until=" in answer.url) as asked:
        page.keyboard.press("Home")
    assert asked.value.ok
    expect(page.get_by_text("the past")).to_be_visible()
    expect(page).to_have_url(re.compile(r"at=%22\d+"))
    first = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuetext", first or "")
    expect(page.get_by_label("The graph; the table shows the same")).to_be_visible()
    page.reload()  # what was seen can be shared by its address
    expect(page.get_by_text("the past")).to_be_visible()

    replay.get_by_role("button", name="Back to now").click()
    expect(page.get_by_text("the past")).to_have_count(0)
    assert "at=" not in page.url
    with page.expect_response(lambda answer: "/topology" in answer.url and "until=" not in answer.url):
        pass  # it goes on by itself
    place.http.post(f"/v1/designs/{name}:remove", json={"mesh": "demo"}).raise_for_status()
