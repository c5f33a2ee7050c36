"""Files that people write: one design or a list of workloads, in YAML or JSON.

Invariant: a document is read within the bounds that the API sets (size, depth, aliases) and by the same grammar
before anything is sent, so a file means the same thing to both; a mistake in it is told before the network is
used.
"""

import sys
from pathlib import Path
from typing import Any

from meshwright.ui_api import yaml_documents
from meshwright.ui_api.cli.exits import CommandFailed, Exit

MAX_BYTES = 1024 * 1024
STDIN = "-"


def load(source: str) -> Any:
    """The one document of a file, or of stdin for `-`. Raises CommandFailed saying what is wrong and where."""
    name = "standard input" if source == STDIN else source
    raw = _read(source, name)
    if len(raw) > MAX_BYTES:
        raise _bad(f"{name} is larger than 1 MiB", remedy="Split it into several designs.")
    try:
        found = yaml_documents.load(raw)
    except yaml_documents.InvalidYaml as error:
        raise _bad(f"{name} cannot be understood", str(error)) from error
    if found is None:
        raise _bad(f"{name} is empty")
    return found


def load_design(source: str) -> dict[str, Any]:
    """A design as plain data with its `id`. Raises CommandFailed."""
    document = load(source)
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        raise _bad(
            f"{source} is not a design",
            remedy="A design is a mapping with `id` and lists of `workloads`, `resources` and `intents`.",
        )
    return document


def load_workloads(source: str) -> list[Any]:
    """A list of workloads: either the list itself or a mapping with `workloads`. Raises CommandFailed."""
    document = load(source)
    found = document.get("workloads") if isinstance(document, dict) else document
    if not isinstance(found, list) or not found:
        raise _bad(
            f"{source} holds no workloads",
            remedy="Write a list of mappings with name, service, version and port (or a mapping with `workloads`).",
        )
    return found


def _read(source: str, name: str) -> bytes:
    try:
        if source == STDIN:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(source).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _bad(f"{name} cannot be read", str(error)) from error


def _bad(what: str, why: str = "", remedy: str = "") -> CommandFailed:
    return CommandFailed(what, code=Exit.USAGE, notes=(why,) if why else (), remedy=remedy)
