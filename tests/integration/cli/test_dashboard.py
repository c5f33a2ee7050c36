"""`meshwright dashboard` signs in to the dashboard, without showing the code to other users of the host."""

import json
import re
from pathlib import Path
from typing import Any

import httpx

from rig.stack.stack import TOKEN

Terminal = Any


def redeem(link: str) -> httpx.Response:
    """Open a sign-in link as the dashboard does."""
    address, _, code = link.strip().partition("/sign-in#code=")
    return httpx.post(f"{address}/v1/session", json={"code": code})


def test_the_link_signs_in_once(terminal: Terminal, machine: Any) -> None:
    """stdout has the link alone; it gives the role of the token, and whoever comes second is refused."""
    result = terminal.run("dashboard")
    assert re.fullmatch(rf"{machine.url}/sign-in#code=[A-Za-z0-9_-]{{32,}}\n", result.stdout)
    assert "valid once" in result.stderr
    assert TOKEN not in result.stdout + result.stderr
    begun = redeem(result.stdout)
    assert (begun.status_code, begun.json()["principal"]["name"]) == (201, "admin")
    assert redeem(result.stdout).status_code == 401


def test_programs_get_the_link_and_its_end(terminal: Terminal) -> None:
    """As JSON the link has a name, and its code and end beside it."""
    result = json.loads(terminal.run("dashboard", "-o", "json").stdout)
    assert result.keys() == {"code", "expires_at", "url"}
    assert redeem(result["url"]).status_code == 201


def test_a_browser_gets_the_link_in_a_private_file(terminal: Terminal) -> None:
    """The arguments of a process are visible to every user, so the code is in a file that only its owner reads."""
    folder = Path(terminal.folder)
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > {folder}/opened\n')
    browser.chmod(0o700)
    link = terminal.run("dashboard", "--open", BROWSER=f"{browser} %s").stdout.strip()
    page = folder / ".config" / "meshwright" / "sign-in.html"
    assert (folder / "opened").read_text().strip() == page.as_uri()
    assert page.stat().st_mode & 0o777 == 0o600
    assert f'content="0;url={link}"' in page.read_text()


def test_without_a_browser_the_link_is_still_there(terminal: Terminal) -> None:
    """The failure says what to do, and the link works."""
    result = terminal.run("dashboard", "--open", expect=1, PATH=str(terminal.folder), BROWSER="/nowhere/browser %s")
    assert "no browser could be started" in result.stderr
    assert redeem(result.stdout).status_code == 201
