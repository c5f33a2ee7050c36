"""Files that people write: one design or a list of workloads, in YAML or JSON.

Problem: a file may be huge, nested without end or blow up through aliases. Invariant: a document is read within
bounds of size, aliases and depth before anything is sent, and a syntax error names its line.
"""

import sys
from pathlib import Path
from typing import Any

from meshwright.ui_api.cli.exits import CommandFailed, Exit

MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 64
_MAX_ALIASES = 100


def load(source: str) -> Any:
    """The one document of a file, or of stdin for `-`. Raises CommandFailed saying what is wrong and where."""
    return parse(_read(source), "standard input" if source == "-" else source)


def load_design(source: str) -> dict[str, Any]:
    """A design as plain data with its `id`. Raises CommandFailed."""
    document = load(source)
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        raise CommandFailed(
            f"{source} is not a design",
            code=Exit.USAGE,
            remedy="A design is a mapping with `id` and lists of `workloads`, `resources` and `intents`.",
        )
    return document


def parse(text: str, name: str) -> Any:
    """The one document in a text. Raises CommandFailed."""
    import yaml

    try:
        _check_bounds(text, name)
        found = list(yaml.safe_load_all(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise _bad(f"{place}: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _bad(f"{name}: {error}") from error
    found = [document for document in found if document is not None]
    if len(found) != 1:
        raise _bad(f"{name} holds {len(found) or 'no'} documents, one is needed")
    return found[0]


def _read(source: str) -> str:
    try:
        raw = sys.stdin.buffer.read(MAX_BYTES + 1) if source == "-" else _head(Path(source))
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(f"{source} cannot be read: {error}") from error
    if len(raw) > MAX_BYTES:
        raise _bad(f"{source} is larger than 1 MiB", remedy="Split it into several designs.")
    return text


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _check_bounds(text: str, name: str) -> None:
    """Walk the syntax without building anything: too deep or too many aliases is refused."""
    import yaml

    depth = aliases = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        if depth > _MAX_DEPTH:
            raise _bad(f"{name} is nested deeper than {_MAX_DEPTH} levels")
        if aliases > _MAX_ALIASES:
            raise _bad(f"{name} uses more than {_MAX_ALIASES} aliases", remedy="Write the repeated parts out.")


def _bad(what: str, remedy: str = "") -> CommandFailed:
    return CommandFailed(what, code=Exit.USAGE, remedy=remedy)
