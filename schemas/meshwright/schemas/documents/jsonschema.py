"""JSON Schema 2020-12 in portable form.

Problem: msgspec writes the patterns that Python needs and the `discriminator` of OpenAPI; neither belongs in a plain
JSON Schema. Invariant: every published schema is made here, is self-contained, says of each field what its author
wrote below it, and is the same text for the same Structs.
"""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from meshwright.schemas.documents import comments

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://meshwright.dev/schemas/"
"""prefix of `$id` and of the CloudEvents attribute `dataschema`; a name, not necessarily a web page"""


def identity(name: str) -> str:
    """The `$id` of the schema of that wire, operation or resource name."""
    return f"{BASE}{name}.schema.json"


def schema(kind: type[msgspec.Struct], name: str | None = None) -> dict[str, Any]:
    """The schema of one Struct with everything it refers to under `$defs`; with `name` it gets a `$id`."""
    definitions = components([kind], "#/$defs/{name}")
    own = definitions.pop(kind.__name__)
    document: dict[str, Any] = {"$schema": DIALECT}
    if name is not None:
        document["$id"] = identity(name)
    document |= own
    if definitions:
        document["$defs"] = dict(sorted(definitions.items()))
    return document


def components(
    types: Iterable[type[msgspec.Struct]], ref_template: str, *, discriminators: bool = False
) -> dict[str, Any]:
    """The schemas of these Structs and of all they refer to, by class name."""
    types = tuple(types)
    _, schemas = msgspec.json.schema_components(types, ref_template=ref_template)
    described = comments.by_struct(types)
    return {
        name: _described(_portable(schemas[name], discriminators), described.get(name, {})) for name in sorted(schemas)
    }


def _described(schema: dict[str, Any], descriptions: dict[str, str]) -> dict[str, Any]:
    """The schema with the descriptions of its fields before those of their types."""
    if "description" in schema:
        schema["description"] = inspect.cleandoc(schema["description"])
    for name, field in schema.get("properties", {}).items():
        if name in descriptions:
            text = "; ".join(filter(None, (descriptions[name], field.get("description"))))
            schema["properties"][name] = {"description": text} | {k: v for k, v in field.items() if k != "description"}
    return schema


def _portable(node: Any, discriminators: bool) -> Any:
    if isinstance(node, list):
        return [_portable(item, discriminators) for item in node]
    if not isinstance(node, dict):
        return node
    result = {}
    for key, value in node.items():
        if key == "pattern" and isinstance(value, str):
            # `\Z` is Python's end of text; other dialects use `$`
            result[key] = value.removesuffix(r"\Z") + ("$" if value.endswith(r"\Z") else "")
        elif key != "discriminator" or discriminators or "propertyName" not in value:
            result[key] = _portable(value, discriminators)
    return result
