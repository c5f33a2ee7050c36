"""The status of a Kuma mesh without Kubernetes: its control plane, zones, and what each proxy has taken.

Invariant: looking changes nothing; what a proxy has taken is what the control plane has counted of it, and nothing more
is claimed.
"""

import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from meshwright.adapters.kuma import checks, detecting, insights
from meshwright.adapters.kuma.insights import Seen
from meshwright.adapters.kuma.universal import records
from meshwright.adapters.kuma.universal.api import Api, api_of
from meshwright.core import kit
from meshwright.core.kit.server_client import ServerRefuses
from meshwright.schemas.meshes import Condition, DetectedMesh, Detections, Mesh
from meshwright.schemas.workloads import Workload, host, workload_id

_PRODUCTS = ("Kuma", "Kong Mesh")


async def status(scope: kit.Scope) -> kit.MeshStatus:
    """Look at the control plane, its zones and the proxies of the mesh; say what is wrong and what to do."""
    api, name = await api_of(scope), await records.name_of(scope)
    about = await plane(api)
    every = await overview(api, name)
    there = insights.proxies(scope.mesh.mesh, [_seen_of(scope.mesh.mesh, each) for each in every])
    workloads = [_workload(scope.mesh, each) for each in every if _inbounds(each)]
    names = await meshes(api)
    told = [*await conditions(api, names), *checks.proxies(there, [], release(about))]
    if name not in names:
        told.append(checks.condition("MeshThere", f"there is no mesh {name}", reason="Gone", remedy="make it again"))
    mesh = Mesh(
        id=scope.mesh.mesh,
        kind="kuma",
        connection=scope.mesh.connection,
        adapter=scope.runtime.adapter,
        version=release(about),
        revisions=[name],
        installer="kuma",
        state="ready" if detecting.is_well(told) else "degraded",
        conditions=told,
        workloads=len(workloads),
        proxies=sum(each.state != "disconnected" for each in there),
        observed_at=datetime.datetime.now(datetime.UTC),
    )
    details = {"control_plane": about, "kuma_mesh": name}
    return kit.MeshStatus(mesh=mesh, proxies=there, workloads=workloads, details=details)


async def detect(scope: kit.ConnectionScope) -> Detections:
    """The meshes of a control plane. Raises Outcome."""
    api = await api_of(scope)
    about, names = await plane(api), await meshes(api)
    told = await conditions(api, names)
    found = [
        DetectedMesh(
            kind="kuma",
            revision=name,
            version=release(about),
            modes=["sidecar"],
            state="ready" if detecting.is_well(told) else "degraded",
            conditions=told,
        )
        for name in names
    ]
    return Detections(meshes=found, notes=[] if names else ["this control plane has no mesh: make one (type: Mesh)"])


async def plane(api: Api) -> dict[str, Any]:
    """What a control plane says of itself. Raises ServerRefuses where it is none of Kuma's."""
    about = await api.get("/")
    product = (about or {}).get("product") or (about or {}).get("tagline")
    if not isinstance(about, dict) or product not in _PRODUCTS:
        raise ServerRefuses("the server is no control plane of Kuma's", "Name its API server, as http://host:5681.")
    return about


async def meshes(api: Api) -> list[str]:
    """The names of its meshes."""
    return sorted(str(each["name"]) for each in await api.every("/meshes"))


async def overview(api: Api, mesh: str) -> list[dict[str, Any]]:
    """The proxies of a mesh, each with what the control plane knows of it."""
    return await api.every(f"/meshes/{quote(mesh, safe='')}/dataplanes/_overview")


async def conditions(api: Api, names: list[str]) -> list[Condition]:
    """What is to be said of a control plane."""
    zones = [(str(each["name"]), each.get("zoneInsight") or {}) for each in await api.every("/zones/_overview")]
    told = [
        checks.condition("ControlPlaneReady", "", "it answers"),
        checks.meshes(names),
        checks.zones(zones),
    ]
    return [each for each in told if each is not None]


def seen(one: dict[str, Any]) -> Seen:
    """A proxy of an overview."""
    networking = (one.get("dataplane") or {}).get("networking") or {}
    insight = one.get("dataplaneInsight") or {}
    return Seen(name=str(one["name"]), gateway=bool(networking.get("gateway")), insight=insight)


def _seen_of(mesh: str, one: dict[str, Any]) -> Seen:
    """A proxy of an overview, with the workload that it stands beside."""
    beside = workload_id(mesh, "", "process", str(one["name"])) if _inbounds(one) else ""
    return msgspec.structs.replace(seen(one), workload=beside)


def _workload(mesh: kit.MeshRef, one: dict[str, Any]) -> Workload:
    """The process behind the first port on which a proxy takes requests for it."""
    first, networking = _inbounds(one)[0], one["dataplane"]["networking"]
    tags = first.get("tags") or {}
    return Workload(
        id=workload_id(mesh.mesh, "", "process", str(one["name"])),
        mesh=mesh.mesh,
        connection=mesh.connection,
        name=str(one["name"]),
        service=str(tags.get("kuma.io/service") or ""),
        version=str(tags.get("version") or ""),
        address=host(networking.get("address")),
        port=first.get("port") or None,
        observed_at=datetime.datetime.now(datetime.UTC),
    )


def _inbounds(one: dict[str, Any]) -> list[dict[str, Any]]:
    return list(((one.get("dataplane") or {}).get("networking") or {}).get("inbound") or [])


def release(about: dict[str, Any]) -> str:
    """The release of a control plane."""
    return str(about.get("version") or "")
