"""Reading the facts of a mesh from its cluster.

Invariant: only what the design speaks of is read whole: the namespaces of its services, and the kinds that may stand in
its way. A kind that the cluster does not serve has no objects.
"""

from typing import Any

import msgspec

from meshwright.adapters.linkerd import observing, planes, problems, words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import DOMAIN, surroundings
from meshwright.core.kit.kubernetes.facts import observing as observed
from meshwright.core.kit.kubernetes.installing.installation import Installations
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef


@adapter.facts
async def facts(target: k8s.KubernetesTarget, draft: kit.Draft) -> LinkerdFacts:
    """The mesh as it is, and the design that is to be translated."""
    cluster = await target.cluster()
    record = await (await Installations.open(target.scope.runtime)).get(draft.mesh)
    found = await planes.read(cluster)
    plane = planes.chosen(found, record.namespace if record else "")
    config = await values(cluster, plane.namespace) if plane else {}
    release = plane.release if plane else record.version if record else ""
    result = LinkerdFacts(
        version=planes.minor(release),
        release=release,
        plane=plane.namespace if plane else words.NAMESPACE,
        trust_domain=str(config.get("identityTrustDomain") or config.get("clusterDomain") or DOMAIN),
        cluster_domain=str(config.get("clusterDomain") or DOMAIN),
        egress_namespace=str(k8s.at(config, "egress", "globalEgressNetworkNamespace") or words.EGRESS_NAMESPACE),
        default_policy=str(k8s.at(config, "proxy", "defaultInboundPolicy") or "all-unauthenticated"),
        design=draft.owner,
    )
    design = draft.design
    if design is None or not (design.intents or design.resources):
        return result
    if plane is None:
        detail = "no control plane of Linkerd (a Deployment linkerd-destination with its label) is in the cluster"
        return msgspec.structs.replace(result, problems=[FieldError(detail=f"{detail}: install it first")])
    place = design.namespace or cluster.namespace or "default"
    result = msgspec.structs.replace(result, namespace=place, intents=design.intents)
    result = await _surroundings(cluster, result, k8s.manager_of(draft.mesh, draft.owner))
    against = [*problems.problems(result), *problems.ignored(release, design.resources)]
    return msgspec.structs.replace(result, problems=against)


async def values(cluster: k8s.Cluster, namespace: str) -> dict[str, Any]:
    """With which values a control plane was installed. Raises KubernetesError."""
    body = await cluster.find(ResourceRef(kind="ConfigMap", namespace=namespace, name=words.CONFIG))
    return planes.config(body)


async def _surroundings(cluster: k8s.Cluster, base: LinkerdFacts, manager: str) -> LinkerdFacts:
    """Everything around the design's services."""
    around = await surroundings(cluster, base, observing.EXISTING if base.intents else ())
    places = {k8s.name_of(each): k8s.annotations_of(each) for each in around.namespaces}
    return msgspec.structs.replace(
        base,
        gateway_api=await _serves(cluster, "HTTPRoute", "v1") == "v1",
        tls_route=await _serves(cluster, "TLSRoute", "v1", "v1alpha3", "v1alpha2"),
        has_egress_namespace=base.egress_namespace in places,
        inbound_policies={name: said for name, each in places.items() if (said := each.get(words.INBOUND_POLICY))},
        workloads=observed.workloads(around.workloads, lambda body: observing.mode_of(body, places)),
        services=observed.services(
            around.services, around.workloads, lambda body, port: observing.is_http(body, port, places)
        ),
        existing=observed.existing([*around.others, *around.services], manager),
    )


async def _serves(cluster: k8s.Cluster, kind: str, *versions: str) -> str:
    """The first of these versions under which a kind of the Gateway API is served; empty: under none."""
    if not await cluster.discovery.served([(words.GATEWAYS, kind)]):
        return ""
    for version in versions:
        try:
            await cluster.discovery.api(words.GATEWAYS, kind, version)
        except k8s.UnknownKind:
            continue
        return version
    return ""
