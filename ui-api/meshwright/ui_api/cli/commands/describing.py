"""`meshwright describe`: one resource with everything that belongs to it: conditions, releases, operations, events."""

from typing import Annotated, Any, TypeAlias

import typer

from meshwright.ui_api.cli.choices import MeshFilter
from meshwright.ui_api.cli.client import paths, references
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed
from meshwright.ui_api.cli.render import describing

_FEW, _EVENTS = 5, 10
_OF_OPERATION = ("operation", "release", "deadletter")
"""kinds whose events are those of their operation"""
Document = dict[str, Any]
Section: TypeAlias = tuple[str, Document, int]
"""where a list is read, with which filter, and how much of it"""
ResourceName = Annotated[
    list[str],
    typer.Argument(
        metavar="KIND/NAME",
        help="As in mesh/demo, or `mesh demo`; workload/shop/reviews-v1; release/canary.",
        autocompletion=references.complete,
    ),
]


def describe(session: Session, resource: ResourceName, mesh: MeshFilter = "") -> None:
    """Describe a mesh, workload, proxy, design, release, operation, connection, adapter, worker or webhook.

    With what is related to it: conditions, proxies, releases, drift, operations, deliveries, events.
    """
    reference = references.parse(resource, mesh)
    document = references.resolve(session, reference)
    described: Document = {
        "path": references.breadcrumbs(reference.kind, document),
        reference.kind: document,
        **_related(session, reference.kind, document),
    }
    session.output.show(described, describing.page(reference.kind, described))


def _related(session: Session, kind: str, document: Document) -> Document:
    """What belongs to a resource, by the name of its section."""
    name = document["operation" if kind in ("release", "deadletter") else "id"]
    related = {
        title: session.api.list(path, params, limit=limit)[0]
        for title, (path, params, limit) in _sections(kind, document).items()
    }
    if kind in _OF_OPERATION:
        related["events"] = _newest(session, {"operation": name}, 100)
    elif kind != "worker":
        related["events"] = _newest(session, {"entity": kind, "id": name}, _EVENTS)
    if kind == "connection":
        related |= _status(session, name)
    return related


def _sections(kind: str, document: Document) -> dict[str, Section]:
    """The lists that are shown with a resource: where each is read, with which filter, and how much of it."""
    name = document.get("id", "")
    of_kind: dict[str, dict[str, Section]] = {
        "mesh": {
            "proxies": (paths.PROXIES, {"mesh": name}, 1000),
            "releases": (paths.RELEASES, {"mesh": name, "state": "applied"}, 100),
            "drift": _drift(mesh=name),
            "operations": _operations(mesh=name),
        },
        "workload": {"proxies": (paths.PROXIES, {"workload": name}, 100)},
        "design": {
            "releases": (paths.RELEASES, {"design": name}, 2 * _FEW),
            "drift": _drift(design=name),
            "versions": (paths.one(paths.DESIGNS, name, "/versions"), {}, _FEW),
        },
        "release": {"drift": _drift(mesh=document.get("mesh", ""), design=_design(document))},
        "connection": {
            "meshes": (paths.MESHES, {"connection": name}, 100),
            "operations": _operations(connection=name),
        },
        "adapter": {
            "meshes": (paths.MESHES, {"adapter": name}, 100),
            "operations": _operations(adapter=name),
        },
        "worker": {"operations": _operations(worker=name)},
        "webhook": {"deliveries": (paths.one(paths.WEBHOOKS, name, "/deliveries"), {}, _FEW)},
    }
    return of_kind.get(kind, {})


def _drift(**where: str) -> Section:
    return paths.DRIFT, where, 100


def _operations(**where: str) -> Section:
    return paths.OPERATIONS, where, _FEW


def _design(document: Document) -> str:
    return str(document["design"]["id"]) if isinstance(document.get("design"), dict) else ""


def _newest(session: Session, about: Document, limit: int) -> list[Document]:
    """The newest events about something, the oldest of them first."""
    events, _ = session.api.list(paths.EVENTS, about, limit=limit)
    return events[::-1]


def _status(session: Session, connection: str) -> Document:
    """What discovery has seen of a connection, where it looks at it."""
    try:
        return {"status": session.api.get(paths.one(paths.CONNECTIONS, connection, "/status"))}
    except CommandFailed as failure:
        if getattr(failure, "slug", "") != "not-found":
            raise
        return {}
