"""What the Envoy of a pod tells of itself.

Problem: istiod tells what it sent and what a proxy answered, and not what the proxy holds; that its admin interface
says, which listens inside the pod alone. Invariant: it is asked through the port forwarding of its node, by one tunnel
within a bounded time; nothing of it is stored.
"""

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.operations import failures
from meshwright.adapters.istio.proxies import pods
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import clusters
from meshwright.core.kit.kubernetes.port_forward import PodPort
from meshwright.core.kit.status import envoys
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import ProxyAccount, ProxyRequest

_ADMIN = 15_000
_ANSWER_S = 4.0
"""for each of its pages; who asks waits a few seconds altogether"""


@adapter.proxy_account
async def proxy_account(scope: kit.Scope, request: ProxyRequest) -> ProxyAccount:
    """The certificates and configuration of a sidecar, gateway or waypoint.

    Raises kit.Reject where there is none in such a pod, kit.Retry where it does not answer, KubernetesError.
    """
    cluster = await clusters.clusters_of(scope.service).get(request.workspace, request.connection)
    return await ask(cluster, request.namespace, request.name)


async def ask(cluster: k8s.Cluster, namespace: str, name: str) -> ProxyAccount:
    """The same of a pod of this cluster. Raises as above."""
    place = f"{namespace}/{name}"
    body = await cluster.find(ResourceRef(kind="Pod", namespace=namespace, name=name))
    found = next(iter(pods.proxy_pods([body] if body else [])), None)
    if found is None:
        because = "the pod has no proxy" if body else "there is no such pod"
        raise failures.unasked(place, because, "It may have ended: see `meshwright proxies list`.")
    if found.mode == "ztunnel":
        remedy = f"Ask it by `istioctl ztunnel-config all {name}.{namespace}`."
        raise failures.unasked(place, "it is a ztunnel, which is no Envoy", remedy)
    try:
        async with PodPort(cluster, namespace, name, _ADMIN).tunnel(timeout=_ANSWER_S) as tunnel:

            async def get(path: str) -> bytes:
                return await tunnel.get(path, timeout=_ANSWER_S)

            return await envoys.account(get)
    except k8s.Forbidden as error:
        remedy = "Grant the right: `meshwright connections rights --adapter istio` prints the roles."
        raise failures.unasked(place, error.failure.what, remedy) from error
    except (k8s.Unavailable, k8s.Unreachable) as error:
        remedy = f"It may be starting, stopping or frozen: `meshwright logs proxy/{name}` shows what it wrote."
        raise failures.silent(place, error.failure.what, remedy) from error
