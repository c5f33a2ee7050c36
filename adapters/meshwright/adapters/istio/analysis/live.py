"""Reading what Istio's analyzers look at from a cluster.

Invariant: of Secrets only those are read that a Gateway names. What may not be read is reported as such, so that
nothing is said to be missing that we cannot see.
"""

from meshwright.adapters.istio.analysis import shapes
from meshwright.core.kit.analysis import LiveResources, Manifest, Manifests, from_object
from meshwright.core.kit.analysis.manifests import items, mapping
from meshwright.core.kit.kubernetes import Cluster, Forbidden, of_kinds
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


async def read(cluster: Cluster) -> LiveResources:
    """Everything that the analyzers look at. Raises KubernetesError when the cluster does not answer."""
    live = await of_kinds(cluster, KINDS)
    try:
        secrets = await _secrets(cluster, live.manifests)
    except Forbidden:
        return LiveResources(manifests=live.manifests, unread=live.unread | {SECRETS})
    return LiveResources(manifests=[*live.manifests, *secrets], unread=live.unread)


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
