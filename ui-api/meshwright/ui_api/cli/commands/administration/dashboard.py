"""`meshwright dashboard`: a link that opens the dashboard and signs in, once.

Problem: the arguments of a process, so the address with which a browser is started, are visible to all users of the
host. Invariant: the code is on stdout and in a file that only the user can read; the browser is started with that file,
which sends it on.
"""

import os
from html import escape
from pathlib import Path
from typing import Annotated

import typer

from meshwright.ui_api.cli.client import contexts, paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed

PAGE = "sign-in.html"


def dashboard(
    session: Session,
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser, too.")] = False,
) -> None:
    """Print a link to the dashboard that signs in, once, within ten minutes."""
    created = session.api.request("POST", paths.SESSION_CODES).data
    url = f"{session.target.api_url}/sign-in#code={created['code']}"
    until = str(created["expires_at"]).replace("T", " ")[:19]
    session.output.say(f"whoever opens this link first is signed in; it is valid once, until {until} UTC")
    if session.output.human:
        session.output.text(url)
    else:
        session.output.data({**created, "url": url})
    if open_:
        _open(contexts.config_path(os.environ).with_name(PAGE), url)


def _open(page: Path, url: str) -> None:
    import webbrowser

    contexts.write_private(
        page,
        f'<!doctype html><html><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0;url={escape(url)}"><title>Meshwright</title></head></html>',
    )
    if not webbrowser.open(page.as_uri()):
        raise CommandFailed("no browser could be started", remedy="Open the link above yourself.")
