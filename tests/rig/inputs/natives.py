"""Native resources that are of use, and the small shapes that they and the hostile ones are made of.

Public addresses among them are only written into configurations; nothing is ever sent there.
"""

from typing import Any, TypeAlias

from meshwright.adapters.envoy.resources import names

Body: TypeAlias = dict[str, Any]
Entry: TypeAlias = tuple[str, str, Body]
HTTP = "envoy.extensions.filters.http."
MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
PROTOCOLS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
UPSTREAM_TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
STDOUT = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
PUBLIC = "1.1.1.1"


def typed(kind: str, **body: Any) -> Body:
    """An extension's configuration."""
    return {"@type": names.PREFIX + kind, **body}


def extension(kind: str, **body: Any) -> Body:
    """A named extension."""
    return {"name": kind.rpartition(".")[2].lower(), "typed_config": typed(kind, **body)}


def host(name: str = "reviews", **body: Any) -> Entry:
    """Something said of a virtual host of the calls that leave."""
    return names.ROUTES, names.OUTBOUND, {"virtual_hosts": [{"name": name, **body}]}


def route(**body: Any) -> Entry:
    """One route in place of those to a service."""
    return host(routes=[{"match": {"prefix": "/"}, **body}])


def answer(**body: Any) -> Entry:
    """A direct response with this body."""
    return route(direct_response={"status": 200, "body": body})


def action(cluster: str | None = "reviews|v1", **body: Any) -> Entry:
    """Something said of where calls go."""
    return route(route={"cluster": cluster, **body})


def coming_in(**body: Any) -> Entry:
    """Something said of the calls that come in."""
    return names.ROUTES, names.INBOUND, {"virtual_hosts": [{"name": names.INBOUND, **body}]}


def coming_in_by(**body: Any) -> Entry:
    """One route in place of the one to the workload."""
    return coming_in(routes=[{"match": {"prefix": "/"}, **body}])


def manager(over: str = names.INBOUND, **body: Any) -> Entry:
    """Something said of a connection manager."""
    return over_listener(over, filter_chains=[{"filters": [extension(MANAGER, **body)]}])


def filtered(kind: str, over: str = names.INBOUND, **body: Any) -> Entry:
    """One more HTTP filter."""
    return manager(over, http_filters=[extension(kind, **body)])


def over_listener(over: str = names.INBOUND, **body: Any) -> Entry:
    """Something said of a listener."""
    return names.LISTENER, over, body


def tuned(**body: Any) -> Entry:
    """Something said of a cluster of the mesh."""
    return names.CLUSTER, "reviews|v1", body


def beside(name: str = "outside", **body: Any) -> Entry:
    """A cluster of the design's own."""
    return names.CLUSTER, name, {"connect_timeout": "1s", **body}


def at(address: str, port: int = 443, **more: Any) -> Entry:
    """A cluster of the design's own at an address."""
    return beside(load_assignment=places({"socket_address": {"address": address, "port_value": port, **more}}))


def places(*addresses: Body, **more: Any) -> Body:
    """The endpoints of a cluster."""
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": each, **more}} for each in addresses]}]
    return {"cluster_name": "outside", "endpoints": endpoints}


def secured(**context: Any) -> Entry:
    """A cluster of the design's own with TLS."""
    kind, name, body = at(PUBLIC)
    return kind, name, {**body, "transport_socket": extension(UPSTREAM_TLS, **context)}


def logged(kind: str, **body: Any) -> Entry:
    """A connection manager with this access log."""
    return manager(access_log=[extension(kind, **body)])


def header(key: str, value: str) -> Body:
    """A header that is set."""
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def grpc(**more: Any) -> Body:
    """A service that the proxy calls by itself."""
    return {"google_grpc": {"target_uri": "127.0.0.1:1", "stat_prefix": "x"}, **more}


LIMIT = {"max_tokens": 5, "tokens_per_fill": 5, "fill_interval": "1s"}
ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
GZIP = extension("envoy.extensions.compression.gzip.compressor.v3.Gzip", memory_level=3)

