"""Reading what Istio's analyzers look at from a cluster.

Invariant: of Secrets only those are read that a Gateway names, of ConfigMaps only Istio's own. What may not be read is
reported as such, so that nothing is said to be missing that we cannot see.
"""

from collections.abc import Sequence

from meshwright.adapters.istio.analysis import platform, shapes
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
    *((shapes.SECURITY, kind) for kind in ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication")),
    (shapes.TELEMETRY, "Telemetry"),
    (shapes.EXTENSIONS, "WasmPlugin"),
    *((shapes.GATEWAY_API, kind) for kind in ("Gateway", "GRPCRoute", "HTTPRoute")),
    *((platform.ADMISSION, f"{kind}WebhookConfiguration") for kind in ("Mutating", "Validating")),
)
CONFIG: Kind = ("", "ConfigMap")
_CONFIG_NAMES = ("istio", "istio-sidecar-injector")


async def read(cluster: Cluster) -> LiveResources:
    """Everything that the analyzers look at. Raises KubernetesError when the cluster does not answer."""
    live = await of_kinds(cluster, KINDS)
    manifests, unread = list(live.manifests), set(live.unread)
    for kind, read_some in ((SECRETS, _secrets), (CONFIG, settings), (platform.DEFINITION, _definitions)):
        try:
            manifests += await read_some(cluster, live.manifests)
        except Forbidden:
            unread.add(kind)
    return LiveResources(manifests=manifests, unread=frozenset(unread))


async def settings(cluster: Cluster, _: Sequence[Manifest] = ()) -> list[Manifest]:
    """What control planes and injectors were told, of every revision."""
    return [
        from_object(each.body)
        async for each in cluster.list(*CONFIG, shapes.ROOT_NAMESPACE)
        if each.ref.name.startswith(_CONFIG_NAMES)
    ]


async def _definitions(cluster: Cluster, _: list[Manifest]) -> list[Manifest]:
    """Of which release the Gateway API's definitions are; their schemas are left out."""
    group, kind = platform.DEFINITION
    names = [f"{plural}.{shapes.GATEWAY_API}" for plural in platform.GATEWAY_API_SINCE]
    bodies = [await cluster.find(ResourceRef(group=group, kind=kind, name=name)) for name in names]
    return [from_object({**body, "spec": {}}) for body in bodies if body is not None]


async def _secrets(cluster: Cluster, manifests: list[Manifest]) -> list[Manifest]:
    """The Secrets that Gateways name."""
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
