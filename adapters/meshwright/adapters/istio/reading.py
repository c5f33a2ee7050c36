"""Reading the facts of a mesh from its cluster.

Invariant: only what the design speaks of is read whole: the namespaces of its services, and the kinds that may stand in
its way. A kind that the cluster does not serve has no objects.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import yaml

from meshwright.adapters.istio import facts as known
from meshwright.adapters.istio import observing, problems
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts.profiles import DEFAULT_REVISION, shown
from meshwright.adapters.istio.facts import IstioFacts
from meshwright.adapters.istio.operations import control_planes
from meshwright.adapters.istio.operations.control_planes import ControlPlane
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import DOMAIN, surroundings
from meshwright.core.kit.kubernetes.facts import observing as observed
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.core.kit.kubernetes.listing import Wanted
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import Ingress
from meshwright.schemas.references import ResourceRef

_GATEWAY = (known.GATEWAYS, "Gateway")
_GATEWAYS = Wanted(*_GATEWAY)
_EDGES = "istio,istio!=pilot"
"""the labels of gateways"""
_GATEWAY_CLASS = ResourceRef(group=known.GATEWAYS, kind="GatewayClass", name="istio")


@adapter.facts
async def facts(target: k8s.KubernetesTarget, draft: kit.Draft) -> IstioFacts:
    """The mesh as it is, and the design that is to be translated."""
    cluster = await target.cluster()
    record = await (await Installations.open(target.scope.runtime)).get(draft.mesh)
    planes = await control_planes.control_planes(cluster)
    plane = chosen(planes, record)
    config = await mesh_config(cluster, plane.namespace, plane.revision) if plane else {}
    result = IstioFacts(
        version=_version(plane, record),
        root=str(config.get("rootNamespace") or (plane.namespace if plane else known.ROOT)),
        trust_domain=str(config.get("trustDomain") or DOMAIN),
        revision=plane.revision if plane else DEFAULT_REVISION,
        json_log=observing.json_log(config),
        design=draft.owner,
    )
    if draft.design is None:
        return result
    intents = draft.design.intents
    if not intents:
        return result
    place = draft.design.namespace or cluster.namespace or "default"
    result = msgspec.structs.replace(result, namespace=place, intents=intents, take_over=draft.take_over)
    if plane is None:
        detail = "no control plane of Istio (a Deployment with the label app: istiod) is in the cluster"
        return msgspec.structs.replace(result, problems=[FieldError(detail=f"{detail}: install it first")])
    result = await _surroundings(cluster, result, k8s.manager_of(draft.mesh, draft.owner))
    return msgspec.structs.replace(result, problems=problems.problems(result))


def chosen(planes: Sequence[ControlPlane], record: Installation | None) -> ControlPlane | None:
    """The control plane of a mesh: the one that was installed, the only one, or else the one without a name."""
    revision = shown(record.revision) if record else DEFAULT_REVISION
    same = [each for each in planes if each.revision == revision]
    if record:
        same = [each for each in same if each.namespace == record.namespace] or same
    return same[0] if same else planes[0] if len(planes) == 1 else None


def _version(plane: ControlPlane | None, record: Installation | None) -> str:
    """The version of a mesh; empty where the tag of its image is none."""
    version = plane.version if plane else record.version if record else ""
    return version if numbers(version) else ""


async def _surroundings(cluster: k8s.Cluster, base: IstioFacts, manager: str) -> IstioFacts:
    """Everything around the design's services."""
    tags = {each.name: each.revision for each in await control_planes.tags(cluster)}
    exposed = any(isinstance(each, Ingress) for each in base.intents)
    edges = [Wanted("apps", kind, labels=_EDGES) for kind in ("Deployment", "DaemonSet")] if exposed else []
    around = await surroundings(cluster, base, observing.EXISTING, _GATEWAYS, *edges)
    namespaces = observing.namespaces(around.namespaces, tags)
    enrolled = {each.name: each.mode for each in namespaces}
    return msgspec.structs.replace(
        base,
        gateway_api=await _has_gateway_api(cluster),
        namespaces=namespaces,
        workloads=observed.workloads(around.workloads, lambda body: observing.mode_of(body, enrolled)),
        services=observed.services(around.services, around.workloads, lambda _, port: known.may_be_http(port)),
        waypoints=observing.waypoints(around.lists[_GATEWAYS]),
        gateways=observing.ingress_gateways([body for each in edges for body in around.lists[each]]),
        existing=observed.existing(around.others, manager),
    )


async def _has_gateway_api(cluster: k8s.Cluster) -> bool:
    served = await cluster.discovery.served([_GATEWAY])
    return bool(served) and await cluster.find(_GATEWAY_CLASS) is not None


async def mesh_config(cluster: k8s.Cluster, namespace: str, revision: str) -> dict[str, Any]:
    """What a control plane was told of its mesh. Raises KubernetesError."""
    name = "istio" if revision == DEFAULT_REVISION else f"istio-{revision}"
    body = await cluster.find(ResourceRef(kind="ConfigMap", namespace=namespace, name=name))
    text = str(k8s.at(body, "data", "mesh") or "")
    config = yaml.safe_load(text) if text else None
    return config if isinstance(config, dict) else {}
