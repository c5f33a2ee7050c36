"""Files that users write: designs or a list of workloads, in YAML or JSON.

Invariant: a document is read with the API's own limits (size, depth, aliases) and grammar before anything is sent, so a
file means the same to both, and its errors are reported without using the network.
"""

import itertools
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
    """One document of a file, the `number`th (from 0) that is not empty, and the text of the file."""

    name: str
    raw: bytes
    content: Any
    number: int = 0

    def place(self, pointer: str) -> str:
        """The location of a JSON pointer in the file, as `split.yaml:7`; the file's name when it is unknown."""
        import yaml

        try:
            nodes = yaml.compose_all(self.raw, Loader=yaml.SafeLoader)
            node = next(itertools.islice(filter(_holds_something, nodes), self.number, None))
            line = _line(node, pointer.lstrip("#").split("/")[1:])
        except (yaml.YAMLError, StopIteration):
            return self.name
        return f"{self.name}:{line}"


def _holds_something(node: Any) -> bool:
    return node is not None and not str(node.tag).endswith(":null")


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
    first, *others = load_all(source)
    if others:
        raise _bad(f"{first.name} cannot be parsed", f"{others[0].place('')}: one document at a time")
    return first


def load_all(source: str) -> list[Document]:
    """The documents of a file, or of stdin for `-`, without empty ones; at least one. Raises CommandFailed."""
    name = "standard input" if source == STDIN else source
    raw = _read(source, name)
    if len(raw) > MAX_BYTES:
        raise _bad(f"{name} is larger than 1 MiB", remedy="Split it into several files.")
    try:
        documents = yaml_documents.load_all(raw)
    except yaml_documents.InvalidYaml as error:
        raise _bad(f"{name} cannot be parsed", str(error).replace('"<byte string>"', name)) from error
    if not documents:
        raise _bad(f"{name} is empty")
    return [
        Document(name=name, raw=raw, content=document.content, number=number)
        for number, document in enumerate(documents)
    ]


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


def load_designs(given: Sequence[str]) -> list[Document]:
    """The designs of files and folders, with their `id`s. Raises CommandFailed with everything that is no design."""
    if list(given).count(STDIN) > 1:
        raise _bad("standard input can be read once")
    documents = [document for source in sources(given) for document in load_all(source)]
    notes = [f"{each.place('')}: {why}" for each in documents if (why := _not_a_design(each.content))]
    if notes:
        native = any(isinstance(each.content, dict) and "apiVersion" in each.content for each in documents)
        remedy = "A design is a mapping with `id` and lists of `workloads`, `resources` and `intents`."
        if native:
            remedy = "`meshwright designs import -f FILE` makes a design of Kubernetes resources."
        raise _bad(f"{documents[0].name} is not a design" if len(documents) == 1 else "not all are designs",
                   *notes, remedy=remedy)  # fmt: skip
    by_id: dict[str, Document] = {}
    for each in documents:
        first = by_id.setdefault(each.content["id"], each)
        if first is not each:
            raise _bad(f"design {each.content['id']} is given twice", f"{first.place('#/id')}, {each.place('#/id')}")
    return documents


def load_design(source: str) -> Document:
    """A design as plain data with its `id`. Raises CommandFailed."""
    first, *others = load_designs([source])
    if others:
        raise _bad(f"{first.name} has several designs", remedy="`meshwright apply` takes several.")
    return first


def _not_a_design(content: Any) -> str:
    """Why a document cannot be a design; empty when it can."""
    if not isinstance(content, dict):
        return "not a mapping"
    if "apiVersion" in content and "kind" in content:
        return f"a {content['kind']} of Kubernetes"
    return "" if isinstance(content.get("id"), str) else "without an `id`"


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


def _bad(what: str, *why: str, remedy: str = "") -> CommandFailed:
    return CommandFailed(what, code=Exit.USAGE, notes=tuple(filter(None, why)), remedy=remedy)
