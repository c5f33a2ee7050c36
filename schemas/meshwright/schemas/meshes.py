"""Meshes as their adapters observe them.

Invariant: an observation carries the whole document, so the newest one is the truth and projecting it twice or out of
order (guarded by stream sequence) gives the same view.
"""

from typing import ClassVar, Literal, TypeAlias

from meshwright.schemas.base import Message, Model, Moment, Name, Text, Wire

MeshState: TypeAlias = Literal["installing", "ready", "degraded", "removing", "unknown"]


class Condition(Model, frozen=True, kw_only=True):
    """A Kubernetes-style condition: `type` is an adjective, `reason` one CamelCase word."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: Text = ""


class Mesh(Model, frozen=True, kw_only=True):
    """One mesh installation on a connection."""

    id: Name
    kind: str
    connection: Name
    adapter: str
    version: str = ""
    state: MeshState = "unknown"
    trust_domain: str = ""
    conditions: list[Condition] = []
    workloads: int = 0
    proxies: int = 0
    observed_at: Moment


class MeshObserved(Message, frozen=True, kw_only=True):
    """The newest observation of a mesh by its adapter."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.mesh.observed.v1", "mesh")
    mesh: Mesh


class MeshRemoved(Message, frozen=True, kw_only=True):
    """The mesh was uninstalled."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.mesh.removed.v1", "mesh")
    id: Name
    connection: Name
