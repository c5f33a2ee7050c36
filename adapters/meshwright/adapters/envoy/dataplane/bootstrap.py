"""The bootstrap of an Envoy: its node id, its control plane, and nothing else.

Invariant: everything that may change arrives over the stream, so a sidecar is started once and never reconfigured from
outside. Nothing in it is secret: the sidecar's credentials are in files beside it. The only statistics kept are those
from which the edges between services are measured.
"""

from collections.abc import Sequence
from typing import Any

from meshwright.adapters.envoy.dataplane import administration
from meshwright.adapters.envoy.pki import credentials
from meshwright.adapters.envoy.resources import parts
from meshwright.adapters.envoy.state.identity import NodeId

_STATISTICS = ("cluster.", "cluster_manager.", "control_plane.", "http.", "listener_manager.", "server.")
_XDS = "xds"


def bootstrap(node: NodeId, *, service: str, control_planes: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """The bootstrap of one sidecar, in JSON form.

    `control_planes` are the addresses (host, port) of the adapter's replicas.
    """
    return {
        "node": {"id": str(node), "cluster": service},
        "admin": {"address": administration.ADDRESS},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": _XDS, "retry_policy": _retries()}}],
            },
            "cds_config": parts.ads(),
            "lds_config": parts.ads(),
        },
        "static_resources": {"clusters": [_control_plane(control_planes)]},
        # histograms are merged when the statistics are read, so a window never lags by a flush interval
        "stats_flush_on_admin": True,
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [{"prefix": each} for each in _STATISTICS]}}},
        "overload_manager": {"resource_monitors": [_connection_limit()]},
    }


def _connection_limit() -> dict[str, Any]:
    name = "envoy.resource_monitors.global_downstream_max_connections"
    kind = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {"name": name, "typed_config": parts.typed(kind, max_active_downstream_connections=50_000)}


def _retries() -> dict[str, Any]:
    """Reconnect soon after a restart of the control plane."""
    return {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}}


def _control_plane(places: Sequence[tuple[str, int]]) -> dict[str, Any]:
    keepalive = {"connection_keepalive": {"interval": "10s", "timeout": "5s"}}
    protocol = parts.typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http2_protocol_options": keepalive},
        # a connection for each stream, so that a refused one retries with the newest certificate
        common_http_protocol_options={"max_requests_per_connection": 1},
    )
    by_name = any(not parts.is_ip(host) for host, _ in places)
    return {
        "name": _XDS,
        "type": "STRICT_DNS" if by_name else "STATIC",
        "connect_timeout": "1s",
        "transport_socket": credentials.transport(),
        "load_assignment": {
            "cluster_name": _XDS,
            "endpoints": [{"lb_endpoints": [parts.endpoint(host, port) for host, port in places]}],
        },
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
    }
