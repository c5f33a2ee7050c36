"""Workloads and proxies in the form of version 1, when there were only processes, each with one Envoy.

Invariant: these messages are no longer written and stay readable for ever; `workload` and `proxy` convert them to the
current form.
"""

from typing import ClassVar, Literal

import msgspec

from meshwright.schemas.base import Message, Model, Moment, Name, Port, Text, Wire
from meshwright.schemas.workloads import (
    Certificate,
    EnvoyDetails,
    Host,
    Proxy,
    SyncState,
    Workload,
    proxy_id,
    workload_id,
)

PROCESS = "process"


class ProxyV1(Model, frozen=True, kw_only=True):
    """One Envoy; its id is a name within its mesh."""

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


class WorkloadV1(Model, frozen=True, kw_only=True):
    """An enrolled process; its id is a name within its mesh."""

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


class WorkloadObservedV1(Message, frozen=True, kw_only=True):
    """The newest observation of a process by its adapter."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.workload.observed.v1", "workload")
    workload: WorkloadV1


class WorkloadRemovedV1(Message, frozen=True, kw_only=True):
    """The process left the mesh."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.workload.removed.v1", "workload")
    id: Name
    mesh: Name


class ProxyObservedV1(Message, frozen=True, kw_only=True):
    """The newest observation of an Envoy by the control plane."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.proxy.observed.v1", "proxy")
    proxy: ProxyV1


class ProxyRemovedV1(Message, frozen=True, kw_only=True):
    """The Envoy was stopped permanently."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.proxy.removed.v1", "proxy")
    id: Name
    mesh: Name


def workload(document: WorkloadV1) -> Workload:
    """The workload in the current form."""
    given = msgspec.structs.asdict(document)
    del given["id"], given["proxy"]
    return Workload(id=process_id(document.mesh, document.id), name=document.id, **given)


def proxy(document: ProxyV1) -> Proxy:
    """The proxy in the current form."""
    given = msgspec.structs.asdict(document)
    ports = {name: given.pop(name) for name in EnvoyDetails.__struct_fields__}
    del given["id"]
    given["workload"] = process_id(document.mesh, document.workload)
    return Proxy(id=proxy_id(document.mesh, "", document.id), name=document.id, details=EnvoyDetails(**ports), **given)


def process_id(mesh: str, name: str) -> str:
    """The current id of the process of this name."""
    return workload_id(mesh, "", PROCESS, name)
