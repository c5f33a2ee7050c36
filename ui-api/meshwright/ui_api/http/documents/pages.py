"""The documentation pages: plain HTML generated from the OpenAPI document, without scripts and without external files.

Invariant: everything from a document is escaped; the page contains only what `/openapi.json` does.
"""

from html import escape
from typing import Any

from meshwright.schemas.errors import PROBLEM_TYPES, ProblemType

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 13px/1.5 ui-monospace, monospace; }
details { border: 1px solid #8884; border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.2rem; }
table { border-collapse: collapse; margin: .5rem 0; }
td, th { text-align: left; vertical-align: top; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid #8883; }
pre { overflow-x: auto; background: #8881; padding: .6rem; border-radius: 6px; }
.role { float: right; opacity: .7; }
"""


def page(document: dict[str, Any], base_url: str) -> str:
    """The whole API, as served at that address."""
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(f"{base_url}{path}", path, method, operation))
    parts = [f"<p>{escape(document['info']['description'])}</p>"]
    parts.append('<p><a href="/openapi.json">openapi.json</a> · <a href="/asyncapi.json">asyncapi.json</a> · ')
    parts.append('<a href="/problems">problems</a></p>')
    for tag, operations in groups.items():
        parts.append(f"<h2>{escape(tag)}</h2>{''.join(operations)}")
    parts.append("<h2>schemas</h2>")
    parts += [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    return _html(f"{document['info']['title']} {document['info']['version']}", "".join(parts))


def problems() -> str:
    """The list of all kinds of refusal."""
    rows = "".join(
        f'<tr><td>{kind.status}</td><td><a href="/problems/{slug}">{slug}</a></td><td>{escape(kind.title)}</td></tr>'
        for slug, kind in sorted(PROBLEM_TYPES.items(), key=lambda item: (item[1].status, item[0]))
    )
    return _html("Problems", f"<table>{rows}</table>")


def problem(kind: ProblemType) -> str:
    """One kind of refusal."""
    text = f"<p>HTTP status <b>{kind.status}</b>, type <code>/problems/{kind.slug}</code></p>"
    return _html(kind.title, f'{text}<p>{escape(kind.explanation)}</p><p><a href="/problems">all problems</a></p>')


def _operation(url: str, path: str, method: str, operation: dict[str, Any]) -> str:
    role = operation.get("x-role")
    parts = [f"<p>{escape(operation.get('description', ''))}</p>" if operation.get("description") else ""]
    parts.append(f"<pre>{escape(_curl(url, method, operation))}</pre>")
    if rows := "".join(_parameter(one) for one in operation.get("parameters", [])):
        parts.append(f"<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>{rows}</table>")
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        kinds = ", ".join(content)
        parts.append(f"<p>body: {_link(next(iter(content.values()))['schema'])} ({escape(kinds)})</p>")
    rows = "".join(_response(status, one) for status, one in operation["responses"].items())
    parts.append(f"<table>{rows}</table>")
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><b>{method.upper()}</b> '
        f"<code>{escape(path)}</code> {escape(operation['summary'])}"
        f'<span class="role">{escape(role or "open")}</span></summary>{"".join(parts)}</details>'
    )


def _curl(url: str, method: str, operation: dict[str, Any]) -> str:
    words = ["curl"]
    if method != "get":
        words.append(f"-X {method.upper()}")
    if operation.get("x-role"):
        words.append('-H "Authorization: Bearer $TOKEN"')
    if "requestBody" in operation:
        words.append("-H 'Content-Type: application/json' -d @body.json")
    return " ".join([*words, f"'{url}'" if "{" in url else url])


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    text = parameter.get("description") or schema.get("description", "")
    cells = (f"<code>{escape(parameter['name'])}</code>", parameter["in"], _link(schema), escape(text))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _response(status: str, response: dict[str, Any]) -> str:
    content = response.get("content", {})
    shown = ", ".join(_link(one["schema"]) for one in content.values() if "schema" in one)
    return f"<tr><td>{status}</td><td>{escape(response['description'])}</td><td>{shown}</td></tr>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{'' if field in required else ' ?'}</td><td>{_link(one)}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for field, one in schema.get("properties", {}).items()
    )
    text = escape(schema.get("description", ""))
    summary = f"<summary><code>{escape(name)}</code> {text}</summary>"
    return f'<details id="{escape(name)}">{summary}<table>{rows}</table></details>'


def _link(schema: dict[str, Any]) -> str:
    """The name of a type, as a link to its place on the page."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "items" in schema:
        return f"list of {_link(schema['items'])}"
    if schema.get("type") == "object" and "items" in schema.get("properties", {}):
        return f"page: {_link(schema['properties']['items'])}"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_link(one) for one in schema["anyOf"]))
    text = schema.get("type", "any")
    return escape(text if isinstance(text, str) else " | ".join(text))


def _html(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/docs/style.css"></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
