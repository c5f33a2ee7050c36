"""The messages of discovery: the objects of a Kubernetes cluster, and the status of each cluster.

Problem: a message may hold no secret and must fit on the bus, while an object may have both and be larger. Invariant:
the stream keeps the newest message of each object; `redacted` points to what was replaced because it may be a secret,
and `trimmed` to what was too long. `metadata.managedFields` and the annotation
`kubectl.kubernetes.io/last-applied-configuration` of every object are left out: they repeat the rest.
"""

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from meshwright.schemas import ids
from meshwright.schemas.base import Message, Model, Moment, Name, Namespace, Wire
from meshwright.schemas.meshes import Condition
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import EntityId

REMOVED_KEPT = 7 * 24 * 3600
"""seconds for which the stream keeps the message that an object was removed"""
LARGEST_BODY = 64 * 1024
"""maximum size of `body` in bytes of JSON; NATS accepts 1 MiB per message, and a page of resources is read as a
whole"""


def resource_token(ref: ResourceRef) -> str:
    """The name of an object among those of its connection: the last token of its subject, before it is encoded."""
    return ids.scoped(ref.group, ref.kind, ref.namespace, ref.name)


def resource_id(connection: str, ref: ResourceRef) -> str:
    """The id of an object."""
    return ids.scoped(connection, ref.group, ref.kind, ref.namespace, ref.name)


class Owner(Model, frozen=True, kw_only=True):
    """The controller of an object, in the same namespace: for example the ReplicaSet of a Pod."""

    group: str = ""
    kind: str
    name: str
    uid: str = ""


class ResourceSummary(Model, frozen=True, kw_only=True):
    """An object of a cluster without its content."""

    id: EntityId
    connection: Name
    group: str = ""
    """the API group, empty for `v1`"""
    version: str = ""
    """the version in which it was read"""
    kind: str
    namespace: Namespace = ""
    name: str
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}
    owner: Owner | None = None
    created_at: Moment | None = None
    observed_at: Moment

    @property
    def ref(self) -> ResourceRef:
        """The reference of the object in its cluster."""
        return ResourceRef(group=self.group, kind=self.kind, namespace=self.namespace, name=self.name)


class ClusterResource(ResourceSummary, frozen=True, kw_only=True):
    """An object of a cluster as it was last observed."""

    body: Annotated[
        dict[str, Any], Meta(description="The object, at most 64 KiB of JSON. See `trimmed` and `redacted`.")
    ]
    trimmed: Annotated[list[str], Meta(description="JSON pointers to what was too long and is marked as such.")] = []
    redacted: Annotated[list[str], Meta(description="JSON pointers to what is or may be a secret and is marked.")] = []


class ResourceObserved(Message, frozen=True, kw_only=True):
    """The newest observation of an object by discovery."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.resource.observed.v1", "resource")
    resource: ClusterResource


class ResourceRemoved(Message, frozen=True, kw_only=True):
    """The object is gone from its cluster, is no longer watched, or its connection was removed."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.resource.removed.v1", "resource")
    id: EntityId
    connection: Name
    group: str = ""
    kind: str
    namespace: Namespace = ""
    name: str
    uid: str = ""


class ConnectionStatus(Model, frozen=True, kw_only=True):
    """The state of discovery for a connection.

    Conditions: `Reachable` (it answers), `Authorized` (it accepts the credentials and permits all watches), `Throttled`
    (only while the cluster asks for fewer requests), `Synced` (its published objects are complete), `Replaced` (only
    where another cluster answers than when the connection was written). `resources` counts the objects.
    """

    id: Name
    conditions: list[Condition] = []
    resources: int = 0
    cluster: Annotated[
        str, Meta(description="The UID of the namespace kube-system when the connection was written; empty: unknown.")
    ] = ""
    version: Annotated[int, Meta(description="The version of the connection to which `cluster` belongs.")] = 0
    observed_at: Moment


class ConnectionObserved(Message, frozen=True, kw_only=True):
    """The status of a connection changed."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.connection.observed.v1", "connection")
    status: ConnectionStatus


class ConnectionForgotten(Message, frozen=True, kw_only=True):
    """The connection was removed, and its status and objects are removed from the views."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.connection.forgotten.v1", "connection")
    id: Name
