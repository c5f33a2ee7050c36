"""Ctrl-C at any time is quiet; outside a stack's folder it is said how to go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meshwright.ui_api.cli.client import contexts

Server = Any
Terminal = Any


@pytest.mark.parametrize("main", ["meshwright.ui_api.cli", "meshwright.workers.local"])
def test_an_interruption_while_modules_are_imported_shows_no_traceback(main: str, tmp_path: Path) -> None:
    """The exit code is 130, and nothing is written."""
    program = (
        "import builtins, os, signal, sys\n"
        f"from {main} import main\n"
        "load = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        "    builtins.__import__ = load\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    return load(name, *rest)\n"
        "sys.argv = ['meshwright', 'status']\n"
        "builtins.__import__ = interrupted\n"
        "main()\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MESHWRIGHT_HOME": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_outside_a_stacks_folder_it_is_said_how_to_add_a_context(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the default address was tried without a token, and nobody answers there."""
    monkeypatch.setattr(contexts, "DEFAULT_URL", "http://127.0.0.1:9")
    shown = terminal.run("meshes", "list", expect=6, MESHWRIGHT_API_URL=None, MESHWRIGHT_TOKEN=None).stderr
    words = " ".join(shown.split())
    assert "meshwright context add NAME --api-url URL --token-file FILE" in words
    assert "no stack in this folder" in words


def test_with_a_context_the_server_speaks_for_itself(server: Server, terminal: Terminal) -> None:
    """A refused token of a known server is no missing context."""
    server.on("GET /v1/meshes", server.problem("unauthenticated"))
    shown = terminal.run("meshes", "list", expect=3, MESHWRIGHT_TOKEN=None).stderr
    assert "context add" not in shown
