"""Real Envoys as the sidecars of pods: told who they are, and given everything else by istiod.

Problem: istiod listens on loopback, out of the reach of a pod's namespace. Invariant: a sidecar reaches it through a
file of its own (a Unix socket), so that nothing crosses the border of the namespace but this stream and its secrets.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from meshwright.adapters.envoy.dataplane import program
from meshwright.core.testing.servers import HOST
from testbed import pki
from testbed.istiod import VERSION, Istiod
from testbed.traffic import secrets
from testbed.traffic.network import PodNetwork
from testbed.traffic.relays import dialled_here, relayed

ADMINISTRATION, STATISTICS = 15_000, 15_090
# Without the strategy a connection that is in use would keep an old policy for up to ten minutes.
_DRAINING = ("--drain-time-s", "45", "--drain-strategy", "immediate")
_AS_ISTIO_DOES = ("--concurrency", "1", "-l", "warn", "--component-log-level", "misc:error", *_DRAINING)
_LOGGING = ("--file-flush-interval-msec", "100")
_PREFIX = "type.googleapis.com/envoy.extensions"
_TAGS = [
    {"tag_name": "cluster_name", "regex": "^cluster(\\.(.+);)"},
    {"tag_name": "response_code", "regex": "_rq(_(\\d{3}))$"},
    {"tag_name": "response_code_class", "regex": "_rq(_(\\dxx))$"},
]
"""as Istio starts its Envoys: istiod ends the names of clusters with a semicolon in statistics"""


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod as the cluster has it."""

    name: str
    namespace: str
    address: str
    account: str
    labels: dict[str, str]
    kind: str = "sidecar"
    """or `router`, for a gateway"""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A sidecar that was started."""

    pid: int
    log: Path


@contextlib.asynccontextmanager
async def sidecar(
    network: PodNetwork, istiod: Istiod, authority: pki.Authority, pod: Pod, folder: Path
) -> AsyncIterator[Running]:
    """Run the sidecar of a pod."""
    log, configuration = folder / f"{pod.name}.log", folder / f"{pod.name}.json"
    xds, sds = folder / f"{pod.address}.xds", folder / f"{pod.address}.sds"
    identity = f"spiffe://cluster.local/ns/{pod.namespace}/sa/{pod.account}"
    pair = authority.issue(pod.account, [pki.SERVER, pki.CLIENT], names=[identity], file=pod.name)
    configuration.write_text(json.dumps(bootstrap(pod, xds, sds)))
    async with relayed(xds, lambda: dialled_here(istiod.xds)), secrets.served(sds, pair, authority.pair):
        command = [str(program.envoy()), "-c", str(configuration), "--use-dynamic-base-id", *_AS_ISTIO_DOES, *_LOGGING]
        pid = await network.run(pod.address, command, log)
        try:
            yield Running(pid=pid, log=log)
        finally:
            await network.end(pid)


def bootstrap(pod: Pod, xds: Path, sds: Path) -> dict[str, Any]:
    """What the sidecar of a pod is started with, in Envoy's JSON form."""
    metadata = {
        "NAMESPACE": pod.namespace,
        "NAME": pod.name,
        "CLUSTER_ID": "Kubernetes",
        "ISTIO_VERSION": VERSION,
        "INTERCEPTION_MODE": "NONE",
        "INSTANCE_IPS": pod.address,
        "SERVICE_ACCOUNT": pod.account,
        "MESH_ID": "cluster.local",
        "LABELS": pod.labels,
    }
    services = [{"envoy_grpc": {"cluster_name": "xds-grpc"}}]
    stream = {"api_type": "GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": True}
    ads = {"ads": {}, "resource_api_version": "V3"}
    return {
        "node": {
            "id": f"{pod.kind}~{pod.address}~{pod.name}.{pod.namespace}~{pod.namespace}.svc.cluster.local",
            "cluster": f"{pod.labels.get('app', pod.name)}.{pod.namespace}",
            "metadata": metadata,
        },
        "stats_config": {"use_all_default_tags": False, "stats_tags": _TAGS},
        "admin": {"address": {"socket_address": {"address": HOST, "port_value": ADMINISTRATION}}},
        "dynamic_resources": {
            "ads_config": {**stream, "grpc_services": services},
            "lds_config": ads,
            "cds_config": ads,
        },
        "static_resources": {
            "listeners": [_statistics()],
            "clusters": [
                _cluster("xds-grpc", {"pipe": {"path": str(xds)}}),
                _cluster("sds-grpc", {"pipe": {"path": str(sds)}}),
                _cluster("prometheus_stats", _socket(HOST, ADMINISTRATION), version=1),
            ],
        },
    }


def _statistics() -> dict[str, Any]:
    """What Prometheus reads, at the port where every sidecar of Istio has it."""
    route = {"match": {"path": "/stats/prometheus"}, "route": {"cluster": "prometheus_stats"}}
    manager = {
        "@type": f"{_PREFIX}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "stats",
        "route_config": {"virtual_hosts": [{"name": "stats", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_PREFIX}.filters.http.router.v3.Router"},
            }
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": "statistics", "address": _socket("0.0.0.0", STATISTICS), "filter_chains": [chain]}


def _socket(address: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": port}}


def _cluster(name: str, address: dict[str, Any], version: int = 2) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": address}}
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    protocol: dict[str, Any] = {"http2_protocol_options" if version == 2 else "http_protocol_options": {}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "typed_extension_protocol_options": {
            kind: {"@type": f"type.googleapis.com/{kind}", "explicit_http_config": protocol}
        },
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
