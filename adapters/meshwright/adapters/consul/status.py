"""The status of a Consul mesh: its servers and their leader, its certificate authority, its proxies and their health.

Problem: Consul tells no proxy's acknowledgements. Invariant: a proxy counts as synced when Consul finds it healthy, and
as disconnected when it does not; looking changes nothing.
"""

import asyncio
import datetime
import re
from collections.abc import Sequence
from typing import Any

from meshwright.adapters.consul.control_plane import registry
from meshwright.adapters.consul.control_plane.api import Api, Forbidden, api_of
from meshwright.adapters.consul.control_plane.registry import Registered
from meshwright.adapters.consul.facts import VERSION_KEYS
from meshwright.adapters.consul.records import AdoptedMeshes
from meshwright.core import kit
from meshwright.schemas.base import Model
from meshwright.schemas.meshes import Condition, Mesh
from meshwright.schemas.workloads import Proxy, ProxyMode, Workload, host, proxy_id, workload_id

_SOON = datetime.timedelta(days=7)
_SHOWN = 10
_ITSELF = "consul"
_NOT_IN_NAMES = re.compile(r"[^a-z0-9.-]+")
_MODES: dict[str, ProxyMode] = {
    registry.SIDECAR: "sidecar",
    registry.INGRESS: "gateway",
    "mesh-gateway": "gateway",
    "terminating-gateway": "gateway",
}


class Server(Model, frozen=True, kw_only=True):
    """One server, as autopilot sees it."""

    name: str
    healthy: bool
    leader: bool = False
    version: str = ""


class Plane(Model, frozen=True, kw_only=True):
    """The control plane of a datacenter."""

    datacenter: str = ""
    version: str = ""
    connect: bool = True
    """whether the service mesh is on"""
    leader: str = ""
    peers: int = 0
    servers: list[Server] = []
    """empty where the token may not ask"""
    trust_domain: str = ""
    root_until: datetime.datetime | None = None


async def status(scope: kit.Scope) -> kit.MeshStatus:
    """Look at the servers, the certificate authority and the proxies; say what is wrong and what to do."""
    api = await api_of(scope)
    found, registered = await asyncio.gather(plane(api), registry.registered(api))
    proxies = [_proxy(scope.mesh.mesh, each) for each in registered if (each["Service"].get("Kind") or "") in _MODES]
    workloads = [_workload(scope.mesh, each) for each in registered if _is_workload(each["Service"])]
    record = await (await AdoptedMeshes.open(scope.runtime)).get(scope.mesh)
    told = [*conditions_of(found), _place(found, record.datacenter if record else ""), _proxies(proxies)]
    mesh = Mesh(
        id=scope.mesh.mesh,
        kind="consul",
        connection=scope.mesh.connection,
        adapter=scope.runtime.adapter,
        version=found.version,
        revisions=[found.datacenter],
        installer="consul",
        state="ready" if all(each.status == "True" for each in told) else "degraded",
        trust_domain=found.trust_domain,
        conditions=told,
        workloads=len(workloads),
        proxies=sum(each.state != "disconnected" for each in proxies),
        observed_at=datetime.datetime.now(datetime.UTC),
    )
    servers = [{"name": each.name, "healthy": each.healthy, "version": each.version} for each in found.servers]
    details = {"servers": servers, "leader": found.leader}
    return kit.MeshStatus(mesh=mesh, proxies=proxies, workloads=workloads, details=details)


async def plane(api: Api) -> Plane:
    """The control plane as it is now. Raises Outcome."""
    agent = await api.get("/v1/agent/self") or {}
    config, debug = agent.get("Config") or {}, agent.get("DebugConfig") or {}
    leader = await api.get("/v1/status/leader") or ""
    peers = await api.get("/v1/status/peers") or []
    connect = bool(debug.get("ConnectEnabled", True))
    roots = await api.get("/v1/connect/ca/roots") if connect and leader else None
    active: dict[str, Any] = next((each for each in (roots or {}).get("Roots") or [] if each.get("Active")), {})
    return Plane(
        datacenter=str(config.get("Datacenter", "")),
        version=str(config.get("Version", "")),
        connect=connect,
        leader=str(leader),
        peers=len(peers),
        servers=await _servers(api),
        trust_domain=str((roots or {}).get("TrustDomain", "")),
        root_until=_moment(active.get("NotAfter")),
    )


def conditions_of(plane: Plane) -> list[Condition]:
    """What is to be said of a control plane."""
    return [_leader(plane), _authority(plane)]


def is_ready(plane: Plane) -> bool:
    """Whether nothing is wrong with it."""
    return all(each.status == "True" for each in conditions_of(plane))


