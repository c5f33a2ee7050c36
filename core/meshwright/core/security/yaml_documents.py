"""YAML from users, as plain JSON-like data.

Problem: 300 bytes of aliases expand to megabytes, deep nesting exhausts the stack, tags construct objects, and YAML 1.1
reads `no` as false and `1:30` as ninety. Invariant: a document is built from libyaml's events with limits on aliases,
depth and nodes (an alias counts with all its nodes); scalars follow the YAML 1.2 core schema; tags, several documents
and duplicate keys are refused.
"""

import contextlib
import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

MAX_ALIASES = 100
MAX_DEPTH = 64
MAX_NODES = 50_000
MAX_NODES_OF_STREAM = 400_000
"""limit for all documents of a file together"""

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]{1,20}\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class InvalidYaml(Exception):
    """The text is not YAML, or exceeds a limit; the message has the line and column."""


class Document:
    """One document of several, with the line (from 1) at which each value begins, by JSON pointer (`#/a/0`)."""

    __slots__ = ("content", "lines")

    def __init__(self, content: Any, lines: dict[str, int]) -> None:
        self.content = content
        self.lines = lines


class _Counted:
    """A value with the number of nodes in it."""

    __slots__ = ("nodes", "value")

    def __init__(self, value: Any, nodes: int) -> None:
        self.value = value
        self.nodes = nodes


def load(text: bytes) -> Any:
    """The single document in `text`. Raises InvalidYaml."""
    with _reported():
        return _Builder(yaml.parse(text, Loader=_LOADER)).document()


def load_all(text: bytes) -> list[Document]:
    """The documents in `text`, without empty ones. Raises InvalidYaml."""
    with _reported():
        return _Builder(yaml.parse(text, Loader=_LOADER), MAX_NODES_OF_STREAM).documents()


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except yaml.YAMLError as error:
        raise InvalidYaml(" ".join(str(error).split())[:300]) from error
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidYaml(str(error)[:300]) from error


class _Builder:
    """Builds values from events, counting nodes."""

    def __init__(self, events: Iterator[Any], max_nodes: int = MAX_NODES) -> None:
        self._events = events
        self._max_nodes = max_nodes
        self._lines: dict[str, int] | None = None
        self._anchors: dict[str, _Counted] = {}
        self._aliases = 0
        self._nodes = 0

    def document(self) -> Any:
        next(self._events)  # the stream begins
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        content = self._value(next(self._events), 0).value
        next(self._events)  # the document ends
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._bad(after, "one document at a time")
        return content

    def documents(self) -> list[Document]:
        next(self._events)  # the stream begins
        documents: list[Document] = []
        while not isinstance(next(self._events), yaml.StreamEndEvent):
            self._anchors, self._lines = {}, {}
            content = self._value(next(self._events), 0).value
            next(self._events)  # the document ends
            if content is not None:
                documents.append(Document(content, self._lines))
        return documents

    def _value(self, event: Any, depth: int, pointer: str = "#") -> _Counted:
        if self._lines is not None:
            self._lines[pointer] = event.start_mark.line + 1
        if depth > MAX_DEPTH:
            raise self._bad(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._nodes
        self._count(event, 1)
        if event.tag is not None and event.tag != "!":
            raise self._bad(event, f"the tag {event.tag} is not accepted")
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
            if isinstance(value, float) and not math.isfinite(value):
                raise self._bad(event, "a number must be finite")
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise self._bad(event, "a whole number must fit in 64 bits")
        elif isinstance(event, yaml.SequenceStartEvent):
            value = list(self._items(depth, pointer))
        else:
            value = self._mapping(depth, pointer)
        counted = _Counted(value, self._nodes - before)
        if event.anchor is not None:
            self._anchors[event.anchor] = counted
        return counted

    def _items(self, depth: int, pointer: str) -> Iterator[Any]:
        for index in itertools.count():
            event = next(self._events)
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._value(event, depth + 1, f"{pointer}/{index}").value

    def _mapping(self, depth: int, pointer: str) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._bad(event, "a key must be text")
            if event.value in mapping:
                raise self._bad(event, f"the key {event.value[:64]!r} is given twice")
            self._count(event, 1)
            key = event.value.replace("~", "~0").replace("/", "~1")  # RFC 6901
            mapping[event.value] = self._value(next(self._events), depth + 1, f"{pointer}/{key}").value
        return mapping

    def _alias(self, event: Any) -> _Counted:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise self._bad(event, f"more than {MAX_ALIASES} aliases")
        if event.anchor not in self._anchors:
            raise self._bad(event, "an alias of something that is not complete")
        counted = self._anchors[event.anchor]
        self._count(event, counted.nodes)
        return counted

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > self._max_nodes:
            raise self._bad(event, f"more than {self._max_nodes} nodes, aliases counted in full")

    @staticmethod
    def _bad(event: Any, what: str) -> InvalidYaml:
        mark = event.start_mark
        return InvalidYaml(f"{what} (line {mark.line + 1}, column {mark.column + 1})")


def _scalar(event: yaml.ScalarEvent) -> Any:
    return plain(event.value) if event.implicit[0] else event.value  # quoted, so it is text


def plain(text: str) -> Any:
    """The value of an unquoted scalar."""
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text
