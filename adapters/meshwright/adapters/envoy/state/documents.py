"""The mesh, its workloads and its proxies as documents of the contract.

Invariant: pure functions of the desired state and the proxies' statuses; the time of observation is an argument.
"""

import datetime
from collections.abc import Callable
from typing import Literal

from meshwright.adapters.envoy.resources import native
from meshwright.adapters.envoy.state.desired import DesiredState, Member
from meshwright.adapters.envoy.xds.statuses import ProxyStatus
from meshwright.schemas.meshes import Condition, Mesh
from meshwright.schemas.workloads import (
    EnvoyDetails,
    Proxy,
    ProxyRemoved,
    Workload,
    WorkloadRemoved,
    proxy_id,
    workload_id,
)

KIND = "envoy"
PROCESS: Literal["process"] = "process"
"""the only kind of workload of this mesh; it has no namespaces"""


def now() -> datetime.datetime:
    """The time, in UTC."""
    return datetime.datetime.now(datetime.UTC)


def proxy(state: DesiredState, member: Member, status: ProxyStatus, now: datetime.datetime) -> Proxy:
    """A proxy and the status of its configuration."""
    name = member.spec.name
    return Proxy(
        id=proxy_id(state.mesh, "", name),
        mesh=state.mesh,
        name=name,
        workload=workload_id(state.mesh, "", PROCESS, name),
        version=status.proxy_version,
        state=status.state,
        sent=status.sent,
        acked=status.acked,
        error=status.error,
        sync=status.sync,
        certificate=status.certificate,
        details=EnvoyDetails(outbound_port=member.ports.outbound, inbound_port=member.ports.inbound),
        observed_at=now,
    )


def workload(state: DesiredState, member: Member, now: datetime.datetime) -> Workload:
    """An enrolled workload."""
    spec = member.spec
    return Workload(
        id=workload_id(state.mesh, "", PROCESS, spec.name),
        mesh=state.mesh,
        connection=state.connection,
        kind=PROCESS,
        name=spec.name,
        service=spec.service,
        version=spec.version,
        address=spec.address,
        port=spec.port,
        sidecar=spec.sidecar,
        observed_at=now,
    )


def removed(mesh: str, name: str) -> tuple[ProxyRemoved, WorkloadRemoved]:
    """The messages for a withdrawn workload: first of its proxy."""
    proxy = ProxyRemoved(id=proxy_id(mesh, "", name), mesh=mesh, name=name)
    return proxy, WorkloadRemoved(id=workload_id(mesh, "", PROCESS, name), mesh=mesh, kind=PROCESS, name=name)


def mesh(state: DesiredState, status: Callable[[str], ProxyStatus], now: datetime.datetime) -> Mesh:
    """The mesh; `status` returns the status of a workload's proxy."""
    statuses = {name: status(name) for name in sorted(state.workloads)}
    troubled = [name for name, each in statuses.items() if each.state in ("rejected", "disconnected")]
    versions = sorted({each.proxy_version for each in statuses.values() if each.proxy_version})
    if troubled:
        words = f"rejected or disconnected: {', '.join(troubled[:10])}"
        synced = Condition(type="ProxiesSynced", status="False", reason="ProxiesInTrouble", message=words)
    else:
        synced = Condition(type="ProxiesSynced", status="True", reason="AllFollow")
    return Mesh(
        id=state.mesh,
        kind=KIND,
        connection=state.connection,
        adapter=KIND,
        version=", ".join(versions),
        state="degraded" if troubled else "ready",
        trust_domain=state.trust_domain,
        conditions=[synced, *_withheld(state)],
        workloads=len(statuses),
        proxies=sum(each.state != "disconnected" for each in statuses.values()),
        observed_at=now,
    )


def _withheld(state: DesiredState) -> list[Condition]:
    """A condition for native resources of applied designs that are no longer admitted."""
    named = [f"{each.type.rpartition('.')[2]} {each.name}" for each in native.refused(state.native_resources())]
    if not named:
        return []
    words = f"they reach no proxy: {', '.join(named[:10])}; preview the design to see why"
    return [Condition(type="NativeResourcesServed", status="False", reason="NotAdmitted", message=words)]
