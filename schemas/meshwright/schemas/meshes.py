"""Meshes as their adapters observe them.

Invariant: an observation carries the whole document, so the newest one is the truth and projecting it twice or out of
order (guarded by stream sequence) gives the same view.
"""

from typing import ClassVar, Literal, TypeAlias

from meshwright.schemas.base import Message, Model, Moment, Name, Text, Wire
from meshwright.schemas.errors import FieldError

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
    namespace: str = ""
    """of its control plane, on meshes that have namespaces"""
    revisions: list[str] = []
    """of its control planes where these have names, the one in force first"""
    installer: str = ""
    """what installed it where Meshwright did not: it was adopted, and is upgraded with that"""
    state: MeshState = "unknown"
    trust_domain: str = ""
    conditions: list[Condition] = []
    workloads: int = 0
    proxies: int = 0
    observed_at: Moment


class DetectedMesh(Model, frozen=True, kw_only=True):
    """One mesh found on a connection, also one installed by others."""

    kind: str
    adapter: str = ""
    namespace: str = ""
    revision: str = ""
    version: str = ""
    tags: list[str] = []
    """other names of its revision"""
    modes: list[str] = []
    """how traffic is led through it, such as `sidecar` and `ambient`"""
    installer: str = ""
    """what installed it, such as `helm`, as far as that can be seen"""
    enrolled: list[str] = []
    """the namespaces that take part"""
    state: MeshState = "unknown"
    conditions: list[Condition] = []
    mesh: str = ""
    """the name under which Meshwright manages it; empty: it can be adopted"""


class Detections(Model, frozen=True, kw_only=True):
    """The meshes of a connection, by all adapters that detect some there."""

    meshes: list[DetectedMesh] = []
    notes: list[Text] = []
    """what is wrong around them, and what to do"""
    problems: list[FieldError] = []
    """what could not be seen, and why"""


class DetectionRequest(Model, frozen=True, kw_only=True):
    """Asks a worker for the meshes of a connection as it is at `seq` of STATE or later. Request/reply, not stored."""

    workspace: Name
    connection: Name
    seq: int = 0


class MeshObserved(Message, frozen=True, kw_only=True):
    """The newest observation of a mesh by its adapter."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.mesh.observed.v1", "mesh")
    mesh: Mesh


class MeshRemoved(Message, frozen=True, kw_only=True):
    """The mesh was uninstalled."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.mesh.removed.v1", "mesh")
    id: Name
    connection: Name
