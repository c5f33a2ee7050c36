"""Workloads and their proxies.

A workload is one version of one service: processes behind an address, or a Deployment, StatefulSet or DaemonSet. It may
have several proxies, each of which reports the configuration that it has accepted. Invariant: an id contains everything
that scopes its entity (`workload_id`, `proxy_id`), so equal names in two meshes or namespaces never collide.
"""

import re
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta

from meshwright.schemas import ids
from meshwright.schemas.base import (
    NAMESPACE_PATTERN,
    Message,
    Model,
    Moment,
    Name,
    Namespace,
    ObjectName,
    Port,
    Text,
    Wire,
    whole,
)

SyncState: TypeAlias = Literal["synced", "stale", "rejected", "disconnected", "not_sent"]
ControllerKind: TypeAlias = Literal["deployment", "statefulset", "daemonset"]
WorkloadKind: TypeAlias = Literal["process", "deployment", "statefulset", "daemonset"]
MemberMode: TypeAlias = Literal["", "sidecar", "ambient"]
ProxyMode: TypeAlias = Literal["", "sidecar", "gateway", "waypoint", "ztunnel"]
Choice: TypeAlias = Annotated[str, Meta(pattern=whole(NAMESPACE_PATTERN), description="a name, or empty")]
HOST_PATTERN = "^[A-Za-z0-9.:-]{1,253}$"
Host: TypeAlias = Annotated[str, Meta(pattern=whole(HOST_PATTERN), description="IP address or host name")]
ENTITY_PATTERN = "^[A-Za-z0-9._~%-]{1,1000}$"
EntityId: TypeAlias = Annotated[
    str,
    Meta(
        pattern=whole(ENTITY_PATTERN),
        description="what scopes the entity and its name, joined by ~",
        examples=["demo~shop~deployment~reviews-v1"],
    ),
]


def workload_id(mesh: str, namespace: str, kind: str, name: str) -> str:
    """The id of a workload."""
    return ids.scoped(mesh, namespace, kind, name)


def host(text: object) -> str | None:
    """What is told of an address where it is one; None for anything else."""
    return text if isinstance(text, str) and re.fullmatch(HOST_PATTERN, text) else None


def proxy_id(mesh: str, namespace: str, name: str) -> str:
    """The id of a proxy."""
    return ids.scoped(mesh, namespace, name)


class WorkloadSpec(Model, frozen=True, kw_only=True):
    """A process that a user enrols: its address and the service it belongs to."""

    name: Name
    service: Name
    version: Name = "v1"
    port: Port
    namespace: Namespace = ""
    address: Host = "127.0.0.1"
    sidecar: Literal["managed", "remote"] = "managed"
    """managed: the adapter starts the sidecar on its own host; remote: it joins with a bootstrap."""


class ProcessEnrolment(WorkloadSpec, frozen=True, kw_only=True, tag_field="member", tag="process"):
    """A process to enrol."""

    @property
    def spec(self) -> WorkloadSpec:
        """The same in the form used in a design."""
        return WorkloadSpec(**msgspec.structs.asdict(self))


class ProcessMember(Model, frozen=True, kw_only=True, tag_field="member", tag="process"):
    """A process that is enrolled."""

    namespace: Namespace = ""
    name: Name


class NamespaceMember(Model, frozen=True, kw_only=True, tag_field="member", tag="namespace"):
    """A namespace with all its workloads. Running pods join the mesh only after a restart.

    The other fields apply when it is enrolled; empty ones are chosen by the adapter.
    """

    namespace: Name
    restart: bool = False
    mode: MemberMode = ""
    revision: Choice = ""
    """the control plane revision or tag that it uses"""
    waypoint: Choice = ""
    """the waypoint for its traffic; created if it does not exist"""


class ControllerMember(Model, frozen=True, kw_only=True, tag_field="member", tag="workload"):
    """A Deployment, StatefulSet or DaemonSet. Running pods join the mesh only after a restart.

    The other fields apply when it is enrolled; empty ones are chosen by the adapter.
    """

    namespace: Name
    kind: ControllerKind
    name: ObjectName
    restart: bool = False
    mode: MemberMode = ""
    revision: Choice = ""
    """the control plane revision or tag that it uses"""


AnyEnrolment: TypeAlias = ProcessEnrolment | NamespaceMember | ControllerMember
"""what can be enrolled; `member` is the tag"""
AnyMember: TypeAlias = ProcessMember | NamespaceMember | ControllerMember
"""what can be withdrawn"""


class Certificate(Model, frozen=True, kw_only=True):
    """The identity that a proxy presents."""

    spiffe_id: str
    serial: str
    not_after: Moment


class ResourceTypeSync(Model, frozen=True, kw_only=True):
    """The synchronization of one proxy for one resource type: `Cluster`, `Listener`, …"""

    type: str
    state: SyncState
    sent: str = ""
    acked: str = ""
    error: Text = ""


class EnvoyDetails(Model, frozen=True, kw_only=True, tag_field="kind", tag="envoy"):
    """Further details of an Envoy of a fleet: its ports on its host."""

    outbound_port: int | None = None
    inbound_port: int | None = None
    admin_port: int | None = None


