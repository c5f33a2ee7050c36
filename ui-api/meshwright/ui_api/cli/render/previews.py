"""Previews of a design in readable form: plans, differences, native resources.

Invariant: a difference shows every changed line; native resources are printed as YAML documents that other tools can
read.
"""

import difflib
from collections import Counter
from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.client.documents import Document
from meshwright.ui_api.cli.render import output

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_MARKS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red"), "unchanged": ("=", "dim")}


def plan(changes: list[dict[str, Any]], mesh: str) -> "Text":
    """A one-line summary of a difference."""
    from rich.text import Text

    counts = Counter(one["change"] for one in changes)
    parts = [f"{counts[word]} to {word}" for word in ("create", "update", "delete") if counts[word]]
    same = f" ({counts['unchanged']} unchanged)" if counts["unchanged"] else ""
    return Text(f"on mesh {mesh}: {', '.join(parts) or 'no difference'}{same}")


def diff(changes: list[dict[str, Any]], mesh: str) -> "RenderableType":
    """Every changed resource with its changed lines, and the summary."""
    from rich.console import Group

    return Group(*(_resource(one) for one in changes if one["change"] != "unchanged"), plan(changes, mesh))


def diffs(several: list[list[dict[str, Any]]], mesh: str) -> "RenderableType":
    """The differences of several designs, one after the other."""
    from rich.console import Group

    return Group(*(diff(changes, mesh) for changes in several))


def operation(preview: dict[str, Any], name: str) -> "RenderableType":
    """What an operation other than applying a design would change."""
    from rich.console import Group
    from rich.text import Text

    changes = preview.get("diff") or []
    counts = Counter(one["change"] for one in changes)
    parts = [f"{counts[word]} to {word}" for word in ("create", "update", "delete") if counts[word]]
    same = f" ({counts['unchanged']} unchanged)" if counts["unchanged"] else ""
    summary = Text(f"{name}: {', '.join(parts) or 'no difference'}{same}")
    return Group(*(_resource(one) for one in changes if one["change"] != "unchanged"), summary)


def validations(results: list[tuple[Document, dict[str, Any]]]) -> "RenderableType":
    """The outcome for several designs."""
    from rich.console import Group

    return Group(*(validation(document, result) for document, result in results))


def _resource(change: dict[str, Any]) -> "Text":
    from rich.text import Text

    mark, style = _MARKS[change["change"]]
    text = Text.assemble((f"{mark} {resource_name(change['ref'])}", f"bold {style}"))
    if change.get("conflict"):
        text.append(f"\n    ! also owned by {change['conflict']}", "yellow")
    before, after = change.get("before", "").splitlines(), change.get("after", "").splitlines()
    for line in list(difflib.unified_diff(before, after, n=3, lineterm=""))[2:]:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        text.append(f"\n    {line}", colour)
    return text.append("\n")


def resource_name(ref: dict[str, Any]) -> str:
    """The kind and name of a native resource, with its namespace where it has one."""
    return f"{ref['kind']} {'/'.join(part for part in (ref.get('namespace'), ref['name']) if part)}"


def validation(document: Document, verdict: dict[str, Any]) -> "RenderableType":
    """Whether a design can be applied, and its errors with their places."""
    from rich.text import Text

    name = document.content["id"]
    if verdict["valid"]:
        return Text.assemble(("✓ ", "green"), f"{name} can be applied")
    text = Text.assemble(("✗ ", "red"), f"{name} cannot be applied")
    for error in verdict["errors"]:
        text.append(f"\n  {document.place(error['pointer'])} {error['pointer']}: {error['detail']}")
    return text


def native(preview: dict[str, Any]) -> str:
    """The native resources of every intent as YAML documents, each headed by its source."""
    documents = []
    for translation in preview["translations"]:
        for resource in translation["resources"]:
            lines = [
                f"{translation['intent']} → {_full_name(resource['ref'])}",
                *(translation.get("notes") or []),
            ]
            head = [f"# {' '.join(line.split())}" for line in lines]  # a comment ends with its line
            documents.append("\n".join(["---", *head, output.as_yaml(resource["body"])]))
    return "".join(documents)


def _full_name(ref: dict[str, Any]) -> str:
    return f"{ref['group']}/{resource_name(ref)}" if ref.get("group") else resource_name(ref)
