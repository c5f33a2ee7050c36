"""References to resources as users write them: `mesh/demo`, `proxy front`, `workload/shop/reviews-v1`, an id.

Invariant: a reference is resolved to one document, or refused with what was perhaps meant.
"""

from typing import Any

import msgspec

from meshwright.ui_api.cli import choices, suggestions
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit

Document = dict[str, Any]
COLLECTIONS = {
    "mesh": paths.MESHES,
    "workload": paths.WORKLOADS,
    "proxy": paths.PROXIES,
    "design": paths.DESIGNS,
    "operation": paths.OPERATIONS,
    "connection": paths.CONNECTIONS,
    "adapter": paths.ADAPTERS,
    "webhook": paths.WEBHOOKS,
}
_PLURALS = {"meshes": "mesh", "proxies": "proxy"}
_BY_NAME = ("workload", "proxy")
"""kinds whose names are not their ids"""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What is meant: a kind of resource, and a name or id."""

    kind: str
    name: str
    mesh: str = ""

    @property
    def path(self) -> str:
        """Where the collection is read."""
        return COLLECTIONS[self.kind]

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def parse(words: list[str], mesh: str = "", kinds: tuple[str, ...] = tuple(COLLECTIONS)) -> Reference:
    """The reference in one word (`mesh/demo`) or two (`mesh demo`). Raises CommandFailed."""
    kind, _, name = words[0].partition("/") if len(words) == 1 else (words[0], "/", words[1])
    singular = _PLURALS.get(kind, kind.removesuffix("s"))
    if singular not in kinds:
        raise CommandFailed(
            f"{kind!r} is no kind of resource here", code=Exit.USAGE, remedy=suggestions.did_you_mean(kind, kinds)
        )
    if not name or len(words) > 2:
        raise CommandFailed("name one resource", code=Exit.USAGE, remedy=f"As in {singular}/NAME.")
    return Reference(kind=singular, name=name, mesh=mesh)


def resolve(session: Session, reference: Reference) -> Document:
    """The document that is meant. Raises CommandFailed."""
    if reference.kind in _BY_NAME:
        return choices.entity(session, reference.path, reference.name, reference.mesh)
    return dict(session.api.get(paths.one(reference.path, reference.name)))


def breadcrumbs(kind: str, document: Document) -> list[str]:
    """The path from the connection to a resource: `connection/here`, `mesh/demo`, `workload/front`, `proxy/front`."""
    parents = [f"{each}/{document[each]}" for each in ("connection", "mesh") if document.get(each) and each != kind]
    if kind == "proxy" and document.get("workload"):
        parents.append(f"workload/{document['workload'].rpartition('~')[2]}")
    return [*parents, f"{kind}/{choices.full_name(document)}"]