def _leader(plane: Plane) -> Condition:
    if not plane.leader:
        message = (
            "the servers have no leader, so nothing can be changed: see that most of them run and reach each other"
        )
        return Condition(type="ControlPlaneReady", status="False", reason="NoLeader", message=message)
    if ill := [each.name for each in plane.servers if not each.healthy]:
        message = f"not healthy: {', '.join(ill[:_SHOWN])}; see `consul operator autopilot state` and their logs"
        return Condition(type="ControlPlaneReady", status="False", reason="ServersUnhealthy", message=message)
    message = f"{plane.peers} server{'s' if plane.peers != 1 else ''}, led by {plane.leader}"
    return Condition(type="ControlPlaneReady", status="True", reason="Led", message=message)


def _authority(plane: Plane) -> Condition:
    kind = "AuthorityValid"
    if plane.root_until is None:
        message = "no certificate authority is active: see `consul connect ca get-config`"
        return Condition(type=kind, status="False", reason="NoRoot", message=message)
    left = plane.root_until - datetime.datetime.now(datetime.UTC)
    until = f"the root of {plane.trust_domain} ends on {plane.root_until:%Y-%m-%d}"
    if left < _SOON:
        return Condition(type=kind, status="False", reason="EndsSoon", message=f"{until}: rotate it")
    return Condition(type=kind, status="True", reason="Valid", message=until)


def _place(plane: Plane, recorded: str) -> Condition:
    """Whether the server is of the datacenter that was adopted."""
    if recorded and plane.datacenter != recorded:
        message = f"the connection leads to the datacenter {plane.datacenter}, and {recorded} was adopted: set it anew"
        return Condition(type="SameDatacenter", status="False", reason="AnotherDatacenter", message=message)
    return Condition(type="SameDatacenter", status="True", reason="Same", message=plane.datacenter)


def _proxies(proxies: Sequence[Proxy]) -> Condition:
    away = [each.name for each in proxies if each.state == "disconnected"]
    if away:
        message = f"{len(away)} of {len(proxies)} are not healthy: {', '.join(away[:_SHOWN])}"
        return Condition(type="ProxiesReady", status="False", reason="Unhealthy", message=message)
    return Condition(type="ProxiesReady", status="True", reason="Healthy", message=f"{len(proxies)} proxies")


def _proxy(mesh: str, registered: Registered) -> Proxy:
    service = registered["Service"]
    name = _object_name(str(service["ID"]))
    failing = [each for each in registered.get("Checks") or [] if each.get("Status") == "critical"]
    error = "; ".join(f"{each.get('Name')}: {str(each.get('Output', '')).strip()}" for each in failing)
    beside = str((service.get("Proxy") or {}).get("DestinationServiceID") or "")
    return Proxy(
        id=proxy_id(mesh, "", name),
        mesh=mesh,
        name=name,
        workload=workload_id(mesh, "", "process", _object_name(beside)) if beside else None,
        mode=_MODES[service["Kind"]],
        control_plane=str((registered.get("Node") or {}).get("Node", "")),
        state="disconnected" if failing else "synced",
        error=error[:2000],
        observed_at=datetime.datetime.now(datetime.UTC),
    )


def _workload(mesh: kit.MeshRef, registered: Registered) -> Workload:
    """One instance of a service; where it is, as its proxy is told."""
    service, name = registered["Service"], _object_name(str(registered["Service"]["ID"]))
    meta, tags = service.get("Meta") or {}, service.get("Tags") or []
    return Workload(
        id=workload_id(mesh.mesh, "", "process", name),
        mesh=mesh.mesh,
        connection=mesh.connection,
        name=name,
        service=str(service["Service"]),
        version=str(next((meta[key] for key in VERSION_KEYS if meta.get(key)), next(iter(tags), ""))),
        address=host(service.get("Address") or (registered.get("Node") or {}).get("Address")),
        port=service.get("Port") or None,
        observed_at=datetime.datetime.now(datetime.UTC),
    )


def _is_workload(service: dict[str, Any]) -> bool:
    """Whether it is neither a proxy nor Consul itself, which registers its servers too."""
    return not service.get("Kind") and service["Service"] != _ITSELF


def _object_name(text: str) -> str:
    """An id of Consul, which may be any text, as the name of a proxy."""
    return _NOT_IN_NAMES.sub("-", text.lower())[:253].strip("-.") or "unnamed"


async def _servers(api: Api) -> list[Server]:
    try:
        health: dict[str, Any] = await api.health()
    except Forbidden:
        return []
    return [
        Server(
            name=str(each.get("Name", "")),
            healthy=bool(each.get("Healthy")),
            leader=bool(each.get("Leader")),
            version=str(each.get("Version", "")),
        )
        for each in health.get("Servers") or []
    ]


def _moment(text: Any) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
