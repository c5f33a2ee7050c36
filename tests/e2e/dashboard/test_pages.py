"""Every page, in both themes and on a phone: it is shown without a complaint, and everybody can use it."""

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from playwright.sync_api import Page, Request, expect

from meshwright.ui_api.cli import program

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


WRITING = 22
"""at least so many different buttons of all pages change something"""
_CLICKED = """() => [...document.querySelectorAll('main button:not([aria-disabled=true]), [role=dialog] button')]
    .filter((each) => !each.closest('.menu') && !/close|copy/i.test(each.ariaLabel ?? ''))"""


def _writing(page: Page) -> dict[str, str]:
    """The buttons in sight that change something: what is written on each, and why it cannot be used."""
    script = """all => all.map(each => [each.textContent.replace(/[.] This needs.*/, ''),
        each.ariaDisabled === 'true' ? each.textContent : ''])"""
    return dict(page.locator("[data-writes]").evaluate_all(script))


def test_a_viewer_changes_nothing_on_any_page(visitor: Visitor) -> None:
    """Every button that writes is disabled and says which role it needs; of the others none sends a write."""
    place = visitor.place
    name = "viewed"
    place.http.put(f"/v1/designs/{name}", json={"intents": []}).raise_for_status()
    place.http.put(f"/v1/designs/{name}", json={"description": "again", "intents": []}, headers={"If-Match": "*"})
    applied = place.http.post(f"/v1/designs/{name}:apply", json={"mesh": "demo"}).raise_for_status().json()["id"]
    page = visitor.signs_in(place.token_of("viewer"))
    sent: list[str] = []

    def hears(request: Request) -> None:
        previews = (":translate", ":diff", ":validate", ":import", "validate_only=true")
        if request.method != "GET" and not any(each in request.url for each in previews):
            sent.append(f"{request.method} {request.url}")

    page.on("request", hears)
    tabs = (f"/designs/{name}?tab={each}" for each in ("edit", "apply", "versions", "releases", "drift"))
    asked = ("rotate", "refresh", "upgrade", "uninstall")
    dialogs = (f"/meshes/demo?dialog={each}" for each in asked)
    seen: dict[str, str] = {}
    for path in (*PAGES[:-1], *tabs, *dialogs, f"/operations/{applied}", "/meshes?dialog=detect"):
        visitor.goes(path)
        seen |= _writing(page)
        for number in range(int(page.evaluate(f"({_CLICKED})().length"))):
            page.evaluate(f"number => ({_CLICKED})()[number]?.click()", number)
            seen |= _writing(page)
            page.keyboard.press("Escape")
    assert sent == []
    assert {what: why for what, why in seen.items() if "This needs the role" not in why} == {}
    assert len(seen) >= WRITING, ", ".join(sorted(seen))
    visitor.complaints.clear()  # the browser reports each 403 of a preview


FILTERED = (
    "/proxies?mesh=demo&name=cart&state=synced&order_by=name%20desc",
    "/workloads?mesh=demo&service=reviews&version=v1&name=reviews-v1",
    "/operations?mesh=demo&state=failed&kind=mesh.install&principal=admin&adapter=envoy&trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "/deadletters?state=replayed&adapter=envoy",
    "/events?view=log&text=two%20words&trace_id=4bf92f3577b34da6a3ce929d0e0e4736&entity=mesh",
    "/events?entity=mesh&id=demo",
    "/meshes?kind=envoy&connection=local&state=ready",
)


def test_every_page_says_what_the_command_line_understands(visitor: Visitor) -> None:
    """The commands to copy, also of filtered lists and of dialogs, and those that empty pages name."""
    visitor.signs_in()
    dialogs = [f"/meshes/demo?dialog={each}" for each in ("rotate", "refresh", "upgrade", "uninstall", "enrol")]
    sections = [f"/settings?section={each}&dialog=add" for each in ("webhooks", "tokens", "workspaces")]
    told: dict[str, str] = {}
    refused: list[str] = []
    visitor.page.on("response", lambda answer: refused.append(answer.url) if answer.status == 400 else None)
    for path in (*PAGES[:-1], *FILTERED, *dialogs, "/meshes?dialog=install", *sections):
        visitor.goes(path)
        told |= dict.fromkeys(visitor.page.locator(".empty code").all_inner_texts(), path)
        visitor.page.get_by_role("button", name="Copy as").last.click()
        told |= dict.fromkeys(visitor.page.locator(".menu-item code").all_inner_texts(), path)
        visitor.page.keyboard.press("Escape")
    visitor.complaints = [each for each in visitor.complaints if "404" not in each]  # a design that is not saved yet
    assert refused == []
    commands = [each for each in told if each.startswith("meshwright ")]
    assert len(commands) >= 25, told
    wrong = {each: why for each in commands if (why := _not_understood(each))}
    assert wrong == {}


def _not_understood(line: str) -> str:
    """What the command line has against a command, which is not run; empty: nothing."""
    words = shlex.split(line)[1:]
    command: Any = typer.main.get_command(program.build())
    context = click.Context(command, info_name="meshwright")
    try:
        while isinstance(command, click.Group):
            name, found, words = command.resolve_command(context, words)
            assert found is not None
            context, command = click.Context(found, parent=context, info_name=name), found
        command.parse_args(context, words)
    except click.ClickException as error:
        return error.format_message()
    except click.exceptions.Exit:  # --help
        return ""
    return ""


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
