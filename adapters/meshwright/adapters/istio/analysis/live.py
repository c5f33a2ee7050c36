"""Reading what Istio's analyzers look at from a cluster.

Invariant: of Secrets only those are read that a Gateway names. What may not be read is reported as such, so that
nothing is said to be missing that we cannot see.
"""

import asyncio

from meshwright.adapters.istio.analysis import shapes
from meshwright.core.kit.analysis import LiveResources, Manifest, Manifests, from_object
from meshwright.core.kit.analysis.manifests import items, mapping
from meshwright.core.kit.kubernetes import Cluster, Forbidden, UnknownKind
from meshwright.schemas.references import ResourceRef

Kind = tuple[str, str]
SECRETS: Kind = ("", "Secret")
KINDS: tuple[Kind, ...] = (
    *(("", kind) for kind in ("Namespace", "Pod", "Service")),
    *(("apps", kind) for kind in ("DaemonSet", "Deployment", "StatefulSet")),
    *(
        (shapes.NETWORKING, kind)
        for kind in ("DestinationRule", "EnvoyFilter", "Gateway", "ServiceEntry", "Sidecar", "VirtualService")
    ),
    (shapes.NETWORKING, "WorkloadEntry"),
    (shapes.SECURITY, "AuthorizationPolicy"),
    (shapes.SECURITY, "RequestAuthentication"),
    (shapes.TELEMETRY, "Telemetry"),
    ("extensions.istio.io", "WasmPlugin"),
    *((shapes.GATEWAY_API, kind) for kind in ("Gateway", "GRPCRoute", "HTTPRoute")),
)
_AT_ONCE = 4


async def read(cluster: Cluster) -> LiveResources:
    """Everything that the analyzers look at. Raises KubernetesError when the cluster does not answer."""
    slots = asyncio.Semaphore(_AT_ONCE)
    manifests: list[Manifest] = []
    unread: set[Kind] = set()

    async def of_kind(group: str, kind: str) -> None:
        async with slots:
            try:
                manifests.extend([from_object(item.body) async for item in cluster.list(group, kind)])
            except Forbidden:
                unread.add((group, kind))
            except UnknownKind:
                return  # a cluster without that part of Istio or of the Gateway API

    async with asyncio.TaskGroup() as group:
        for each in KINDS:
            group.create_task(of_kind(*each))
    try:
        manifests += await _secrets(cluster, manifests)
    except Forbidden:
        unread.add(SECRETS)
    return LiveResources(manifests=manifests, unread=frozenset(unread))


async def _secrets(cluster: Cluster, manifests: list[Manifest]) -> list[Manifest]:
    index = Manifests(manifests)
    pods = shapes.pods(index)
    wanted: set[ResourceRef] = set()
    for gateway in index.of(shapes.NETWORKING, "Gateway"):
        chosen = mapping(gateway.spec.get("selector"))
        namespaces = {each.namespace for each in pods if each.has(chosen)} or {gateway.ref.namespace}
        for server in map(mapping, items(gateway.spec.get("servers"))):
            name = mapping(server.get("tls")).get("credentialName")
            if isinstance(name, str) and name:
                wanted |= {ResourceRef(kind="Secret", namespace=namespace, name=name) for namespace in namespaces}
    bodies = [await cluster.find(ref) for ref in sorted(wanted)]
    return [from_object(body) for body in bodies if body is not None]
