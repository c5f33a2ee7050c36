"""Every page, in both themes and on a phone: it is shown without a complaint, and everybody can use it."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.servers, pytest.mark.e2e, pytest.mark.timeout(300)]
Visitor = Any
AXE = Path(__file__).parents[3] / "ui-api" / "web" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = (
    "/",
    "/topology/demo",
    "/topology/demo?view=table",
    "/topology/demo?node=reviews",
    "/meshes",
    "/meshes/demo",
    "/meshes/demo?tab=proxies",
    "/meshes/demo?tab=intents",
    "/meshes/demo?dialog=enrol",
    "/meshes?dialog=install",
    "/designs",
    "/designs/fresh",
    "/operations",
    "/deadletters",
    "/events",
    "/events?view=log",
    "/workloads",
    "/workloads/demo~~process~reviews-v1",
    "/proxies",
    "/proxies/demo~~reviews-v1",
    "/settings",
    "/settings?dialog=add",
    "/settings?section=adapters",
    "/settings?section=webhooks",
    "/settings?section=tokens",
    "/settings?section=workspaces",
    "/settings?section=system",
    "/nowhere",
)
PHONE = {"viewport": {"width": 360, "height": 740}}


THEMES = ({"color_scheme": "light"}, {"color_scheme": "dark"})


@pytest.mark.parametrize("visitor", THEMES, indirect=True, ids=["light", "dark"])
def test_axe_finds_nothing_on_any_page(visitor: Visitor) -> None:
    """By the rules of WCAG 2.2 that a program can check (axe-core)."""
    visitor.signs_in()
    found = []
    for path in PAGES:
        page = visitor.goes(path) if path != "/nowhere" else visitor.page
        if path == "/nowhere":
            page.goto(visitor.place.url + path)
            expect(page.get_by_text("There is no such page.")).to_be_visible()
        if path == "/designs/fresh":
            expect(page.locator(".cm-content")).to_be_visible()
        page.evaluate(AXE.read_text())  # by the debugger: the page itself would refuse such a script
        result = page.evaluate("async () => (await axe.run()).violations")
        found += [f"{path}: {each['id']} {[node['target'] for node in each['nodes']][:3]}" for each in result]
    visitor.complaints = [each for each in visitor.complaints if "404" not in each]  # a design that is not saved yet
    assert found == []


@pytest.mark.parametrize("visitor", [PHONE], indirect=True, ids=["360 px"])
def test_no_page_is_wider_than_a_phone(visitor: Visitor) -> None:
    """Nothing has to be scrolled sideways but tables and editors within themselves."""
    visitor.signs_in()
    wide = []
    for path in PAGES[:-1]:
        page = visitor.goes(path)
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 360:
            wide.append(f"{path}: {width} px")
    visitor.complaints = [each for each in visitor.complaints if "404" not in each]
    assert wide == []


def test_scripts_come_from_this_server_alone(visitor: Visitor) -> None:
    """An inline script and one from elsewhere are refused by the page's policy."""
    page = visitor.signs_in()
    page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.injected = true';
        document.body.append(script);
    }""")
    assert page.evaluate("window.injected") is None
    visitor.complaints = [each for each in visitor.complaints if "Content Security Policy" not in each]


def test_names_are_text_whatever_they_hold(visitor: Visitor) -> None:
    """Markup, right-to-left marks and long words in what users write are shown as they are."""
    place = visitor.place
    odd = '<img src=x onerror="window.injected=1"> \u202egnol\u202c ' + "w" * 300
    name = "a" + "-long" * 12 + "er"
    answer = place.http.put(f"/v1/designs/{name}", json={"description": odd, "intents": []})
    assert answer.status_code in (200, 201), answer.text
    visitor.signs_in()
    page = visitor.goes("/designs")
    expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_text('<img src=x onerror="window.injected=1">')).to_be_visible()
    page = visitor.goes(f"/designs/{name}")
    expect(page.locator(".cm-content")).to_contain_text("<img src=x")
    assert page.evaluate("window.injected") is None
