"""The documentation pages: plain HTML generated from the OpenAPI document, with one style sheet and one script of ours.

Invariant: everything from a document is escaped; the page contains only what `/openapi.json` does, and can be read
without the script. Links are relative, so that the pages work below any path.
"""

import functools
import re
from html import escape
from importlib import resources
from typing import Any

from meshwright.schemas.documents.examples import Examples
from meshwright.schemas.errors import PROBLEM_TYPES, ProblemType
from meshwright.ui_api.http.documents import operations

FILES = {"style.css": "text/css", "docs.js": "text/javascript"}
"""the files of the pages, and their types"""
_BASE = "\0base\0"


@functools.cache
def file(name: str) -> str:
    """The text of one of FILES."""
    return (resources.files("meshwright.ui_api.http.documents") / "files" / name).read_text(encoding="utf-8")


class Page:
    """The whole API as one page, made once and served at any address."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._text = _whole(document)

    def at(self, base_url: str) -> str:
        """The page as it is served at that address."""
        return self._text.replace(_BASE, escape(base_url))


def _whole(document: dict[str, Any]) -> str:
    schemas = document["components"]["schemas"]
    drawing = operations.Drawing(Examples(schemas), _BASE)
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(drawing.operation(path, method, operation))
    sections = [_section(tag, parts) for tag, parts in groups.items()]
    sections.append(_section("schemas", [drawing.schema(name, schema) for name, schema in schemas.items()]))
    tags = "".join(f'<li><a href="#{_anchor(tag)}">{escape(tag)}</a></li>' for tag in [*groups, "schemas"])
    search = (
        '<div id="search" hidden><input id="find" type="search" placeholder="Search, with /" '
        'aria-label="Search operations, parameters, fields and schemas"><p id="found" role="status"></p></div>'
    )
    intro = "".join(
        f"<p>{escape(text)}</p>" for text in re.split(r"(?<=\.) (?=Bodies )", document["info"]["description"])
    )
    links = " · ".join(f'<a href="{each}">{each}</a>' for each in ("openapi.json", "asyncapi.json", "problems"))
    body = (
        f'<div class="layout"><nav aria-label="Subjects">{search}<ul>{tags}</ul></nav>'
        f"<main>{intro}<p>{links}</p>{''.join(sections)}</main></div>"
    )
    title = f"{document['info']['title']} {document['info']['version']}"
    return _html(title, body, script='<script src="docs/docs.js" defer></script>')


def problems() -> str:
    """The list of all kinds of refusal."""
    rows = "".join(
        f'<tr><td>{kind.status}</td><td><a href="problems/{slug}">{slug}</a></td><td>{escape(kind.title)}</td></tr>'
        for slug, kind in sorted(PROBLEM_TYPES.items(), key=lambda item: (item[1].status, item[0]))
    )
    return _html("Problems", f"<table>{rows}</table>")


def problem(kind: ProblemType) -> str:
    """One kind of refusal."""
    text = f"<p>HTTP status <b>{kind.status}</b>, type <code>/problems/{kind.slug}</code></p>"
    links = '<p><a href="../problems">all problems</a></p>'
    return _html(kind.title, f"{text}<p>{escape(kind.explanation)}</p>{links}", up="../")


def _section(name: str, parts: list[str]) -> str:
    return f'<section><h2 class="place" id="{_anchor(name)}">{escape(name)}</h2>{"".join(parts)}</section>'


def _anchor(tag: str) -> str:
    return f"tag-{escape(tag)}"


def _html(title: str, body: str, *, script: str = "", up: str = "") -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{up}docs/style.css">{script}</head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
