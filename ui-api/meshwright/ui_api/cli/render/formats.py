"""The formats of the output, and those that take a part of each document: names, and JSONPath.

Invariant: an expression means what RFC 9535 says; what users of kubectl write around it (braces, text, `range`, a
leading dot, `.items` for a list) is understood; nothing is evaluated but paths.
"""

import enum
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from meshwright.ui_api.cli.exits import CommandFailed, Exit

_PARTS = re.compile(r"""\{((?:"[^"]*"|'[^']*'|[^{}"'])*)\}""")
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\"}


class Format(enum.StrEnum):
    """The output format."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    JSONPATH = "jsonpath"


class Chosen(msgspec.Struct, frozen=True):
    """A format, with the expression of `jsonpath=…`."""

    format: Format
    expression: str = ""


HELP = "table, wide, json, yaml, name, or jsonpath=EXPRESSION."


def chosen(text: "str | Chosen") -> Chosen:
    """The format that an option names. Raises BadParameter."""
    import typer

    if isinstance(text, Chosen):
        return text
    name, equals, expression = text.partition("=")
    if name not in list(Format) or (name == Format.JSONPATH) != bool(equals):
        known = [each.value for each in Format if each is not Format.JSONPATH]
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(known)}, jsonpath=EXPRESSION")
    return Chosen(Format(name), expression)


def complete(incomplete: str) -> list[str]:
    """Formats that begin like this, for the shell."""
    names = [each.value + ("=" if each is Format.JSONPATH else "") for each in Format]
    return [name for name in names if name.startswith(incomplete)]


def names(value: Any) -> str:
    """The names of documents, one a line: what other commands accept. Raises CommandFailed."""
    documents = value if isinstance(value, list) else [value]
    lines = []
    for each in documents:
        name = each.get("id") or each.get("name") if isinstance(each, dict) else None
        if name is None:
            raise CommandFailed("this has no names", code=Exit.USAGE, remedy="Choose -o json or -o yaml.")
        lines.append(str(name))
    return "\n".join(lines)


def by_path(expression: str, value: Any) -> str:
    """The text that a JSONPath, or a template with paths in braces, makes of a value. Raises CommandFailed."""
    if "{" not in expression:
        return _joined(expression, value)
    parts = list(_parsed(expression))
    text, rest = _rendered(parts, value)
    if rest:
        raise _bad(expression, "there is an {end} without its {range …}")
    return text


def _parsed(template: str) -> Iterator[tuple[str, str]]:
    """The literals and expressions of a template, in order."""
    end = 0
    for match in _PARTS.finditer(template):
        if match.start() > end:
            yield "text", _plain(template, end, match.start())
        inner = match[1].strip()
        if inner[:1] in ('"', "'"):
            yield "text", re.sub(r"\\[nt\\]", lambda escape: _ESCAPES[escape[0]], inner[1:-1])
        elif inner == "end":
            yield "end", ""
        elif inner.startswith("range "):
            yield "range", inner.removeprefix("range ")
        else:
            yield "path", inner
        end = match.end()
    if end < len(template):
        yield "text", _plain(template, end, len(template))


def _plain(template: str, begin: int, end: int) -> str:
    """The text between two expressions. Raises CommandFailed for a brace without its other half."""
    text = template[begin:end]
    if "{" in text or "}" in text:
        raise _bad(template, "a brace has no other half")
    return text


def _rendered(parts: list[tuple[str, str]], value: Any) -> tuple[str, list[tuple[str, str]]]:
    """The text up to the end of the parts or of the range, and what follows it."""
    text = ""
    while parts:
        (kind, content), parts = parts[0], parts[1:]
        if kind == "end":
            return text, [("end", ""), *parts]
        if kind == "range":
            items = _found(content, value)
            after = _rendered(parts, None)[1] if not items else parts
            for item in items:
                inner, after = _rendered(parts, item)
                text += inner
            if not after or after[0][0] != "end":
                raise _bad(content, "a {range …} needs its {end}")
            parts = after[1:]
        else:
            text += content if kind == "text" else _joined(content, value)
    return text, []


def _joined(expression: str, value: Any) -> str:
    return " ".join(each if isinstance(each, str) else compact(each) for each in _found(expression, value))


def _found(expression: str, value: Any) -> list[Any]:
    import jsonpath

    path = expression.strip()
    if path.startswith("@"):
        path = f"${path[1:]}"
    elif not path.startswith("$"):
        path = f"${path}" if path.startswith((".", "[")) else f"$.{path}"
    if path == "$.":
        path = "$"
    if isinstance(value, list) and re.match(r"\$\.items\b", path):
        value = {"items": value}
    try:
        return list(jsonpath.findall(path, value))
    except jsonpath.JSONPathError as error:
        raise _bad(expression, str(error).splitlines()[0]) from error


def compact(value: Any) -> str:
    """A value as JSON on one line."""
    return msgspec.json.encode(value).decode()


def _bad(expression: str, why: str) -> CommandFailed:
    return CommandFailed(
        f"{expression!r} is not a JSONPath",
        code=Exit.USAGE,
        notes=(why,),
        remedy="As in -o jsonpath='{.items[*].id}', or '$[?(@.state==\"ready\")].id'.",
    )
