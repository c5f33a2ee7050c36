"""Explanations of documents: the fields of a place with their types, bounds and meaning, and an example.

Invariant: what is shown is in the schema; a required field has a star.
"""

from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.contract import topics
from meshwright.ui_api.cli.contract.topics import Node, Schema, Topic
from meshwright.ui_api.cli.render import output, views

if TYPE_CHECKING:
    from rich.console import RenderableType

_LONG = 60
_HEADS = {
    topics.INTENT: "Intents, of `intents` in a design",
    topics.RESOURCE: "Resources, and settings of connections",
    topics.OPERATION: "Arguments of operations",
}


def index(known: dict[str, Topic]) -> "RenderableType":
    """Everything that can be explained, by group."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for group, head in _HEADS.items():
        rows = [
            (name, topics.find(name).summary.partition(". ")[0].rstrip("."))
            for name, topic in known.items()
            if topic.group == group
        ]
        parts += [Text(head, "bold"), output.table(("name", "meaning"), rows), Text()]
    parts.append(Text("meshwright explain NAME, or NAME.FIELD as in traffic-split.backends.weight", "dim"))
    return Group(*parts)


def page(node: Node, *, recursive: bool) -> "RenderableType":
    """One place: what it means, its bounds, its fields, an example."""
    from rich.console import Group
    from rich.text import Text

    head = Text.assemble((node.path, "bold"), f"  {kind(node.schema)}")
    facts = [text for text in (bounds(node.schema), default(node.schema)) if text]
    if "." in node.path and node.required:
        facts.insert(0, "required")
    parts: list[RenderableType] = [head, *([Text(", ".join(facts))] if facts else [])]
    if node.summary:
        parts += [Text(), Text(node.summary)]
    placed = list(topics.tree(node)) if recursive else [(0, each) for each in topics.fields(node)]
    if placed:
        rows = [_row(depth, field) for depth, field in placed]
        parts += [Text(), views.with_columns(rows, optional=("bounds", "default", "meaning"))]
    parts += [Text(rule, "dim") for rule in rules(node.schema)]
    parts += [Text("\nexample"), Text(_indented(output.as_yaml(example(node))))]
    return Group(*parts)


def example(node: Node) -> Any:
    """An example of what stands there."""
    return topics.examples().of(node.schema, optional=True)


def kind(schema: Schema) -> str:
    """The type in plain words."""
    if topics.tagged(topics.inner(schema)):
        return f"{'list of ' if schema.get('type') == 'array' else ''}one of several kinds"
    if solid := topics.without_null(schema):
        return " or ".join(dict.fromkeys(kind(each) for each in solid))
    whole = topics.examples().resolved(schema)
    if "enum" in whole:
        return " | ".join(str(each) or "(empty)" for each in whole["enum"])
    if whole.get("type") == "array":
        return f"list of {kind(whole.get('items', {}))}"
    if whole.get("type") == "object":
        values = whole.get("additionalProperties")
        return str(whole.get("title") or (f"map of {kind(values)}" if isinstance(values, dict) and values else "map"))
    if whole.get("format") == "date-time":
        return "time"
    return {"string": "text", "integer": "whole number"}.get(whole.get("type", ""), str(whole.get("type", "any")))


def bounds(schema: Schema) -> str:
    """What a value must be."""
    whole = topics.examples().resolved(schema)
    if solid := topics.without_null(whole):
        return "; ".join(filter(None, dict.fromkeys(bounds(each) for each in solid)))
    texts = [_range(whole, "minimum", "maximum", "")]
    texts.append(_range(whole, "minLength", "maxLength", " characters"))
    texts.append(_range(whole, "minItems", "maxItems", " items"))
    texts.append(f"matches {whole['pattern']}" if "pattern" in whole else "")
    return "; ".join(filter(None, texts))


def default(schema: Schema) -> str:
    """The default, where there is one that says something."""
    return f"default {_value(schema['default'])}" if schema.get("default") not in (None, "", [], {}) else ""


def rules(schema: Schema) -> list[str]:
    """Rules between fields."""
    whole = topics.inner(schema)
    words = {"oneOf": "exactly one of", "anyOf": "at least one of"}
    texts = []
    for part in (whole, *whole.get("allOf", ())):
        for union, word in words.items():
            names = [name for one in part.get(union, ()) for name in one.get("required", ())]
            texts += [f"{word} {', '.join(names)}"] if names else []
    return texts


def _row(depth: int, field: Node) -> dict[str, Any]:
    text = bounds(field.schema)
    if "matches " in text and (field.summary or len(text) > _LONG):
        text = "; ".join(each for each in text.split("; ") if not each.startswith("matches "))
    shown = _value(field.schema["default"]) if default(field.schema) else ""
    name = f"{'  ' * depth}{field.path}{' *' if field.required else ''}"
    return {"field": name, "type": kind(field.schema), "bounds": text, "default": shown, "meaning": field.summary}


def _range(schema: Schema, low: str, high: str, unit: str) -> str:
    lowest, highest = schema.get(low), schema.get(high)
    lowest = None if lowest is not None and lowest <= -(2**63) else lowest
    highest = None if highest is not None and highest >= 2**63 - 1 else highest
    if lowest is not None and highest is not None:
        return f"{lowest} to {highest}{unit}"
    if lowest is not None:
        return f"at least {lowest}{unit}"
    return f"at most {highest}{unit}" if highest is not None else ""


def _value(value: Any) -> str:
    return value if isinstance(value, str) else output.as_json(value)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip("\n").splitlines())
