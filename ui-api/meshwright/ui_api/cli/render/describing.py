"""A resource with its relations.

Invariant: each section is drawn as the list of that kind is; an empty one is left out.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import connections, history, meshes, views
from meshwright.ui_api.cli.render.documents import designs

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]
_SECTIONS: dict[str, tuple[str, Callable[[list[Document]], "RenderableType"]]] = {
    "meshes": ("meshes", meshes.meshes),
    "proxies": ("proxies", meshes.proxies),
    "releases": ("releases", designs.releases),
    "drift": ("drift", designs.drift),
    "versions": ("versions", designs.versions),
    "deliveries": ("deliveries", views.deliveries),
    "operations": ("newest operations", history.operations),
}


def page(kind: str, described: Document) -> "RenderableType":
    """The path, the document, and its sections."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(" → ".join(described["path"]), "dim"), _document(kind, described[kind])]
    if "status" in described:
        parts += [Text(), connections.status(described["status"])]
    for name, (title, render) in _SECTIONS.items():
        if described.get(name):
            parts += [Text(f"\n{title}", "bold"), render(described[name])]
            parts += [Text(f"see {each}", "dim") for each in _further(name, described[name])]
    if described.get("events"):
        parts += [Text("\nevents", "bold"), *map(history.event, described["events"])]
    return Group(*parts)


def _further(section: str, items: list[Document]) -> list[str]:
    """The commands that show more."""
    drifted = dict.fromkeys((one["design"], one["mesh"]) for one in items) if section == "drift" else {}
    return [f"meshwright drift show {design} --mesh {mesh}" for design, mesh in drifted]


def _document(kind: str, document: Document) -> "RenderableType":
    match kind:
        case "mesh":
            return meshes.mesh(document)
        case "proxy":
            return meshes.proxy(document)
        case "operation":
            return history.operation(document)
        case "adapter":
            return views.adapter(document)
        case "deadletter":
            return history.dead_letter(document)
    return views.document(document)