class Proxy(Model, frozen=True, kw_only=True):
    """One data-plane proxy and the state of its configuration.

    `state`, `sent`, `acked` and `error` summarize `sync`, which is empty where the mesh does not report resource types.
    """

    id: EntityId
    mesh: Name
    namespace: Namespace = ""
    name: ObjectName
    workload: EntityId | None = None
    """the id of its workload"""
    mode: ProxyMode = ""
    """its purpose, where the mesh has proxies of several kinds"""
    revision: str = ""
    """the control plane revision that it uses, where the mesh has several"""
    control_plane: str = ""
    """the replica of the control plane that serves it"""
    version: str = ""
    state: SyncState = "disconnected"
    sent: str = ""
    acked: str = ""
    error: Text = ""
    sync: list[ResourceTypeSync] = []
    certificate: Certificate | None = None
    details: EnvoyDetails | None = None
    observed_at: Moment


class Workload(Model, frozen=True, kw_only=True):
    """A workload of a mesh as its adapter observes it. Only a process has `address`, `port` and `sidecar`."""

    id: EntityId
    mesh: Name
    connection: Name
    namespace: Namespace = ""
    kind: WorkloadKind = "process"
    name: ObjectName
    service: str = ""
    """the name of its service, in the same namespace; empty when it serves none"""
    version: str = ""
    address: Host | None = None
    port: Port | None = None
    sidecar: Literal["managed", "remote"] | None = None
    observed_at: Moment


class WorkloadObserved(Message, frozen=True, kw_only=True):
    """The newest observation of a workload by its adapter."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.workload.observed.v2", "workload")
    workload: Workload


class WorkloadRemoved(Message, frozen=True, kw_only=True):
    """The workload left the mesh."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.workload.removed.v2", "workload")
    id: EntityId
    mesh: Name
    namespace: Namespace = ""
    kind: WorkloadKind = "process"
    name: ObjectName


class ProxyObserved(Message, frozen=True, kw_only=True):
    """The newest observation of a proxy by the control plane: connected, ACKed, NACKed, gone."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.proxy.observed.v2", "proxy")
    proxy: Proxy


class ProxyRemoved(Message, frozen=True, kw_only=True):
    """The proxy was stopped permanently."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.proxy.removed.v2", "proxy")
    id: EntityId
    mesh: Name
    namespace: Namespace = ""
    name: ObjectName


MOST_NAMES = 200
"""maximum number of names of resources that a proxy's own account lists for each type"""


class ProxyCertificate(Model, frozen=True, kw_only=True):
    """A certificate that a proxy holds: its own, or a root by which it judges those of others."""

    role: Literal["own", "root"]
    name: str = ""
    """of the secret that it came in; empty where it came in none"""
    names: list[str] = []
    """its subject alternative names, as its SPIFFE id"""
    subject: str = ""
    issuer: str = ""
    serial: str = ""
    not_before: Moment | None = None
    not_after: Moment | None = None


class ProxyResources(Model, frozen=True, kw_only=True):
    """The resources of one type that a proxy runs with."""

    type: str
    count: int
    """all of them, whether fixed when it was started or received"""
    version: str = ""
    updated_at: Moment | None = None
    """the newest change"""
    names: list[str] = []
    """the first of them"""
    problems: list[str] = []
    """what it refuses, in its own words"""


class ProxyAccount(Model, frozen=True, kw_only=True):
    """What a proxy tells of itself: the certificates that it holds, and the configuration that it runs with."""

    certificates: list[ProxyCertificate] = []
    resources: list[ProxyResources] = []


class ProxyRequest(Model, frozen=True, kw_only=True):
    """Asks a worker what a proxy tells of itself. Request/reply, never stored."""

    workspace: Name
    connection: Name
    mesh: Name
    namespace: Namespace = ""
    name: ObjectName


MOST_LOG_LINES = 2000
LONGEST_LOG = 512 * 1024
"""maximum number of characters of all parts of an answer together"""


class LogRequest(Model, frozen=True, kw_only=True):
    """Asks a worker for the newest lines of the logs of a proxy or a workload. Request/reply, never stored."""

    workspace: Name
    connection: Name
    mesh: Name
    of: Literal["proxy", "workload"]
    kind: str = ""
    """of a workload"""
    namespace: Namespace = ""
    name: ObjectName
    container: str = ""
    """one container of a pod; without it the proxy's, or for a workload the others"""
    lines: int = 100


class LogPart(Model, frozen=True, kw_only=True):
    """The newest lines of one log; `name` says whose: a file, or `pod/container`."""

    name: str
    text: str


class Logs(Model, frozen=True, kw_only=True):
    """The newest lines of the logs of a proxy or a workload, one part for each process."""

    parts: list[LogPart]

    def bounded(self) -> "Logs":
        """The same with the oldest lines left out where together they are longer than LONGEST_LOG."""
        most = LONGEST_LOG // max(1, len(self.parts))
        return Logs(parts=[LogPart(name=each.name, text=_newest(each.text, most)) for each in self.parts])


def _newest(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return text[-most:].partition("\n")[2] or text[-most:]
