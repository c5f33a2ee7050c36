"""Checking a native resource: every message, field, extension and value against the allow-list.

Problem: a hazard may be at any depth, behind extensions within extensions, in either spelling of a field. Invariant:
the check uses the same type tables as the encoding, so nothing is encoded that was not checked; what has no entry in
the list is a problem at its place. It is independent of fleets, meshes and sidecars.
"""

import functools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

import betterproto2

from meshwright.adapters.envoy.admission import allowed
from meshwright.adapters.envoy.xds import protojson

CODE = "MW2011"
"""code: a native resource contains something that is not allowed"""

_MOST_NAMED = 10

Rule = Callable[[Any], str]
"""Returns the problem of a value; empty when it is valid."""


class Allowed(NamedTuple):
    """An allow-list. `messages` has the fields of each message, `extensions` what an Any field may hold."""

    messages: Mapping[str, str]
    extensions: Mapping[str, tuple[str, ...]]
    rules: Mapping[str, Rule]


class Finding(NamedTuple):
    """One problem: its place in the body (RFC 6901), and the reason."""

    at: str
    words: str


class Checked(NamedTuple):
    """The result of a check: problems, and the body with every field in protobuf's own spelling."""

    body: dict[str, Any]
    findings: list[Finding]


def check(type_url: str, body: Mapping[str, Any], wanted: Allowed) -> Checked:
    """Check all of a body that fits its type.

    Raises protojson.InvalidResource for one that does not.
    """
    walk = _Walk(wanted)
    plain = walk.message(protojson.message_type(type_url), body, "")
    return Checked(plain, walk.findings)


class _Walk:
    def __init__(self, wanted: Allowed) -> None:
        self._wanted = wanted
        self.findings: list[Finding] = []

    def message(self, kind: type[betterproto2.Message], value: Any, at: str) -> Any:
        """The message in protobuf's spelling."""
        if _is_plain(kind):
            return value
        name = protojson.full_name(kind)
        fields = _fields(self._wanted.messages.get(name))
        if fields is None:
            self._refuse(at, name, name, "")
            return {}
        content, spellings = {}, protojson.spellings(kind)
        for key, inner in value.items():
            own, place = spellings[key], f"{at}/{_escaped(key)}"
            plain = own.rstrip("_")
            if inner is None:
                continue
            if plain not in fields:
                self._refuse(place, plain, f"{name}.{plain}", _some(fields))
                continue
            self._judge(fields[plain], inner, place)
            content[plain] = self._field(kind, own, inner, place)
        return content

    def _field(self, kind: type[betterproto2.Message], own: str, value: Any, at: str) -> Any:
        table, where = protojson.table(kind), f"{protojson.full_name(kind)}.{own.rstrip('_')}"
        meta = table.meta_by_field_name[own]
        if meta.map_meta:
            inner = table.cls_by_field[f"{own}.value"]
            return {key: self._value(inner, each, f"{at}/{_escaped(key)}", where) for key, each in value.items()}
        if meta.proto_type != "message" or meta.unwrap:
            return value
        inner = table.cls_by_field[own]
        if meta.repeated:
            return [self._value(inner, each, f"{at}/{index}", where) for index, each in enumerate(value)]
        return self._value(inner, value, at, where)

    def _value(self, kind: Any, value: Any, at: str, where: str) -> Any:
        if not (isinstance(kind, type) and issubclass(kind, betterproto2.Message)):
            return value
        if protojson.full_name(kind) != "google.protobuf.Any":
            return self.message(kind, value, at)
        extension = protojson.message_type(value["@type"])
        name = protojson.full_name(extension)
        good = self._wanted.extensions.get(where, ())
        if name not in good:
            short = [each.rpartition(".")[2] for each in good]
            self._refuse(f"{at}/@type", name.rpartition(".")[2], name, _some(short))
            return {}
        body = {key: each for key, each in value.items() if key != "@type"}
        return {"@type": value["@type"], **self.message(extension, body, at)}

    def _judge(self, rule: str, value: Any, at: str) -> None:
        words = self._wanted.rules[rule](value) if rule else ""
        if words:
            self.findings.append(Finding(at, words))

    def _refuse(self, at: str, name: str, full: str, instead: str) -> None:
        allowed_here = f"; what may be here: {instead}" if instead else ""
        self.findings.append(Finding(at, f"{name} {_reason(full)}: leave it out{allowed_here}"))


def _is_plain(kind: type[betterproto2.Message]) -> bool:
    """Whether it is a message that only wraps a number, text or time."""
    names = ("Duration", "Timestamp", "Empty")
    return kind.__module__.endswith("google.protobuf") and (kind.__name__ in names or kind.__name__.endswith("Value"))


@functools.lru_cache(maxsize=512)
def _fields(text: str | None) -> dict[str, str] | None:
    """The allowed fields with the names of their rules."""
    if text is None:
        return None
    pairs: Iterator[tuple[str, str, str]] = (word.partition("=") for word in text.split())
    return {field: rule for field, _, rule in pairs}


def _reason(full: str) -> str:
    """The reason why something is not allowed, from its name."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", full).lower()
    reasons = (words for pattern, words in allowed.HAZARDS if re.search(pattern, text))
    return next(reasons, "is not among what a native resource may hold")


def _some(names: Collection[str]) -> str:
    """The first few of them as text."""
    return ", ".join([*names][:_MOST_NAMED]) + (" and others" if len(names) > _MOST_NAMED else "")


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
