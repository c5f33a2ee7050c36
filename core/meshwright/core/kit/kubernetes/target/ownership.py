"""Whose an object is, and so whether it may be removed.

Problem: an inventory is a list of names, and under a name there may be something else by now: a user's own object, one
that was there before us, one that another release stands for too. Invariant: an object is deleted only if this design
has created it, stands for it now (both by what the server itself recorded) and nobody else has applied it; by its UID,
so never another one of the same name. From everything else only the fields of this design are taken back.

A design applies as a field manager of its own, `meshwright:<workspace>.<mesh>.<design>`: so the server refuses two
designs that disagree on a field, and names the other one.
"""

import hashlib
from typing import Literal, TypeAlias

from meshwright.core.kit.kubernetes.objects import Body, at
from meshwright.core.kit.kubernetes.target import bodies, fields
from meshwright.core.kit.target import MeshRef

PREFIX = "meshwright"
CREATED_BY = "meshwright.dev/created-by"
"""annotation of what a design has created; the value is its field manager"""
MANAGED_BY = "app.kubernetes.io/managed-by"
_LONGEST = 128
"""characters of a field manager's name"""
_GITOPS = {
    "argocd.argoproj.io/tracking-id": "Argo CD application",
    "kustomize.toolkit.fluxcd.io/name": "Flux kustomization",
    "helm.toolkit.fluxcd.io/name": "Flux Helm release",
}
"""annotations and labels of tools that put back whatever others change"""
Fate: TypeAlias = Literal["delete", "release", "leave"]
"""what removing a design means for one object: `release` takes back the design's fields alone"""


def manager_of(mesh: MeshRef, owner: str) -> str:
    """The field manager of a design on a mesh."""
    name = f"{PREFIX}:{mesh.workspace}.{mesh.mesh}.{owner}"
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: _LONGEST - len(digest) - 1]}-{digest}"


def words(manager: str) -> str:
    """A field manager for people."""
    parts = manager.removeprefix(f"{PREFIX}:").split(".")
    if manager.startswith(f"{PREFIX}:") and len(parts) == 3:
        return f"design {parts[2]} of mesh {parts[1]}"
    return manager


def conflict_words(owners: dict[str, list[str]]) -> str:
    """Who owns what, for people: `kubectl (spec.replicas), design canary of mesh prod (spec.hosts)`."""
    return ", ".join(f"{words(name)} ({', '.join(f.lstrip('.') for f in held)})" for name, held in owners.items())


def gitops_words(body: Body) -> str:
    """The tool that would put back what we change, for people; empty when there is none."""
    for part in ("annotations", "labels"):
        for key, tool in _GITOPS.items():
            if name := at(body, "metadata", part, key):
                return f"{tool} {str(name).partition(':')[0]}"
    return ""


def marked(body: Body, manager: str) -> Body:
    """An object as a design creates it."""
    copy = bodies.with_metadata(body, "annotations", CREATED_BY, manager)
    return bodies.with_metadata(copy, "labels", MANAGED_BY, PREFIX)


def is_creator(body: Body, manager: str) -> bool:
    """Whether a design has created this very object; a copied annotation is not enough."""
    return at(body, "metadata", "annotations", CREATED_BY) == manager and manager in fields.appliers(body)


def fate(body: Body, manager: str) -> Fate:
    """What removing a design means for an object as it is now."""
    standing = fields.appliers(body)
    if manager not in standing:
        return "leave"
    return "delete" if is_creator(body, manager) and set(standing) == {manager} else "release"
