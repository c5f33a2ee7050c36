"""Ctrl-C at any time is quiet; outside a stack's folder it is said how to go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meshwright.ui_api.cli.client import contexts
from meshwright.ui_api.cli.exits import Exit

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


@pytest.mark.parametrize(
    "arguments",
    ["events search --limit 5000", "events search --limit 5000 -o json", "explain"],
)
def test_a_pipe_that_is_closed_early_ends_quietly(server: Server, tmp_path: Path, arguments: str) -> None:
    """As with `| head`: exit code 141, and nothing on stderr."""
    one = {"entity": "mesh", "entity_id": "m", "origin": "envoy", "data": {}, "time": "2026-01-01T00:00:00Z"}
    many = [one | {"id": number, "type": "t" * 99} for number in range(3000)]
    server.on("GET /v1/events", server.page(*many))
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("meshwright")), *arguments.split()],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MESHWRIGHT_API_URL": server.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait(60) == Exit.CLOSED, process.stderr.read()
        assert process.stderr.read() == ""


def test_a_shell_completes_kinds_and_names(server: Server, terminal: Terminal) -> None:
    """Of references, of arguments, and of options, by what the server has."""
    server.on("GET /v1/meshes", server.page({"id": "demo"}, {"id": "prod"}))
    server.on("GET /v1/connections", server.page({"id": "here"}))
    for words, wanted in (
        ("describe me", "mesh/"),
        ("wait mesh/pr", "mesh/prod"),
        ("describe meshes/pr", "meshes/prod"),
        ("metrics de", "demo"),
        ("connections show h", "here"),
        ("meshes install new --connection h", "here"),
        ("drift list --mesh p", "prod"),
    ):
        line = ["meshwright", *words.split()]
        shown = terminal.run(
            _MESHWRIGHT_COMPLETE="complete_bash", COMP_WORDS=" ".join(line), COMP_CWORD=str(len(line) - 1)
        )
        assert wanted in shown.stdout.split(), words
