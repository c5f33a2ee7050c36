"""One operation, or one schema, as HTML: parameters, body, responses, with examples that can be sent.

Invariant: everything is escaped; an anchor stands inside what it names, so that a browser opens that to show it.
"""

import json
import re
import shlex
from html import escape
from typing import Any

from meshwright.schemas.documents.examples import Examples

Node = dict[str, Any]
_BOUNDS = (
    ("minimum", "≥"), ("maximum", "≤"), ("minLength", "length ≥"), ("maxLength", "length ≤"),
    ("minItems", "items ≥"), ("maxItems", "items ≤"),
)  # fmt: skip
_LIMITS = (-(2**63), 2**63 - 1)


class Drawing:
    """Draws operations whose schemas are known; `base` is the address in their examples."""

    def __init__(self, examples: Examples, base: str) -> None:
        self._examples = examples
        self._base = base

    def operation(self, path: str, method: str, operation: Node) -> str:
        """One operation, closed."""
        name = escape(operation["operationId"])
        role = escape(operation.get("x-role") or "open")
        parts = [f"<p>{escape(operation['description'])}</p>" if operation.get("description") else ""]
        parts += [f"<p>{escape(rule)}</p>" for rule in operation.get("x-rules", [])]
        parts.append(f"<pre>{escape(self._curl(path, method, operation))}</pre>")
        rows = "".join(map(self._parameter, operation.get("parameters", [])))
        parts.append(_table(("parameter", "in", "type", "meaning"), rows))
        if "requestBody" in operation:
            parts.append(self._body(operation["requestBody"]))
        parts.append(self._responses(operation["responses"]))
        return (
            f'<details data-searched><summary><span class="method">{method.upper()}</span> '
            f'<code>{escape(path)}</code> <span class="role">{role}</span> '
            f'<span class="says">{escape(operation["summary"])}</span></summary>'
            f'<div class="place" id="{name}"><a class="link" href="#{name}">{name}</a>{"".join(parts)}</div></details>'
        )

    def schema(self, name: str, schema: Node) -> str:
        """One schema, closed."""
        text = escape(schema.get("description", "").partition("\n\n")[0])
        return (
            f'<details data-searched><summary><code>{escape(name)}</code> <span class="says">{text}</span></summary>'
            f'<div class="place" id="{escape(name)}">{self._fields(schema)}</div></details>'
        )

    def example(self, schema: Node) -> str:
        """An example of a schema, as JSON."""
        return _json(self._examples.of(schema, optional=True))

    def _curl(self, path: str, method: str, operation: Node) -> str:
        words = ["curl"] if method == "get" else ["curl", "-X", method.upper()]
        if operation.get("x-role"):
            words.append('-H "Authorization: Bearer $TOKEN"')
        headers = {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}
        if method in ("put", "delete") and "If-Match" in headers:
            words.append("-H 'If-Match: *'")
        if "requestBody" in operation:
            [content, *_] = operation["requestBody"]["content"].values()
            body = json.dumps(content["example"], ensure_ascii=False)
            words += ["-H 'Content-Type: application/json'", "-d", shlex.quote(body)]
        url = f"{self._base}{path}"
        return " ".join([*words, url if re.fullmatch(r"[\w/:.\0-]*", url) else shlex.quote(url)])

    def _parameter(self, parameter: Node) -> str:
        schema = parameter["schema"]
        text = parameter.get("description") or schema.get("description", "")
        required = " *" if parameter.get("required") else ""
        cells = (
            f"<code>{escape(parameter['name'])}</code>{required}",
            parameter["in"],
            _type(schema),
            _says(schema, text),
        )
        return _row(cells)

    def _body(self, body: Node) -> str:
        content = body["content"]
        first = next(iter(content.values()))
        schema = first["schema"]
        needed = "" if body["required"] else ", may be left out"
        return (
            f"<h4>body: {_type(schema)} ({escape(', '.join(content))}{needed})</h4>"
            f"{self._fields(self._examples.resolved(schema))}<h4>example</h4><pre>{escape(_json(first['example']))}</pre>"
        )

    def _responses(self, responses: Node) -> str:
        rows: list[str] = []
        examples: list[str] = []
        for status, response in responses.items():
            content = response.get("content", {})
            shown = ", ".join(_type(one["schema"]) for one in content.values() if "schema" in one)
            rows.append(_row((status, escape(response["description"]), shown)))
            schema = content.get("application/json", {}).get("schema")
            if schema and status.startswith("2") and not examples:
                examples.append(f"<h4>example of {status}</h4><pre>{escape(self.example(schema))}</pre>")
        return _table(("status", "meaning", "body"), "".join(rows)) + "".join(examples)

    def _fields(self, schema: Node) -> str:
        required = schema.get("required", [])
        rows = [
            _row((f"<code>{escape(name)}</code>{' *' if name in required else ''}", _type(one), _says(one)))
            for name, one in schema.get("properties", {}).items()
        ]
        return _table(("field (* required)", "type", "meaning"), "".join(rows))


def _says(schema: Node, text: str = "") -> str:
    """What a value means, its bounds and its default."""
    words = [escape(text or schema.get("description", ""))]
    bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS if key in schema and schema[key] not in _LIMITS]
    bounds += [f"matches {schema['pattern']}"] if "pattern" in schema and "description" not in schema else []
    bounds += [f"default {json.dumps(schema['default'])}"] if schema.get("default") not in (None, "", [], {}) else []
    return " ".join(filter(None, [*words, f"<code>{escape('; '.join(bounds))}</code>" if bounds else ""]))


def _type(schema: Node) -> str:
    """The name of a type, as a link to its place on the page."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if schema.get("type") == "object" and "items" in schema.get("properties", {}):
        return f"page: {_type(schema['properties']['items'])}"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(one) or '(empty)')}</code>" for one in schema["enum"])
    if "anyOf" in schema and all("required" not in one for one in schema["anyOf"]):
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    text = schema.get("type", "any")
    return escape(text if isinstance(text, str) else " | ".join(text))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _table(columns: tuple[str, ...], rows: str) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in columns)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""


def _row(cells: tuple[str, ...]) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
