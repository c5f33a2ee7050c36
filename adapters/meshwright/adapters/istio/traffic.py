"""Where the proxies of Istio are: sidecars, gateways and waypoints, and the node proxies of ambient.

Invariant: only what Istio itself has put a proxy into is asked, and on the port that it gives to statistics.
"""

from meshwright.adapters.istio import metrics
from meshwright.core import kit
from meshwright.core.kit import traffic
from meshwright.core.kit.kubernetes.clusters import cluster_of
from meshwright.core.kit.traffic.pods import Endpoint, proxies

_ENVOY = Endpoint(container="istio-proxy", port=15_090, path="stats/prometheus", query={"usedonly": ""})
_ZTUNNEL = Endpoint(container="istio-proxy", port=15_020, path="metrics")
_INJECTED = "service.istio.io/canonical-name"
"""the label that Istio gives to every pod with an Envoy of its own"""


async def running(scope: kit.Scope) -> list[traffic.Proxy]:
    """The proxies of a mesh. Raises Outcome."""
    cluster = await cluster_of(scope)
    node_proxies = await proxies(cluster, "app=ztunnel", [_ZTUNNEL])
    return [*await proxies(cluster, f"{_INJECTED},app!=ztunnel", [_ENVOY]), *node_proxies]


TRAFFIC = traffic.Traffic(statistics=[metrics.ISTIO, metrics.ENVOY], proxies=running)
