"""Workloads and their proxies.

A workload is one version of one service; its instances are the processes behind it. Each instance has a
proxy, whose configuration status is told in Envoy's terms: ACKed version, or NACK with the proxy's own words.
"""

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from meshwright.schemas.base import Message, Model, Moment, Name, Port, Text, Wire, whole

SyncState: TypeAlias = Literal["synced", "stale", "rejected", "disconnected", "not_sent"]
Host: TypeAlias = Annotated[str, Meta(pattern=whole("^[A-Za-z0-9.:-]{1,253}$"), description="IP address or host name")]


class WorkloadSpec(Model, frozen=True, kw_only=True):
    """What a person enrols: where the process listens and which service it belongs to."""

    name: Name
    service: Name
    version: Name = "v1"
    port: Port
    address: Host = "127.0.0.1"
    sidecar: Literal["managed", "remote"] = "managed"
    """managed: the adapter starts the sidecar on its own host; remote: it joins with a bootstrap."""


class Certificate(Model, frozen=True, kw_only=True):
    """The identity that a proxy presents."""

    spiffe_id: str
    serial: str
    not_after: Moment


class Proxy(Model, frozen=True, kw_only=True):
    """One Envoy (or other data-plane proxy) and what it says of its configuration."""

    id: Name
    mesh: Name
    workload: Name
    version: str = ""
    state: SyncState = "disconnected"
    sent: str = ""
    acked: str = ""
    error: Text = ""
    outbound_port: int | None = None
    inbound_port: int | None = None
    admin_port: int | None = None
    certificate: Certificate | None = None
    observed_at: Moment


class Workload(Model, frozen=True, kw_only=True):
    """An enrolled workload as its adapter sees it."""

    id: Name
    mesh: Name
    connection: Name
    service: Name
    version: Name
    address: Host
    port: Port
    sidecar: Literal["managed", "remote"] = "managed"
    proxy: Name | None = None
    observed_at: Moment


class WorkloadObserved(Message, frozen=True, kw_only=True):
    """The adapter's newest word on a workload."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.workload.observed.v1", "workload")
    workload: Workload


class WorkloadRemoved(Message, frozen=True, kw_only=True):
    """The workload left the mesh."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.workload.removed.v1", "workload")
    id: Name
    mesh: Name


class ProxyObserved(Message, frozen=True, kw_only=True):
    """The control plane's newest word on a proxy: connected, ACKed, NACKed, gone."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.proxy.observed.v1", "proxy")
    proxy: Proxy


class ProxyRemoved(Message, frozen=True, kw_only=True):
    """The proxy was stopped for good."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.proxy.removed.v1", "proxy")
    id: Name
    mesh: Name
