"""Files that users write: one design or a list of workloads, in YAML or JSON.

Invariant: a document is read with the API's own limits (size, depth, aliases) and grammar before anything is sent, so a
file means the same to both, and its errors are reported without using the network.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from meshwright.core.security import yaml_documents
from meshwright.ui_api.cli.exits import CommandFailed, Exit

MAX_BYTES = 1024 * 1024
STDIN = "-"
_SUFFIXES = (".yaml", ".yml", ".json")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a file, and its text."""

    name: str
    raw: bytes
    content: Any

    def place(self, pointer: str) -> str:
        """The location of a JSON pointer in the file, as `split.yaml:7`; the file's name when it is unknown."""
        import yaml

        try:
            line = _line(yaml.compose(self.raw, Loader=yaml.SafeLoader), pointer.lstrip("#").split("/")[1:])
        except yaml.YAMLError:
            return self.name
        return f"{self.name}:{line}"


def _line(node: Any, tokens: list[str]) -> int:
    """The line of the deepest node on the path that exists, counted from 1."""
    import yaml

    line = int(node.start_mark.line) + 1
    if not tokens:
        return line
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == tokens[0].replace("~1", "/").replace("~0", "~"):
                return max(int(key.start_mark.line) + 1, _line(value, tokens[1:]) if tokens[1:] else 0)
    elif isinstance(node, yaml.SequenceNode) and tokens[0].isdigit() and int(tokens[0]) < len(node.value):
        return _line(node.value[int(tokens[0])], tokens[1:])
    return line


def load(source: str) -> Document:
    """The one document of a file, or of stdin for `-`. Raises CommandFailed with the error and its place."""
    name = "standard input" if source == STDIN else source
    raw = _read(source, name)
    if len(raw) > MAX_BYTES:
        raise _bad(f"{name} is larger than 1 MiB", remedy="Split it into several designs.")
    try:
        content = yaml_documents.load(raw)
    except yaml_documents.InvalidYaml as error:
        raise _bad(f"{name} cannot be parsed", str(error).replace('"<byte string>"', name)) from error
    if content is None:
        raise _bad(f"{name} is empty")
    return Document(name=name, raw=raw, content=content)


def mapping(source: str) -> dict[str, Any]:
    """The one document of a file, which must be a mapping. Raises CommandFailed."""
    content = load(source).content
    if not isinstance(content, dict):
        raise _bad(f"{source} is not a mapping", remedy="Write `name: value` lines, or a JSON object.")
    return content


def text(source: str) -> str:
    """The text of a file, or of stdin for `-`. Raises CommandFailed."""
    try:
        return _read(source, source).decode()
    except UnicodeDecodeError as error:
        raise _bad(f"{source} is not text", str(error)) from error


def sources(given: Sequence[str]) -> list[str]:
    """The files to read; folders stand for the YAML and JSON files in them, in order. Raises CommandFailed."""
    names: list[str] = []
    for each in given:
        path = Path(each)
        if each != STDIN and path.is_dir():
            inside = sorted(str(file) for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
            if not inside:
                raise _bad(f"{each} has no files named *.yaml, *.yml or *.json")
            names += inside
        else:
            names.append(each)
    return names


def load_design(source: str) -> Document:
    """A design as plain data with its `id`. Raises CommandFailed."""
    document = load(source)
    if not isinstance(document.content, dict) or not isinstance(document.content.get("id"), str):
        raise _bad(
            f"{source} is not a design",
            remedy="A design is a mapping with `id` and lists of `workloads`, `resources` and `intents`.",
        )
    return document


def load_workloads(source: str) -> list[Any]:
    """A list of workloads: either the list itself or a mapping with `workloads`. Raises CommandFailed."""
    document = load(source).content
    workloads = document.get("workloads") if isinstance(document, dict) else document
    if not isinstance(workloads, list) or not workloads:
        raise _bad(
            f"{source} holds no workloads",
            remedy="Write a list of mappings with name, service, version and port (or a mapping with `workloads`).",
        )
    return workloads


def _read(source: str, name: str) -> bytes:
    try:
        if source == STDIN:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(source).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _bad(f"{name} cannot be read", error.strerror or str(error)) from error


def _bad(what: str, why: str = "", remedy: str = "") -> CommandFailed:
    return CommandFailed(what, code=Exit.USAGE, notes=(why,) if why else (), remedy=remedy)