LEGITIMATE: dict[str, Entry] = {
    "time to connect": tuned(connect_timeout="0.25s"),
    "time to connect to the workload": (names.CLUSTER, "app", {"connect_timeout": "2s"}),
    "circuit breakers": tuned(circuit_breakers={"thresholds": [{"priority": "HIGH", "max_requests": 7}]}),
    "a budget of retries": tuned(circuit_breakers={"thresholds": [{"retry_budget": {"min_retry_concurrency": 5}}]}),
    "outlier detection": tuned(outlier_detection={"consecutive_5xx": 3, "consecutiveGatewayFailure": 2}),
    "a balancer": tuned(lb_policy="LEAST_REQUEST", least_request_lb_config={"choice_count": 3}),
    "a ring": tuned(lb_policy="RING_HASH", ring_hash_lb_config={"minimum_ring_size": 64}),
    "no panic": tuned(common_lb_config={"healthy_panic_threshold": {"value": 0}}),
    "health checks": tuned(
        health_checks=[{
            "timeout": "1s", "interval": "5s", "unhealthy_threshold": 3, "healthy_threshold": 1,
            "http_health_check": {"path": "/healthz"},
        }]
    ),
    "idle connections": tuned(
        typed_extension_protocol_options={
            PROTOCOLS: typed(PROTOCOLS, common_http_protocol_options={"idle_timeout": "60s"})
        }
    ),
    "live connections": tuned(upstream_connection_options={"tcp_keepalive": {"keepalive_time": 60}}),
    "buffers": tuned(per_connection_buffer_limit_bytes=65_536),
    "a host outside": at(PUBLIC),
    "a host outside in IPv6": at("2606:4700:4700::1111"),
    "a host outside by TLS": secured(
        sni="one.one.one.one",
        common_tls_context={"validation_context": {
            "system_root_certs": {},
            "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "one.one.one.one"}}],
        }},
    ),
    "buffers of a listener": over_listener(names.OUTBOUND, per_connection_buffer_limit_bytes=32_768),
    "time-outs of connections": manager(stream_idle_timeout="120s", request_headers_timeout="10s"),
    "a compressor": filtered(HTTP + "compressor.v3.Compressor", compressor_library=GZIP),
    "a compressor going out": filtered(HTTP + "compressor.v3.Compressor", names.OUTBOUND, compressor_library=GZIP),
    "CORS": filtered(HTTP + "cors.v3.Cors"),
    "CORS by virtual host": coming_in(
        typed_per_filter_config={"cors": typed(HTTP + "cors.v3.CorsPolicy", allow_methods="GET")}
    ),
    "a buffer": filtered(HTTP + "buffer.v3.Buffer", max_request_bytes=1024),
    "a local rate limit": filtered(
        HTTP + "local_ratelimit.v3.LocalRateLimit", stat_prefix="mine", token_bucket=LIMIT, filter_enabled=ALWAYS
    ),
    "a local rate limit by route": coming_in_by(
        route={"cluster": "app"},
        typed_per_filter_config={
            names.RATE_LIMIT: typed(
                HTTP + "local_ratelimit.v3.LocalRateLimit", stat_prefix="mine", token_bucket=LIMIT
            )
        },
    ),
    "a fault": host(
        typed_per_filter_config={
            names.FAULT_ABORT: typed(
                HTTP + "fault.v3.HTTPFault", abort={"http_status": 503, "percentage": {"numerator": 1}}
            )
        }
    ),
    "gRPC-Web": filtered(HTTP + "grpc_web.v3.GrpcWeb"),
    "an answer": answer(inline_string="hello\n"),
    "an answer coming in": coming_in_by(direct_response={"status": 204}),
    "retries": host(retry_policy={"retry_on": "5xx", "num_retries": 2, "retry_back_off": {"base_interval": "0.1s"}}),
    "a time-out": action(timeout="3s", idle_timeout="30s"),
    "a path rewritten": action(prefix_rewrite="/v2"),
    "a path rewritten by an expression": action(
        regex_rewrite={"pattern": {"regex": "^/old/(.*)$"}, "substitution": "/new/\\1"}
    ),
    "another host's name": action(host_rewrite_literal="reviews.internal"),
    "shares": route(route={"weighted_clusters": {"clusters": [
        {"name": "reviews|v1", "weight": 3}, {"name": "reviews|v2", "weight": 1}]}}),
    "a copy within the mesh": action(request_mirror_policies=[{"cluster": "reviews|v2", "runtime_fraction": ALWAYS}]),
    "a hash": action(hash_policy=[{"cookie": {"name": "session", "ttl": "60s"}}]),
    "web sockets": action(upgrade_configs=[{"upgrade_type": "websocket"}]),
    "a redirect": route(redirect={"path_redirect": "/elsewhere"}),
    "a match": route(
        match={
            "safe_regex": {"regex": "/api/v[0-9]+/.*"},
            "headers": [{"name": "x-user", "string_match": {"prefix": "test-"}}],
            "query_parameters": [{"name": "debug", "present_match": True}],
        },
        route={"cluster": "reviews|v2"},
    ),
    "headers": host(
        request_headers_to_add=[header("x-caller", "%DOWNSTREAM_PEER_URI_SAN%"), header("x-share", "100%%")],
        response_headers_to_add=[header("x-took", "%RESPONSE_DURATION%")],
        response_headers_to_remove=["server"],
    ),
    "a route to a host outside": host(
        "api.example.com", domains=["api.example.com"],
        routes=[{"match": {"prefix": "/"}, "route": {"cluster": "outside"}}],
    ),
}  # fmt: skip
