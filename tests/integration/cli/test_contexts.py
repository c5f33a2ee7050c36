"""Contexts: which server a command goes to."""

from pathlib import Path
from typing import Any

from meshwright.core.machine import processes
from rig.stack.stack import TOKEN

Terminal = Any
NOWHERE = {"MESHWRIGHT_API_URL": "", "MESHWRIGHT_TOKEN": ""}


def test_a_context_replaces_the_environment(terminal: Terminal, machine: Any) -> None:
    """A stored context carries address and token; its file is for its owner's eyes only."""
    arguments = ("context", "add", "far", "--api-url", machine.url, "--token-stdin")
    terminal.run(*arguments, stdin=TOKEN, **NOWHERE)
    assert "place" not in terminal.run("connections", "list", **NOWHERE).stdout
    listed = terminal.run("context", "list", **NOWHERE).stdout
    assert TOKEN not in listed
    assert listed.splitlines()[1].split()[:3] == ["*", "far", machine.url]
    file = Path(terminal.folder) / ".config" / "meshwright" / "contexts.yaml"
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_local_stack_is_found_from_below(terminal: Terminal, machine: Any) -> None:
    """In any folder below the one with `.meshwright` commands go to the local stack, once its API is known to be it."""
    home = Path(terminal.folder) / ".meshwright"
    home.mkdir()
    (home / "api-url").write_text(machine.url + "\n")
    (home / "admin-token").write_text(TOKEN + "\n")
    terminal.folder = Path(terminal.folder) / "deep" / "below"
    terminal.folder.mkdir(parents=True)
    assert f"from: {home}" in terminal.run("context", "show", **NOWHERE).stdout
    assert "token was not sent" in terminal.run("connections", "list", expect=6, **NOWHERE).stderr
    api = processes.of(machine.api_pid)
    assert api is not None
    processes.write(home / "run" / "api.json", api)
    terminal.run("connections", "list", **NOWHERE)
