"""Reading the facts of a mesh from its control plane's API.

Invariant: services are the MeshServices of the mesh, and workloads its Dataplanes; nothing else is taken for either.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from meshwright.adapters.kuma import planes, problems, reading
from meshwright.adapters.kuma.facts import KumaFacts
from meshwright.adapters.kuma.observing import HTTP
from meshwright.adapters.kuma.universal import records, status
from meshwright.adapters.kuma.universal.api import Api, api_of
from meshwright.adapters.kuma.universal.entries import KINDS, entry_of
from meshwright.adapters.kuma.universal.target import UniversalTarget
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.http_control_plane import Owner
from meshwright.core.kit.kubernetes.facts import Existing, Service, ServicePort, Workload
from meshwright.core.kit.kubernetes.installing.needs import plural
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

Body = dict[str, Any]
_ON = ("Exclusive", "Everywhere", "ReachableBackends")


async def facts(target: UniversalTarget, draft: kit.Draft) -> KumaFacts:
    """The mesh as it is, and the design that is to be translated."""
    api, name = await api_of(target.scope), await records.name_of(target.scope)
    version = status.release(await status.plane(api))
    known = KumaFacts(
        version=planes.level(version, has_gateways=True),
        mesh=name,
        plane="",
        namespace="",
        universal=True,
        design=draft.owner,
    )
    design = draft.design
    if design is None or not design.intents:
        return known
    if design.namespace:
        detail = "Kuma has no namespaces without Kubernetes: leave it out"
        return msgspec.structs.replace(known, problems=[FieldError(detail=detail, pointer="#/namespace")])
    mesh = await api.get(f"/meshes/{quote(name, safe='')}") or {}
    found = await api.every(f"/meshes/{quote(name, safe='')}/meshservices")
    existing = await _existing(api, name, Owner.of(draft))
    known = msgspec.structs.replace(
        known,
        intents=design.intents,
        services=[_service(each) for each in found],
        by_tags=sorted(str(each["name"]) for each in found if k8s.at(each, "spec", "selector", "dataplaneTags")),
        workloads=_workloads(await status.overview(api, name)),
        identities=reading.identities(each.spec for each in existing if each.ref.kind == "MeshIdentity"),
        mtls=bool(k8s.at(mesh, "mtls", "enabledBackend")),
        existing=existing,
    )
    on = known.labels_only or k8s.at(mesh, "meshServices", "mode") in _ON
    known = msgspec.structs.replace(known, mesh_services=on)
    return msgspec.structs.replace(known, problems=problems.problems(known))


def _service(body: Body) -> Service:
    spec = body.get("spec") or {}
    selector = spec.get("selector") or {}
    labels = selector.get("dataplaneTags") or k8s.at(selector, "dataplaneLabels", "matchLabels") or {}
    ports = [_port(each) for each in spec.get("ports") or []]
    return Service(namespace="", name=str(body["name"]), ports=ports, selector=dict(labels))


def _port(body: Body) -> ServicePort:
    number, protocol = int(body.get("port") or 0), str(body.get("appProtocol") or "tcp")
    target = body.get("targetPort") or number
    return ServicePort(
        number=number,
        name=str(body.get("name") or ""),
        app_protocol=protocol,
        target=target,
        http=protocol in HTTP,
    )


def _workloads(overview: Iterable[Body]) -> list[Workload]:
    """Each Dataplane, by the labels and tags that services select it by."""
    found = []
    for each in overview:
        inbounds = k8s.at(each, "dataplane", "networking", "inbound") or []
        tags = {key: str(value) for one in inbounds for key, value in (one.get("tags") or {}).items()}
        labels = {str(key): str(value) for key, value in (each.get("labels") or {}).items()}
        found.append(Workload(namespace="", name=str(each["name"]), kind="Dataplane", labels={**labels, **tags}))
    return sorted(found, key=lambda one: one.name)


async def _existing(api: Api, mesh: str, owner: Owner) -> Sequence[Existing]:
    """What others than this design have made."""
    found = []
    for kind in KINDS:
        for each in await api.every(f"/meshes/{quote(mesh, safe='')}/{plural(kind)}"):
            entry = entry_of(each)
            if entry.owners != frozenset({owner}):
                said = ", ".join(sorted(one.words for one in entry.owners)) or entry.stranger
                ref = ResourceRef(group="kuma.io", kind=kind, name=str(each["name"]))
                found.append(Existing(ref=ref, owner=said, spec=entry.body.get("spec") or {}))
    return found
