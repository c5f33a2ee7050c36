"""Where the proxies of Linkerd tell what they have counted.

Invariant: only pods that the injector has given a proxy are asked, on the proxy's own port for statistics.
"""

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.telemetry import metrics
from meshwright.core import kit
from meshwright.core.kit import traffic
from meshwright.core.kit.kubernetes.clusters import cluster_of
from meshwright.core.kit.traffic.pods import Endpoint, proxies

_PROXY = Endpoint(container=words.PROXY, port=4191, path="metrics")


async def running(scope: kit.Scope) -> list[traffic.Proxy]:
    """The proxies of a mesh. Raises Outcome."""
    cluster = await cluster_of(scope)
    return [*await proxies(cluster, words.PLANE, [_PROXY])]


TRAFFIC = traffic.Traffic(statistics=[metrics.LINKERD], proxies=running)
