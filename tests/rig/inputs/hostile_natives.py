"""Native resources that would do harm; every entry is tried alone, and none may reach a proxy.

Public addresses among them are only written into configurations; nothing is ever sent there.
"""

from meshwright.adapters.envoy.resources import names
from rig.inputs.natives import (
    HTTP,
    MANAGER,
    PROTOCOLS,
    PUBLIC,
    STDOUT,
    UPSTREAM_TLS,
    Entry,
    action,
    answer,
    at,
    beside,
    coming_in,
    coming_in_by,
    extension,
    filtered,
    grpc,
    header,
    host,
    logged,
    manager,
    over_listener,
    places,
    route,
    secured,
    tuned,
    typed,
)

FILE = {"filename": "/etc/passwd"}
LUA = {"inline_string": "function envoy_on_request(h) os.execute('id') end"}
ADS = {"ads": {}, "resource_api_version": "V3"}
LISTENING = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 18_080}}}

HOSTILE: dict[str, Entry] = {
    # Files and the environment
    "answer from a file": answer(**FILE),
    "answer from a file, in camel case": host(routes=[{"match": {"prefix": "/"}, "directResponse": {"body": FILE}}]),
    "answer from the environment": answer(environment_variable="HOME"),
    "answer from a watched folder": answer(inline_string="x", watched_directory={"path": "/etc"}),
    "answer in a format": route(direct_response={"status": 200, "body_format": {"text_format": "%ENVIRONMENT(HOME)%"}}),
    "answer from a file, coming in": coming_in_by(direct_response={"status": 200, "body": FILE}),
    "authorities from a file": secured(common_tls_context={"validation_context": {"trusted_ca": FILE}}),
    "authorities from the environment": secured(
        common_tls_context={"validation_context": {"trusted_ca": {"environment_variable": "CA"}}}
    ),
    "revocations from a file": secured(common_tls_context={"validation_context": {"crl": FILE}}),
    "a watched folder of authorities": secured(
        common_tls_context={"validation_context": {"watched_directory": {"path": "/etc"}}}
    ),
    "keys written to a file": secured(common_tls_context={"key_log": {"path": "/tmp/keys"}}),
    "a client key from a file": secured(common_tls_context={"tls_certificates": [{"private_key": FILE}]}),
    "a client key in the design": secured(
        common_tls_context={"tls_certificates": [{"private_key": {"inline_string": "x"}}]}
    ),
    "access log to a file": logged("envoy.extensions.access_loggers.file.v3.FileAccessLog", path="/tmp/log"),
    "access log of a listener to a file": over_listener(
        access_log=[extension("envoy.extensions.access_loggers.file.v3.FileAccessLog", path="/tmp/log")]
    ),
    "access log to stdout": logged(STDOUT),
    "access log with the environment": logged(
        STDOUT, log_format={"text_format_source": {"inline_string": "%ENVIRONMENT(MESHWRIGHT_NATS_URL)%"}}
    ),
    "health checks written to a file": tuned(
        health_checks=[{"timeout": "1s", "event_log_path": "/tmp/x", "http_health_check": {"path": "/"}}]
    ),
    "health checks told to a sink": tuned(
        health_checks=[{
            "timeout": "1s",
            "http_health_check": {"path": "/"},
            "event_logger": [extension("envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink")],
        }]
    ),
    "a network namespace by its path": at(PUBLIC, network_namespace_filepath="/proc/1/ns/net"),
    "local answers from a file": manager(
        local_reply_config={"mappers": [{"body": FILE, "filter": {"status_code_filter": {}}}]}
    ),
    "routes from a file": manager(rds={"route_config_name": "x", "config_source": {"path": "/tmp/rds.yaml"}}),
    "routes from a watched path": manager(
        rds={"route_config_name": "x", "config_source": {"path_config_source": {"path": "/tmp/rds.yaml"}}}
    ),
    # Code
    "Lua": filtered(HTTP + "lua.v3.Lua", default_source_code=LUA),
    "Lua, going out": filtered(HTTP + "lua.v3.Lua", names.OUTBOUND, inline_code=LUA["inline_string"]),
    "Lua from a file": filtered(HTTP + "lua.v3.Lua", default_source_code=FILE),
    "Lua by route": route(
        typed_per_filter_config={"lua": typed(HTTP + "lua.v3.LuaPerRoute", source_code=LUA)},
        route={"cluster": "reviews|v1"},
    ),
    "Lua by virtual host": coming_in(
        typed_per_filter_config={"lua": typed(HTTP + "lua.v3.LuaPerRoute", source_code=LUA)}
    ),
    "Lua inside a wrapper": coming_in(
        typed_per_filter_config={
            "x": typed("envoy.config.route.v3.FilterConfig", config=typed(HTTP + "lua.v3.LuaPerRoute"))
        }
    ),
    "Lua inside an Any": manager(
        http_filters=[{
            "name": "x",
            "typed_config": typed("google.protobuf.Any", value=typed(HTTP + "lua.v3.Lua", default_source_code=LUA)),
        }]
    ),
    "Lua as an untyped structure": manager(
        http_filters=[{
            "name": "x",
            "typed_config": typed(
                "xds.type.v3.TypedStruct", type_url=f"{names.PREFIX}{HTTP}lua.v3.Lua", value={"inline_code": "x"}
            ),
        }]
    ),
    "an untyped structure of the former kind": manager(
        http_filters=[{"name": "x", "typed_config": typed("udpa.type.v1.TypedStruct", type_url="x", value={})}]
    ),
    "Wasm": filtered(HTTP + "wasm.v3.Wasm", config={"vm_config": {"code": {"local": FILE}}}),
    "Go": filtered("envoy.extensions.filters.http.golang.v3alpha.Config", library_path="/tmp/x.so", library_id="x"),
    "a dynamic module": filtered(HTTP + "dynamic_modules.v3.DynamicModuleFilter"),
    "a type that nobody knows": filtered("envoy.extensions.filters.http.nothing.v9.Nothing"),
    "a field that nobody knows": tuned(no_such_field=1),
    "a match by Lua": route(
        match={"prefix": "/", "headers": [{
            "name": "x",
            "string_match": {"custom": extension("envoy.extensions.string_matcher.lua.v3.Lua")},
        }]}
    ),
    "a path rewritten by an extension": action(path_rewrite_policy=extension(HTTP + "lua.v3.Lua")),
    "a path matched by an extension": route(match={"path_match_policy": extension(HTTP + "lua.v3.Lua")}),
    "routes chosen by a module": action(
        cluster=None, inline_cluster_specifier_plugin={"extension": extension(HTTP + "lua.v3.Lua")}
    ),
    "routes chosen by a matcher tree": host(matcher={"on_no_match": {"action": extension(HTTP + "lua.v3.Lua")}}),
    "a balancer by an extension": tuned(
        load_balancing_policy={"policies": [{"typed_extension_config": extension(HTTP + "lua.v3.Lua")}]}
    ),
    "a compressor that is something else": filtered(
        HTTP + "compressor.v3.Compressor", compressor_library=extension(HTTP + "lua.v3.Lua")
    ),
    "a filter of a cluster's protocol": tuned(
        typed_extension_protocol_options={
            PROTOCOLS: typed(PROTOCOLS, http_filters=[extension(HTTP + "lua.v3.Lua", default_source_code=LUA)])
        }
    ),
    "a network filter of a cluster": tuned(filters=[extension("envoy.extensions.filters.network.echo.v3.Echo")]),
    # Other hosts that the proxy calls by itself
    "external authorization": filtered(HTTP + "ext_authz.v3.ExtAuthz", grpc_service=grpc()),
    "external processing": filtered(HTTP + "ext_proc.v3.ExternalProcessor", grpc_service=grpc()),
    "a rate limit service": filtered(HTTP + "ratelimit.v3.RateLimit", domain="x"),
    "an access log service": logged(
        "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
        common_config={"log_name": "x", "grpc_service": grpc()},
    ),
    "an OpenTelemetry log": logged(
        "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig"
    ),
    "a tap": filtered(HTTP + "tap.v3.Tap", common_config={"admin_config": {"config_id": "x"}}),
    "a tap of a transport": beside(transport_socket=extension("envoy.extensions.transport_sockets.tap.v3.Tap")),
    "tracing": manager(tracing={"provider": extension("envoy.config.trace.v3.ZipkinConfig", collector_cluster="xds")}),
    "load reports": tuned(lrs_server={"self": {}}),
    "OAuth with its secrets": filtered(HTTP + "oauth2.v3.OAuth2"),
    "a cache on disk": filtered(HTTP + "cache.v3.CacheConfig"),
    "a proxy to any host": filtered(HTTP + "dynamic_forward_proxy.v3.FilterConfig"),
    "credentials from a secret": filtered(HTTP + "credential_injector.v3.CredentialInjector"),
    "AWS credentials of the host": filtered(HTTP + "aws_request_signing.v3.AwsRequestSigning"),
    "a key set from elsewhere": filtered(HTTP + "jwt_authn.v3.JwtAuthentication"),
    # Other sources of configuration
    "a filter from elsewhere": manager(
        http_filters=[{"name": "x", "config_discovery": {"config_source": ADS, "type_urls": [names.CLUSTER]}}]
    ),
    "endpoints from elsewhere": beside(type="EDS", eds_cluster_config={"eds_config": {"path": "/tmp/eds"}}),
    "endpoints in groups from elsewhere": beside(
        load_assignment={"cluster_name": "x", "endpoints": [{"leds_cluster_locality_config": {"leds_config": ADS}}]}
    ),
    "virtual hosts from elsewhere": (names.ROUTES, names.OUTBOUND, {"vhds": {"config_source": ADS}}),
    "routes by scope": manager(scoped_routes={"name": "x", "rds_config_source": ADS}),
    "filter chains from elsewhere": over_listener(fcds_config={"name": "x", "config_source": ADS}),
    # Secrets and the mesh's TLS
    "the mesh's identity outside": secured(
        common_tls_context={"tls_certificate_sds_secret_configs": [{"name": "identity", "sds_config": ADS}]}
    ),
    "the mesh's authorities outside": secured(
        common_tls_context={"validation_context_sds_secret_config": {"name": "trust-bundle", "sds_config": ADS}}
    ),
    "another validation": secured(
        common_tls_context={"combined_validation_context": {"default_validation_context": {}}}
    ),
    "a secret of the design's": (names.SECRET, "identity", {}),
    "no TLS to a service": tuned(
        transport_socket=extension("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer")
    ),
    "other TLS to a service": tuned(transport_socket=extension(UPSTREAM_TLS, common_tls_context={})),
    "other TLS to a service, in camel case": tuned(transportSocket={"name": "x"}),
    "TLS by match": tuned(transport_socket_matches=[{"name": "x", "match": {}, "transport_socket": {"name": "x"}}]),
    "expired certificates": secured(common_tls_context={"validation_context": {"allow_expired_certificate": True}}),
    "any certificate": secured(
        common_tls_context={"validation_context": {"trust_chain_verification": "ACCEPT_UNTRUSTED"}}
    ),
    "no TLS from callers": over_listener(filter_chains=[{"filters": [extension(MANAGER)], "transport_socket": {}}]),
    "another filter chain": over_listener(filter_chains=[{"filters": [extension(MANAGER)]}] * 2),
    "a default filter chain": over_listener(default_filter_chain={"filters": [extension(MANAGER)]}),
    "a chain that matches less": over_listener(
        filter_chains=[{"filters": [extension(MANAGER)], "filter_chain_match": {"transport_protocol": "tls"}}]
    ),
    "bytes past HTTP": over_listener(
        filter_chains=[{"filters": [extension("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy")]}]
    ),
    "listener filters": over_listener(listener_filters=[]),
    # Who may call, and who called
    "no access rules by virtual host": coming_in(
        typed_per_filter_config={names.ACCESS: typed(HTTP + "rbac.v3.RBACPerRoute")}
    ),
    "no access rules by route": coming_in_by(
        route={"cluster": "app"}, typed_per_filter_config={names.ACCESS: typed(HTTP + "rbac.v3.RBACPerRoute")}
    ),
    "access rules switched off": coming_in(
        typed_per_filter_config={names.ACCESS: typed("envoy.config.route.v3.FilterConfig", disabled=True)}
    ),
    "access rules under a good type": coming_in(
        typedPerFilterConfig={names.ACCESS: typed(HTTP + "buffer.v3.BufferPerRoute", disabled=True)}
    ),
    "a second filter of access rules": manager(
        http_filters=[{"name": names.ACCESS, "typed_config": typed(HTTP + "buffer.v3.Buffer", max_request_bytes=1)}]
    ),
    "other access rules": filtered(HTTP + "rbac.v3.RBAC"),
    "a virtual host without access rules": (
        names.ROUTES, names.INBOUND,
        {"virtual_hosts": [{"name": "mine", "domains": ["mine"], "routes": []}]},
    ),
    "other domains coming in": coming_in(domains=["nobody"]),
    "coming in and on to another service": coming_in_by(route={"cluster": "reviews|v1"}),
    "coming in and on by weight": coming_in_by(
        route={"weighted_clusters": {"clusters": [{"name": "reviews|v1", "weight": 1}]}}
    ),
    "a path rewritten behind the access rules": coming_in_by(route={"cluster": "app", "prefix_rewrite": "/admin"}),
    "copies of what comes in": coming_in(request_mirror_policies=[{"cluster": "reviews|v1"}]),
    "identity forged going out": host(request_headers_to_add=[header("x-forwarded-client-cert", "URI=spiffe://x")]),
    "identity forged coming in": coming_in(
        request_headers_to_add=[header("X-Forwarded-Client-Cert", "URI=spiffe://x")]
    ),
    "identity taken away": (names.ROUTES, names.INBOUND, {"request_headers_to_remove": ["x-forwarded-client-cert"]}),
    "a header of ours": host(request_headers_to_add=[header("x-meshwright-workload", "x")]),
    "an address forged": host(request_headers_to_add=[header("x-forwarded-for", "127.0.0.1")]),
    "an inner call forged": host(request_headers_to_add=[header("x-envoy-internal", "true")]),
    "another path by a header": host(request_headers_to_add=[header(":path", "/admin")]),
    "identity passed on unchecked": manager(forward_client_cert_details="FORWARD_ONLY"),
    "addresses believed": manager(use_remote_address=False, xff_num_trusted_hops=5),
    "paths not normalized": manager(normalize_path=False),
    "slashes not merged": manager(merge_slashes=False),
    "escaped slashes kept": manager(path_with_escaped_slashes_action="KEEP_UNCHANGED"),
    "early header mutation": manager(early_header_mutation_extensions=[extension(HTTP + "lua.v3.Lua")]),
    "upgrades past the filters": manager(upgrade_configs=[{"upgrade_type": "websocket", "filters": []}]),
    "tunnels": action(upgrade_configs=[{"upgrade_type": "CONNECT", "connect_config": {}}]),
    "a match for tunnels": route(match={"connect_matcher": {}}, route={"cluster": "reviews|v1"}),
    # Formats
    "the environment in a header": host(request_headers_to_add=[header("x-a", "%ENVIRONMENT(MESHWRIGHT_NATS_URL)%")]),
    "a file in a header": host(response_headers_to_add=[header("x-a", "%FILE_CONTENT(/etc/passwd)%")]),
    "metadata in a header": host(request_headers_to_add=[header("x-a", "%METADATA(NODE:meshwright.token)%")]),
    "an expression in a header": host(request_headers_to_add=[header("x-a", "%CEL(xds.node.metadata)%")]),
    "a format inside a format": host(request_headers_to_add=[header("x-a", "%REQ(%ENVIRONMENT(HOME)%)%")]),
    "raw bytes in a header": host(request_headers_to_add=[{"header": {"key": "x-a", "raw_value": "eA=="}}]),
    "a redirect in a format": route(redirect={"path_rewrite": "%ENVIRONMENT(HOME)%"}),
    # Clusters and routes to where nobody should get
    "the control plane as a route": action(cluster="xds"),
    "the control plane by weight": route(route={"weighted_clusters": {"clusters": [{"name": "xds", "weight": 1}]}}),
    "the control plane mirrored to": action(request_mirror_policies=[{"cluster": "xds"}]),
    "the workload past its own sidecar": action(cluster="app"),
    "a cluster by the caller's header": action(cluster=None, cluster_header="x-cluster"),
    "a mirror by the caller's header": action(request_mirror_policies=[{"cluster_header": "x"}]),
    "calls to a service led outside": action(cluster="outside"),
    "calls to a service copied outside": host(request_mirror_policies=[{"cluster": "outside"}]),
    "a service's name for a host outside": host("x.example", domains=["reviews"], routes=[]),
    "all names for a host outside": host("x.example", domains=["*"], routes=[]),
    "the control plane replaced": beside("xds"),
    "the workload's address changed": (names.CLUSTER, "app", {"load_assignment": places()}),
    "a service's addresses changed": tuned(load_assignment=places({"socket_address": {"address": PUBLIC}})),
    "a service's addresses by name": tuned(type="STRICT_DNS"),
    "loopback": at("127.0.0.1", 4222),
    "loopback, elsewhere in its network": at("127.8.9.10"),
    "loopback in IPv6": at("::1"),
    "loopback mapped into IPv6": at("::ffff:127.0.0.1"),
    "loopback translated": at("64:ff9b::7f00:1"),
    "this host": at("0.0.0.0"),
    "link-local": at("169.254.169.254", 80),
    "link-local in IPv6": at("fe80::1"),
    "an inner network": at("10.0.0.1"),
    "another inner network": at("192.168.1.1"),
    "unique local IPv6": at("fd00::1"),
    "many hosts at once": at("224.0.0.1"),
    "a number for an address": at("2130706433"),
    "a name for an address": at("localhost"),
    "a name that may resolve inside": beside(type="STRICT_DNS", load_assignment=places(
        {"socket_address": {"address": "inside.example", "port_value": 80}})),
    "a name, looked up once": beside(type="LOGICAL_DNS"),
    "by the connection's former address": beside(type="ORIGINAL_DST"),
    "a kind of its own": beside(
        cluster_type=extension("envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig")
    ),
    "by a resolver of its own": at(PUBLIC, resolver_name="x"),
    "a Unix socket": beside(load_assignment=places({"pipe": {"path": "/run/docker.sock"}})),
    "a listener inside of the proxy": beside(
        load_assignment=places({"envoy_internal_address": {"server_listener_name": "x"}})
    ),
    "more addresses of an endpoint": beside(load_assignment=places(
        {"socket_address": {"address": PUBLIC}}, additional_addresses=[{"address": {"pipe": {"path": "/x"}}}])),
    "health checks elsewhere": beside(load_assignment=places(
        {"socket_address": {"address": PUBLIC}},
        health_check_config={"address": {"socket_address": {"address": "127.0.0.1", "port_value": 22}}})),
    "health checks at another port": tuned(health_checks=[{"alt_port": 22, "http_health_check": {"path": "/"}}]),
    "calls from another address": tuned(upstream_bind_config={"source_address": {"address": "127.0.0.1"}}),
    # Listeners
    "a listener": over_listener("extra", **LISTENING),
    "a listener on all addresses": over_listener(
        "extra", address={"socket_address": {"address": "0.0.0.0", "port_value": 80}}
    ),
    "a listener on a Unix socket": over_listener("extra", address={"pipe": {"path": "/tmp/x"}}),
    "another address of a listener": over_listener(names.INBOUND, **LISTENING),
    "more addresses of a listener": over_listener(names.INBOUND, additional_addresses=[LISTENING]),
    "a port shared": over_listener(names.INBOUND, enable_reuse_port=True),
    "a listener inside": over_listener(names.INBOUND, internal_listener={}),
    "socket options": over_listener(names.INBOUND, socket_options=[{"level": 1, "name": 15, "int_value": 1}]),
    "traffic of others": over_listener(names.INBOUND, transparent=True),
    "a listener without limits": over_listener(names.INBOUND, bypass_overload_manager=True),
    "an API listener": over_listener("api", api_listener={}),
    # Statistics, start-up, expressions
    "another's statistics": tuned(alt_stat_name="payments|v1"),
    "other statistics of a listener": manager(stat_prefix="outbound"),
    "a limit counted under a cluster": filtered(
        HTTP + "local_ratelimit.v3.LocalRateLimit", stat_prefix="cluster.payments|v1.upstream_rq"
    ),
    "a bootstrap": ("type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap", "x", {"admin": {}}),
    "run-time keys": action(
        request_mirror_policies=[{"cluster": "reviews|v1", "runtime_fraction": {"runtime_key": "x"}}]
    ),
    "an expression that is too long": route(match={"safe_regex": {"regex": "a" * 1025}}),
    "an expression that is too large": route(match={"safe_regex": {"regex": "(a{30}){30}"}}),
    "an expression that is none": host(retry_policy={"retriable_headers": [
        {"name": "x", "string_match": {"safe_regex": {"regex": "(?=x)"}}}]}),
}  # fmt: skip
