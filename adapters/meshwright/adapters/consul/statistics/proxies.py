"""Where the statistics of Consul's proxies are: those that tell Prometheus of them.

Invariant: only an address that the catalog gives is asked, and only the port that the proxy's own configuration opens
for statistics (`envoy_prometheus_bind_addr`); where this worker may go is checked for each of them.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from meshwright.adapters.consul.cluster import words
from meshwright.adapters.consul.control_plane import registry
from meshwright.adapters.consul.control_plane.api import api_of
from meshwright.adapters.consul.control_plane.registry import Registered
from meshwright.adapters.consul.statistics import metrics
from meshwright.core import kit
from meshwright.core.kit import traffic
from meshwright.core.kit.kubernetes.clusters import cluster_of
from meshwright.core.kit.security import ssrf
from meshwright.core.kit.server_client import ServerRefuses, connect
from meshwright.core.kit.traffic import Place, pods
from meshwright.core.kit.traffic.pods import Endpoint
from meshwright.schemas.connections import Consul, Kubernetes, Server

_OPENS = "envoy_prometheus_bind_addr"
_PATH = "/metrics"
_IN_POD = Endpoint(container=words.PROXY, port=20_200, path="metrics")
"""where `connectInject.metrics` has every proxy tell them"""


async def registered_ones(scope: kit.Scope) -> list[traffic.Proxy]:
    """The proxies of a mesh without a cluster that tell their statistics. Raises Outcome."""
    registered = await registry.registered(await api_of(scope))
    return list(proxies(registered, scope.runtime.connections.reachable))


def proxies(registered: list[Registered], reachable: ssrf.Policy) -> Iterator[traffic.Proxy]:
    """The same of these instances."""
    for each in registered:
        service = each["Service"]
        proxy = service.get("Proxy") or {}
        port = _port((proxy.get("Config") or {}).get(_OPENS))
        address = service.get("Address") or (each.get("Node") or {}).get("Address")
        if service.get("Kind") in (registry.SIDECAR, registry.INGRESS) and port and address:
            workload = str(proxy.get("DestinationServiceID") or service["ID"])
            yield traffic.Proxy(str(service["ID"]), Place(workload=workload), _reader(f"{address}:{port}", reachable))


def _reader(place: str, reachable: ssrf.Policy) -> Callable[[], Awaitable[bytes]]:
    async def read() -> bytes:
        async with await connect(Server(url=f"http://{place}"), reachable) as client:
            status, content = await client.request("GET", _PATH)
        if status != 200:
            raise ServerRefuses(f"{place} has no statistics (status {status})")
        return content

    return read


def _port(opened: Any) -> str:
    """The port of `0.0.0.0:20200`."""
    port = str(opened or "").rpartition(":")[2]
    return port if port.isdecimal() else ""


async def in_pods(scope: kit.Scope) -> list[traffic.Proxy]:
    """The proxies in the pods of a cluster, where metrics are switched on. Raises KubernetesError."""
    return [*await pods.proxies(await cluster_of(scope), f"{words.INJECTED}=injected", [_IN_POD])]


running = kit.by_connection({Consul: registered_ones, Kubernetes: in_pods})
TRAFFIC = traffic.Traffic(statistics=[metrics.ENVOY], proxies=running)
