"""`meshwright describe`: one resource with everything that belongs to it: conditions, releases, operations, events."""

from typing import Annotated, Any

import typer

from meshwright.ui_api.cli.choices import MeshFilter
from meshwright.ui_api.cli.client import paths, references
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed
from meshwright.ui_api.cli.render import describing

_FEW, _EVENTS = 5, 10
Document = dict[str, Any]
ResourceName = Annotated[
    list[str], typer.Argument(metavar="KIND/NAME", help="As in mesh/demo, or `mesh demo`; workload/shop/reviews-v1.")
]


def describe(session: Session, resource: ResourceName, mesh: MeshFilter = "") -> None:
    """Describe a mesh, workload, proxy, design, operation or connection: with what is related to it."""
    kinds = ("mesh", "workload", "proxy", "design", "operation", "connection")
    reference = references.parse(resource, mesh, kinds)
    document = references.resolve(session, reference)
    described: Document = {
        "path": references.breadcrumbs(reference.kind, document),
        reference.kind: document,
        **_related(session, reference.kind, document),
    }
    session.output.show(described, describing.page(reference.kind, described))


def _related(session: Session, kind: str, document: Document) -> Document:
    """What belongs to a resource, by the name of its section."""
    name = document["id"]
    wanted: dict[str, tuple[str, Document, int]] = {}
    match kind:
        case "mesh":
            wanted["proxies"] = (paths.PROXIES, {"mesh": name}, 1000)
            wanted["releases"] = (paths.RELEASES, {"mesh": name, "state": "applied"}, 100)
            wanted["drift"] = (paths.DRIFT, {"mesh": name}, 100)
            wanted["operations"] = (paths.OPERATIONS, {"mesh": name}, _FEW)
        case "workload":
            wanted["proxies"] = (paths.PROXIES, {"workload": name}, 100)
        case "design":
            wanted["releases"] = (paths.RELEASES, {"design": name}, 2 * _FEW)
            wanted["drift"] = (paths.DRIFT, {"design": name}, 100)
            wanted["versions"] = (paths.one(paths.DESIGNS, name, "/versions"), {}, _FEW)
        case "connection":
            wanted["meshes"] = (paths.MESHES, {"connection": name}, 100)
            wanted["operations"] = (paths.OPERATIONS, {"connection": name}, _FEW)
    about: Document = {"operation": name} if kind == "operation" else {"entity": kind, "id": name}
    wanted["events"] = (paths.EVENTS, about, 100 if kind == "operation" else _EVENTS)
    related = {title: session.api.list(path, params, limit=limit)[0] for title, (path, params, limit) in wanted.items()}
    related["events"].reverse()
    if kind == "connection":
        related |= _status(session, name)
    return related


def _status(session: Session, connection: str) -> Document:
    """What discovery has seen of a connection, where it looks at it."""
    try:
        return {"status": session.api.get(paths.one(paths.CONNECTIONS, connection, "/status"))}
    except CommandFailed as failure:
        if getattr(failure, "slug", "") != "not-found":
            raise
        return {}
