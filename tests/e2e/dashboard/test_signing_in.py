"""Signing in and out of the dashboard, and what each role may do there."""

import re
import subprocess
from typing import Any

import pytest
from playwright.sync_api import expect

from meshwright.workers.local import parts

pytestmark = [pytest.mark.servers, pytest.mark.e2e, pytest.mark.timeout(300)]
Visitor = Any
Place = Any


def test_a_token_signs_in_and_signing_out_ends_the_session(visitor: Visitor) -> None:
    """The session is a cookie that no script can read; after signing out it opens nothing."""
    page = visitor.signs_in()
    [cookie] = [each for each in visitor.context.cookies() if "session" in each["name"]]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert visitor.place.token not in str(page.evaluate("[document.cookie, {...localStorage}, {...sessionStorage}]"))
    page.get_by_role("button", name=re.compile("Sign out")).click()
    expect(page.get_by_label("API token")).to_be_visible()
    page.goto(f"{visitor.place.url}/meshes")
    expect(page.get_by_label("API token")).to_be_visible()
    visitor.complaints.clear()  # the browser reports each 401


def test_a_wrong_token_is_told_so(visitor: Visitor) -> None:
    """The reason stands on the page, and nobody is signed in."""
    page = visitor.page
    page.goto(f"{visitor.place.url}/")
    page.get_by_label("API token").fill("mwt_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("unknown, revoked or expired")
    assert visitor.context.cookies() == []
    visitor.complaints.clear()


def test_a_link_signs_in_once_and_its_code_is_gone(visitor: Visitor, browser: Any, place: Place) -> None:
    """The code leaves the address bar at once, and a second visitor with the same link is refused."""
    environment = {"MESHWRIGHT_API_URL": place.url, "MESHWRIGHT_TOKEN": place.token, "PATH": "/usr/bin:/bin"}
    command = [str(parts.console("meshwright")), "dashboard"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
    link = re.search(r"http://\S+#code=\S+", printed)
    assert link, printed
    visitor.page.goto(link[0])
    expect(visitor.page.get_by_role("heading", name="Overview")).to_be_visible()
    assert "code" not in visitor.page.url
    visitor.complaints.clear()

    other = browser.new_context()
    try:
        page = other.new_page()
        page.goto(link[0])
        expect(page.get_by_role("alert")).to_contain_text("unknown, used or expired")
    finally:
        other.close()


def test_a_viewer_sees_why_she_may_not(visitor: Visitor, place: Place) -> None:
    """What her role forbids is disabled and says so; the server refuses all the same."""
    visitor.signs_in(place.token_of("viewer"))
    page = visitor.goes("/meshes/demo")
    button = page.get_by_role("button", name=re.compile("^Uninstall"))
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_contain_text("This needs the role operator; you have viewer.")
    button.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)
    status = page.evaluate(
        """async () => {
            const {csrf} = await (await fetch('v1/session')).json();
            const headers = {'Meshwright-CSRF': csrf};
            return (await fetch('v1/meshes/demo', {method: 'DELETE', headers})).status;
        }"""
    )
    assert status == 403
    visitor.complaints.clear()


def test_a_write_without_the_proof_is_refused(visitor: Visitor) -> None:
    """A script that has only the cookie changes nothing."""
    page = visitor.signs_in()
    answer = page.evaluate("async () => (await (await fetch('v1/meshes/demo:status', {method: 'POST'})).json())")
    assert answer["type"].endswith("csrf-proof-required")
    visitor.complaints.clear()
