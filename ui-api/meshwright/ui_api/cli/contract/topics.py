"""Topics that `meshwright explain` knows, and the fields below them, from the JSON Schemas of the contract.

Invariant: a path names what a document has at that place: lists are stepped into, and one of several kinds is chosen by
its tag, as in `design.intents.traffic-split.backends.weight`; an unknown part is refused with what is near it.
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from meshwright.schemas import intents
from meshwright.schemas.documents import inputs, openapi
from meshwright.schemas.documents.examples import Examples
from meshwright.schemas.operations import OPERATION_TYPES
from meshwright.ui_api.cli import suggestions
from meshwright.ui_api.cli.exits import CommandFailed, Exit

Schema = dict[str, Any]
INTENT, RESOURCE, OPERATION = "intent", "resource", "operation"


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """What can be explained: an intent, a resource, or the arguments of an operation."""

    name: str
    group: str
    type: str
    """the name of its schema"""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One place in a document; `schema` has no reference at its top."""

    path: str
    schema: Schema
    required: bool = True

    @property
    def summary(self) -> str:
        """Its description in one line."""
        return " ".join(str(self.schema.get("description", "")).split())


@functools.cache
def topics() -> dict[str, Topic]:
    """Every topic by its name."""
    known: list[tuple[str, str, type[msgspec.Struct]]] = []
    known += [(intents.intent_kind(kind), INTENT, kind) for kind in intents.INTENT_TYPES]
    known += [(_kebab(kind.__name__), RESOURCE, kind) for kind in openapi.RESOURCE_TYPES]
    known += [(kind.kind.name, OPERATION, kind) for kind in OPERATION_TYPES]
    return {name: Topic(name=name, group=group, type=kind.__name__) for name, group, kind in known}


@functools.cache
def definitions() -> Schema:
    """The schemas of all topics and of all that they refer to, as input is checked."""
    return inputs.components(openapi.TYPES, ())


@functools.cache
def examples() -> Examples:
    """Examples for these schemas."""
    return Examples(definitions())


def find(path: str) -> Node:
    """The place at that path. Raises CommandFailed with a suggestion."""
    topic, rest = _topic(path)
    node = Node(path=topic.name, schema=examples().resolved({"$ref": f"#/{topic.type}"}))
    for part in rest:
        node = _step(node, part)
    return node


def fields(node: Node) -> list[Node]:
    """The fields of a place, in the order of the schema; for one of several kinds, these kinds."""
    schema = inner(node.schema)
    if kinds := tagged(schema):
        return [Node(path=tag, schema=one, required=False) for tag, one in kinds.items()]
    required = schema.get("required", ())
    return [
        Node(path=name, schema=examples().resolved(one), required=name in required)
        for name, one in schema.get("properties", {}).items()
    ]


def tree(node: Node, depth: int = 0) -> Iterator[tuple[int, Node]]:
    """Every place below, with its depth."""
    for each in fields(node):
        yield depth, each
        if depth < 6:
            yield from tree(each, depth + 1)


def inner(schema: Schema) -> Schema:
    """What a place holds in the end: the items of a list, the values of a map, what may also be null."""
    schema = examples().resolved(schema)
    while True:
        step = schema.get("items") or (schema.get("additionalProperties") if "properties" not in schema else None)
        if not step and len(solid := without_null(schema)) == 1:
            [step] = solid
        if not isinstance(step, dict) or not step:
            return schema
        schema = examples().resolved(step)


def without_null(schema: Schema) -> list[Schema]:
    """The alternatives of a union, except null."""
    return [each for each in schema.get("anyOf", ()) if each.get("type") != "null" and "required" not in each]


def tagged(schema: Schema) -> dict[str, Schema]:
    """The alternatives that a tag distinguishes, by the tag."""
    mapping = schema.get("discriminator", {}).get("mapping")
    if mapping:
        return {tag: examples().resolved({"$ref": ref}) for tag, ref in mapping.items()}
    return {}


def plain(schema: Schema, depth: int = 8) -> Schema:
    """The schema as JSON Schema with everything that it refers to in its place."""
    return dict(_inlined(examples().resolved(schema), depth))


def _inlined(value: Any, depth: int) -> Any:
    if isinstance(value, list):
        return [_inlined(each, depth) for each in value]
    if not isinstance(value, dict):
        return value
    whole = examples().resolved(value) if "$ref" in value and depth else value
    return {key: _inlined(each, depth - 1 if depth else 0) for key, each in whole.items() if key != "discriminator"}


def _topic(path: str) -> tuple[Topic, list[str]]:
    known = topics()
    parts = [part for part in path.replace("/", ".").replace("[]", "").split(".") if part]
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end]).replace("_", "-")
        topic = known.get(name) or known.get(name.removesuffix("s")) or known.get(name.removesuffix("es"))
        if topic is not None:
            return topic, parts[end:]
    word = parts[0] if parts else path
    if any(name.startswith(f"{word}.") for name in known):  # as in `workloads.enrol`
        word = ".".join(parts[:2])
    remedy = suggestions.did_you_mean(word, known) if suggestions.near(word, known) else ""
    raise CommandFailed(
        f"there is nothing to explain called {word}",
        code=Exit.USAGE,
        remedy=remedy or "`meshwright explain` without a name lists everything.",
    )


def _step(node: Node, part: str) -> Node:
    values = node.schema.get("additionalProperties")
    if "properties" not in node.schema and isinstance(values, dict):  # a map: any key
        return Node(path=f"{node.path}.{part}", schema=examples().resolved(values), required=False)
    below = {each.path: each for each in fields(node)}
    by_name = {name.replace("_", "-"): each for name, each in below.items()}
    if (step := by_name.get(part.replace("_", "-"))) is not None:
        return msgspec.structs.replace(step, path=f"{node.path}.{step.path}")
    known = [*below, *(name.removeprefix(f"{node.path}.") for name in topics() if name.startswith(f"{node.path}."))]
    what = "kind" if tagged(inner(node.schema)) else "field"
    raise CommandFailed(
        f"{node.path} has no {what} {part}",
        code=Exit.USAGE,
        remedy=suggestions.did_you_mean(part, known) or f"Nothing is known of the fields of {node.path}.",
    )


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
