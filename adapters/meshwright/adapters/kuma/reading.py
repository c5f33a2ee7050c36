"""Reading the facts of a mesh from its cluster.

Invariant: only what the design speaks of is read whole: the namespaces of its services, and the kinds that may stand in
its way. A kind that the cluster does not serve has no objects.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from meshwright.adapters.kuma import observing, planes, problems, words
from meshwright.adapters.kuma.facts import PATH, TRUST_DOMAIN, Identity, KumaFacts
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import observing as observed
from meshwright.core.kit.kubernetes.facts import surroundings
from meshwright.core.kit.kubernetes.installing.installation import Installations
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

Body = dict[str, Any]


async def facts(target: k8s.KubernetesTarget, draft: kit.Draft) -> KumaFacts:
    """The mesh as it is, and the design that is to be translated."""
    cluster = await target.cluster()
    record = await (await Installations.open(target.scope.runtime)).get(draft.mesh)
    found = await planes.read(cluster)
    plane = planes.chosen(found, record.namespace if record else "")
    has_gateways = bool(await cluster.discovery.served([(words.GROUP, words.GATEWAY)]))
    result = KumaFacts(
        version=planes.level(plane.release, has_gateways=has_gateways) if plane else "",
        mesh=(record.revision if record else "") or words.DEFAULT_MESH,
        plane=plane.namespace if plane else words.NAMESPACE,
        zone=plane.zone if plane else "default",
        design=draft.owner,
    )
    design = draft.design
    if design is None or not (design.intents or design.resources):
        return result
    if plane is None:
        detail = f"no control plane of Kuma (a Deployment with the label {words.PLANES}) is in the cluster"
        return msgspec.structs.replace(result, problems=[FieldError(detail=f"{detail}: install it first")])
    place = design.namespace or cluster.namespace or "default"
    result = msgspec.structs.replace(result, namespace=place, intents=design.intents)
    result = await _surroundings(cluster, result, k8s.manager_of(draft.mesh, draft.owner))
    return msgspec.structs.replace(result, problems=[*result.problems, *problems.problems(result)])


async def _surroundings(cluster: k8s.Cluster, base: KumaFacts, manager: str) -> KumaFacts:
    """Everything around the design's services."""
    around = await surroundings(cluster, base, observing.EXISTING if base.intents else ())
    place = ResourceRef(group=words.GROUP, kind="Mesh", name=base.mesh)
    mesh = await cluster.find(place) if await cluster.discovery.served([(words.GROUP, "Mesh")]) else None
    against = [] if mesh else [FieldError(detail=f"there is no Mesh {base.mesh}: make it first")]
    places = {k8s.name_of(each): k8s.labels_of(each) for each in around.namespaces}
    others = [each for each in around.others if _is_of(each, base.mesh)]
    existing = observed.existing([*others, *around.services], manager)
    spec = (mesh or {}).get("spec") or {}
    return msgspec.structs.replace(
        base,
        problems=against,
        identities=identities(each.spec for each in existing if each.ref.kind == "MeshIdentity"),
        mtls=bool(k8s.at(spec, "mtls", "enabledBackend")),
        mesh_services=base.labels_only or k8s.at(spec, "meshServices", "mode") not in (None, "Disabled"),
        workloads=observed.workloads(around.workloads, lambda body: observing.mode_of(body, places, base.mesh)),
        services=observed.services(around.services, around.workloads, observing.is_http),
        existing=existing,
    )


def identities(specs: Iterable[Body]) -> list[Identity]:
    """The identities that there are; one without a selector is for no proxy."""
    return [
        Identity(
            labels=dict(k8s.at(spec, "selector", "dataplane", "matchLabels") or {}),
            trust_domain=str(k8s.at(spec, "spiffeID", "trustDomain") or TRUST_DOMAIN),
            path=str(k8s.at(spec, "spiffeID", "path") or PATH),
        )
        for spec in specs
        if k8s.at(spec, "selector", "dataplane") is not None
    ]


def _is_of(body: Body, mesh: str) -> bool:
    """Whether a policy is of a mesh; what has no such label is of the default one, or of another project."""
    if not str(body.get("apiVersion")).startswith(f"{words.GROUP}/"):
        return True
    return (k8s.labels_of(body).get(words.MESH) or words.DEFAULT_MESH) == mesh
