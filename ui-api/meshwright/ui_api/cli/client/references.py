"""References to resources as users write them: `mesh/demo`, `proxy front`, `workload/shop/reviews-v1`, an id.

Invariant: a reference is resolved to one document, or refused with what was perhaps meant.
"""

import re
from typing import Any
from urllib.parse import quote

import msgspec

from meshwright.schemas.base import ULID_PATTERN
from meshwright.ui_api.cli import choices, suggestions
from meshwright.ui_api.cli.client import naming, paths
from meshwright.ui_api.cli.client.session import Session, completions
from meshwright.ui_api.cli.exits import CommandFailed, Exit

Document = dict[str, Any]
COLLECTIONS = {
    "mesh": paths.MESHES,
    "workload": paths.WORKLOADS,
    "proxy": paths.PROXIES,
    "design": paths.DESIGNS,
    "operation": paths.OPERATIONS,
    "connection": paths.CONNECTIONS,
    "release": paths.RELEASES,
    "adapter": paths.ADAPTERS,
    "worker": paths.SYSTEM,
    "webhook": paths.WEBHOOKS,
    "deadletter": paths.DEADLETTERS,
}
_PLURALS = {"meshes": "mesh", "proxies": "proxy", "process": "worker", "processes": "worker"}


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
    match reference.kind:
        case "workload" | "proxy":
            return choices.entity(session, reference.path, reference.name, reference.mesh)
        case "release":
            design, _, revision = reference.name.partition("/")
            return release(session, design, revision, reference.mesh)
        case "worker":
            return _worker(session, reference.name)
    return dict(session.api.get(paths.one(reference.path, reference.name)))


def release(session: Session, design: str, revision: str = "", mesh: str = "") -> Document:
    """The release of this id, or the newest of a design, or the one of that revision. Raises CommandFailed."""
    if not revision and re.fullmatch(ULID_PATTERN, design):
        return dict(session.api.get(paths.one(paths.RELEASES, design)))
    where = {"mesh": mesh or None}
    if revision:
        return dict(session.api.get(paths.one(paths.DESIGNS, design, f"/releases/{quote(revision, safe='')}"), where))
    newest, _ = session.api.list(paths.one(paths.DESIGNS, design, "/releases"), where, limit=1)
    if not newest:
        raise CommandFailed(
            f"design {design} was never applied{f' to {mesh}' if mesh else ''}",
            code=Exit.REFUSED,
            remedy="`meshwright releases list` shows what was applied.",
        )
    return dict(newest[0])


def _worker(session: Session, name: str) -> Document:
    """The worker of this instance, or the only one of an adapter. Raises CommandFailed."""
    adapters = session.api.get(paths.SYSTEM)["adapters"]
    workers = [{**one, "adapter": each["name"]} for each in adapters for one in each["workers"]]
    adapter = name.removeprefix("adapter-")
    found = [one for one in workers if one["instance"] == name] or [one for one in workers if one["adapter"] == adapter]
    if len(found) == 1:
        return {"id": found[0]["instance"], **found[0]}
    known = [one["instance"] for one in (found or workers)]
    raise CommandFailed(
        f"there are several workers of {adapter}" if found else f"there is no worker {name!r} of an adapter",
        code=Exit.USAGE if found else Exit.REFUSED,
        remedy=suggestions.did_you_mean(name, known) or "`meshwright system` shows what runs.",
    )


def complete(incomplete: str) -> list[str]:
    """Kinds, and behind a kind its names, that begin like this, for the shell."""
    kind, slash, begin = incomplete.partition("/")
    if not slash:
        return [f"{each}/" for each in COLLECTIONS if each.startswith(kind)]
    singular = _PLURALS.get(kind, kind.removesuffix("s"))
    if singular == "worker" or singular not in COLLECTIONS:
        return []
    return [f"{kind}/{name}" for name in completions(COLLECTIONS[singular], begin)]


def breadcrumbs(kind: str, document: Document) -> list[str]:
    """The path from the connection to a resource: `connection/here`, `mesh/demo`, `workload/front`, `proxy/front`."""
    above = ("adapter",) if kind in ("worker", "deadletter") else ("connection", "mesh")
    parents = [f"{each}/{document[each]}" for each in above if document.get(each) and each != kind]
    if kind == "proxy" and document.get("workload"):
        parents.append(f"workload/{document['workload'].rpartition('~')[2]}")
    if kind == "release":
        parents.append(f"design/{document['design']['id']}")
    own = str(document["operation"]) if kind == "deadletter" else naming.full_name(document)
    return [*parents, f"{kind}/{own}"]
