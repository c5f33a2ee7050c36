"""What a native resource may hold, as data: message types, their fields, extensions, and rules for values.

Problem: Envoy's configuration has thousands of fields, and new versions bring new ones; nobody can list all that
are dangerous. Invariant: only what stands here is let through. Hazards are listed as well, but only to give a
refusal its reason. The same hazards hold for Kubernetes' EnvoyFilter, whose patches are the same messages:

    files          anything that names a path or reads the environment: the proxy reads and writes as its own user
    code           Lua, Wasm, Go, dynamic modules: they run inside of the proxy
    other hosts    services that the proxy calls by itself (authorization, processors, loggers, taps, tracing)
    other sources  clusters, routes, filters and secrets that are loaded from elsewhere than the control plane
    addresses      places on the host itself, in its network, on Unix sockets, and names, which may resolve to them
    identity       TLS of the mesh, who may call whom, headers that say who called
    statistics     names under which something else is counted

`MESSAGES` has the fields of each message; `field=rule` names a rule of `values`, and a field without a rule may
hold any value that fits its type, its own message being listed. `EXTENSIONS` has what an `Any` field may hold.
"""

ROUTE = "envoy.config.route.v3."
CORE = "envoy.config.core.v3."
CLUSTER = "envoy.config.cluster.v3."
ENDPOINT = "envoy.config.endpoint.v3."
LISTENER = "envoy.config.listener.v3."
MATCHER = "envoy.type.matcher.v3."
TYPE = "envoy.type.v3."
HTTP = "envoy.extensions.filters.http."
MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3."
TLS = "envoy.extensions.transport_sockets.tls.v3."
PROTOCOLS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
COMPRESSION = "envoy.extensions.compression."

_HEADERS = "request_headers_to_add request_headers_to_remove=header response_headers_to_add response_headers_to_remove"
_ACTION = (
    "cluster=cluster weighted_clusters cluster_not_found_response_code timeout idle_timeout flush_timeout priority "
    "retry_policy hash_policy hedge_policy max_stream_duration upgrade_configs"
)
_CLUSTER = (
    "name connect_timeout per_connection_buffer_limit_bytes lb_policy round_robin_lb_config least_request_lb_config "
    "ring_hash_lb_config maglev_lb_config common_lb_config circuit_breakers outlier_detection health_checks "
    "preconnect_policy upstream_connection_options track_timeout_budgets typed_extension_protocol_options "
    "close_connections_on_host_health_failure ignore_health_on_host_removal"
)

MESSAGES = {
    # Clusters
    CLUSTER + "Cluster.RingHashLbConfig": "minimum_ring_size maximum_ring_size hash_function",
    CLUSTER + "Cluster.MaglevLbConfig": "table_size",
    CLUSTER + "Cluster.LeastRequestLbConfig": "choice_count slow_start_config",
    CLUSTER + "Cluster.RoundRobinLbConfig": "slow_start_config",
    CLUSTER + "Cluster.SlowStartConfig": "slow_start_window min_weight_percent",
    CLUSTER + "Cluster.CommonLbConfig": (
        "healthy_panic_threshold update_merge_window ignore_new_hosts_until_first_hc "
        "close_connections_on_host_set_change consistent_hashing_lb_config"
    ),
    CLUSTER + "Cluster.CommonLbConfig.ConsistentHashingLbConfig": "hash_balance_factor",
    CLUSTER + "Cluster.PreconnectPolicy": "per_upstream_preconnect_ratio predictive_preconnect_ratio",
    CLUSTER + "UpstreamConnectionOptions": "tcp_keepalive",
    CLUSTER + "CircuitBreakers": "thresholds per_host_thresholds",
    CLUSTER + "CircuitBreakers.Thresholds": (
        "priority max_connections max_pending_requests max_requests max_retries retry_budget track_remaining "
        "max_connection_pools"
    ),
    CLUSTER + "CircuitBreakers.Thresholds.RetryBudget": "budget_percent min_retry_concurrency",
    CLUSTER + "OutlierDetection": (
        "consecutive_5xx interval base_ejection_time max_ejection_time max_ejection_time_jitter max_ejection_percent "
        "enforcing_consecutive_5xx consecutive_gateway_failure enforcing_consecutive_gateway_failure "
        "enforcing_success_rate success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor "
        "split_external_local_origin_errors consecutive_local_origin_failure "
        "enforcing_consecutive_local_origin_failure enforcing_local_origin_success_rate failure_percentage_threshold "
        "enforcing_failure_percentage enforcing_failure_percentage_local_origin failure_percentage_minimum_hosts "
        "failure_percentage_request_volume successful_active_health_check_uneject_host always_eject_one_host"
    ),
    CORE + "HealthCheck": (
        "timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold "
        "healthy_threshold reuse_connection http_health_check grpc_health_check no_traffic_interval "
        "no_traffic_healthy_interval unhealthy_interval unhealthy_edge_interval healthy_edge_interval"
    ),
    CORE + "HealthCheck.HttpHealthCheck": "host path expected_statuses retriable_statuses codec_client_type",
    CORE + "HealthCheck.GrpcHealthCheck": "service_name authority",
    CORE + "TcpKeepalive": "keepalive_probes keepalive_time keepalive_interval",
    PROTOCOLS: "common_http_protocol_options explicit_http_config",
    PROTOCOLS + ".ExplicitHttpConfig": "http_protocol_options http2_protocol_options",
    CORE + "HttpProtocolOptions": (
        "idle_timeout max_connection_duration max_headers_count max_response_headers_kb max_stream_duration "
        "max_requests_per_connection"
    ),
    CORE + "Http1ProtocolOptions": "",
    CORE + "Http2ProtocolOptions": (
        "max_concurrent_streams initial_stream_window_size initial_connection_window_size connection_keepalive"
    ),
    CORE + "KeepaliveSettings": "interval timeout interval_jitter connection_idle_interval",
    # Endpoints of clusters that a design adds: public addresses only
    ENDPOINT + "ClusterLoadAssignment": "cluster_name endpoints policy",
    ENDPOINT + "ClusterLoadAssignment.Policy": "overprovisioning_factor",
    ENDPOINT + "LocalityLbEndpoints": "lb_endpoints load_balancing_weight priority locality",
    ENDPOINT + "LbEndpoint": "endpoint health_status load_balancing_weight",
    ENDPOINT + "Endpoint": "address hostname",
    CORE + "Locality": "region zone sub_zone",
    CORE + "Address": "socket_address",
    CORE + "SocketAddress": "address=public-address port_value",
    # TLS to hosts outside of the mesh; a design contains no private key
    CORE + "TransportSocket": "name typed_config",
    TLS + "UpstreamTlsContext": "common_tls_context sni auto_host_sni auto_sni_san_validation",
    TLS + "CommonTlsContext": "tls_params validation_context alpn_protocols",
    TLS + "TlsParameters": "tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites ecdh_curves",
    TLS + "CertificateValidationContext": (
        "trusted_ca system_root_certs match_typed_subject_alt_names verify_certificate_spki verify_certificate_hash "
        "max_verify_depth"
    ),
    TLS + "CertificateValidationContext.SystemRootCerts": "",
    TLS + "SubjectAltNameMatcher": "san_type matcher",
    CORE + "DataSource": "inline_string inline_bytes",
    # Listeners: the mesh has two; a design tunes them and adds filters to their connection manager
    LISTENER + "Listener": (
        "name per_connection_buffer_limit_bytes tcp_backlog_size max_connections_to_accept_per_socket_event "
        "filter_chains=one"
    ),
    LISTENER + "FilterChain": "filters=one",
    LISTENER + "Filter": "name typed_config",
    MANAGER + "HttpConnectionManager": (
        "http_filters common_http_protocol_options http2_protocol_options max_request_headers_kb stream_idle_timeout "
        "request_timeout request_headers_timeout drain_timeout delayed_close_timeout always_set_request_id_in_response"
    ),
    MANAGER + "HttpFilter": "name=filter-name typed_config disabled",
    # HTTP filters
    HTTP + "compressor.v3.Compressor": (
        "compressor_library request_direction_config response_direction_config choose_first"
    ),
    HTTP + "compressor.v3.Compressor.CommonDirectionConfig": "enabled min_content_length content_type",
    HTTP + "compressor.v3.Compressor.RequestDirectionConfig": "common_config",
    HTTP + "compressor.v3.Compressor.ResponseDirectionConfig": (
        "common_config disable_on_etag_header weaken_etag_on_compress remove_accept_encoding_header "
        "uncompressible_response_codes"
    ),
    HTTP + "compressor.v3.CompressorPerRoute": "disabled overrides",
    HTTP + "compressor.v3.CompressorOverrides": "response_direction_config",
    HTTP + "compressor.v3.ResponseDirectionOverrides": "remove_accept_encoding_header",
    CORE + "TypedExtensionConfig": "name typed_config",
    COMPRESSION + "gzip.compressor.v3.Gzip": (
        "memory_level compression_level compression_strategy window_bits chunk_size"
    ),
    COMPRESSION + "brotli.compressor.v3.Brotli": (
        "quality encoder_mode window_bits input_block_bits chunk_size disable_literal_context_modeling"
    ),
    HTTP + "cors.v3.Cors": "",
    HTTP + "cors.v3.CorsPolicy": (
        "allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials "
        "filter_enabled shadow_enabled"
    ),
    HTTP + "csrf.v3.CsrfPolicy": "filter_enabled shadow_enabled additional_origins",
    HTTP + "grpc_web.v3.GrpcWeb": "",
    HTTP + "buffer.v3.Buffer": "max_request_bytes",
    HTTP + "buffer.v3.BufferPerRoute": "disabled buffer",
    HTTP + "bandwidth_limit.v3.BandwidthLimit": (
        "stat_prefix=statistic enable_mode limit_kbps fill_interval runtime_enabled"
    ),
    HTTP + "local_ratelimit.v3.LocalRateLimit": (
        "stat_prefix=statistic status token_bucket filter_enabled filter_enforced response_headers_to_add "
        "local_rate_limit_per_downstream_connection enable_x_ratelimit_headers rate_limited_as_resource_exhausted"
    ),
    HTTP + "fault.v3.HTTPFault": "delay abort headers max_active_faults response_rate_limit",
    HTTP + "fault.v3.FaultAbort": "http_status grpc_status percentage",
    "envoy.extensions.filters.common.fault.v3.FaultDelay": "fixed_delay percentage",
    "envoy.extensions.filters.common.fault.v3.FaultRateLimit": "fixed_limit percentage",
    "envoy.extensions.filters.common.fault.v3.FaultRateLimit.FixedLimit": "limit_kbps",
    # Routes
    ROUTE + "RouteConfiguration": (
        "name virtual_hosts max_direct_response_body_size_bytes typed_per_filter_config=filter-keys "
        "request_mirror_policies most_specific_header_mutations_wins " + _HEADERS
    ),
    ROUTE + "VirtualHost": (
        "name domains routes typed_per_filter_config=filter-keys retry_policy hedge_policy request_mirror_policies "
        "include_request_attempt_count include_attempt_count_in_response include_is_timeout_retry_header "
        "per_request_buffer_limit_bytes request_body_buffer_limit " + _HEADERS
    ),
    ROUTE + "Route": (
        "name match route redirect direct_response typed_per_filter_config=filter-keys per_request_buffer_limit_bytes "
        "request_body_buffer_limit " + _HEADERS
    ),
    ROUTE + "RouteMatch": (
        "prefix path path_separated_prefix safe_regex case_sensitive runtime_fraction headers query_parameters grpc"
    ),
    ROUTE + "RouteMatch.GrpcRouteMatchOptions": "",
    ROUTE + "HeaderMatcher": (
        "name string_match range_match present_match invert_match treat_missing_header_as_empty"
    ),
    ROUTE + "QueryParameterMatcher": "name string_match present_match",
    ROUTE + "RouteAction": _ACTION + (
        " request_mirror_policies prefix_rewrite regex_rewrite host_rewrite_literal auto_host_rewrite"
    ),
    ROUTE + "WeightedCluster": "clusters total_weight header_name",
    ROUTE + "WeightedCluster.ClusterWeight": (
        "name=cluster weight typed_per_filter_config=filter-keys host_rewrite_literal " + _HEADERS
    ),
    ROUTE + "RouteAction.RequestMirrorPolicy": (
        "cluster=mesh-cluster runtime_fraction disable_shadow_host_suffix_append"
    ),
    ROUTE + "RouteAction.HashPolicy": "header cookie query_parameter connection_properties terminal",
    ROUTE + "RouteAction.HashPolicy.Header": "header_name",
    ROUTE + "RouteAction.HashPolicy.Cookie": "name ttl path",
    ROUTE + "RouteAction.HashPolicy.QueryParameter": "name",
    ROUTE + "RouteAction.HashPolicy.ConnectionProperties": "source_ip",
    ROUTE + "RouteAction.UpgradeConfig": "upgrade_type=websocket enabled",
    ROUTE + "RouteAction.MaxStreamDuration": "max_stream_duration grpc_timeout_header_max grpc_timeout_header_offset",
    ROUTE + "HedgePolicy": "hedge_on_per_try_timeout",
    ROUTE + "RetryPolicy": (
        "retry_on num_retries per_try_timeout per_try_idle_timeout host_selection_retry_max_attempts "
        "retriable_status_codes retry_back_off retriable_headers retriable_request_headers"
    ),
    ROUTE + "RetryPolicy.RetryBackOff": "base_interval max_interval",
    ROUTE + "RedirectAction": (
        "https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite regex_rewrite "
        "response_code strip_query"
    ),
    ROUTE + "DirectResponseAction": "status body",
    # Small shapes
    CORE + "HeaderValueOption": "header append_action keep_empty_value",
    CORE + "HeaderValue": "key=header value=format",
    CORE + "RuntimeFractionalPercent": "default_value",
    CORE + "RuntimeFeatureFlag": "default_value",
    MATCHER + "RegexMatcher": "regex=regex",
    MATCHER + "RegexMatchAndSubstitute": "pattern substitution",
    MATCHER + "StringMatcher": "exact prefix suffix safe_regex contains ignore_case",
    TYPE + "FractionalPercent": "numerator denominator",
    TYPE + "Percent": "value",
    TYPE + "Int64Range": "start end",
    TYPE + "HttpStatus": "code",
    TYPE + "TokenBucket": "max_tokens tokens_per_fill fill_interval",
}  # fmt: skip

CLUSTER_OF_THE_MESH = {CLUSTER + "Cluster": _CLUSTER}
"""for a cluster of the mesh: its endpoints and its TLS cannot be changed"""
CLUSTER_BESIDE = {CLUSTER + "Cluster": _CLUSTER + " type=static load_assignment transport_socket"}
"""for a cluster that a design adds, outside of the mesh"""
INBOUND_ROUTES = {
    # A caller was authorized for the path of its request, and is routed to the app alone.
    ROUTE + "VirtualHost": MESSAGES[ROUTE + "VirtualHost"]
    .replace("name domains", "name=inbound").replace(" request_mirror_policies", ""),
    ROUTE + "RouteConfiguration": MESSAGES[ROUTE + "RouteConfiguration"].replace(" request_mirror_policies", ""),
    ROUTE + "RouteAction": _ACTION.replace("cluster=cluster weighted_clusters", "cluster=app"),
}  # fmt: skip
"""for the routes by which calls reach a workload"""

FILTERS = (
    HTTP + "compressor.v3.Compressor",
    HTTP + "cors.v3.Cors",
    HTTP + "csrf.v3.CsrfPolicy",
    HTTP + "grpc_web.v3.GrpcWeb",
    HTTP + "buffer.v3.Buffer",
    HTTP + "bandwidth_limit.v3.BandwidthLimit",
    HTTP + "local_ratelimit.v3.LocalRateLimit",
    HTTP + "fault.v3.HTTPFault",
)
PER_ROUTE = (
    HTTP + "compressor.v3.CompressorPerRoute",
    HTTP + "cors.v3.CorsPolicy",
    HTTP + "csrf.v3.CsrfPolicy",
    HTTP + "buffer.v3.BufferPerRoute",
    HTTP + "bandwidth_limit.v3.BandwidthLimit",
    HTTP + "local_ratelimit.v3.LocalRateLimit",
    HTTP + "fault.v3.HTTPFault",
)
EXTENSIONS = {
    LISTENER + "Filter.typed_config": (MANAGER + "HttpConnectionManager",),
    MANAGER + "HttpFilter.typed_config": FILTERS,
    CORE + "TypedExtensionConfig.typed_config": (
        COMPRESSION + "gzip.compressor.v3.Gzip",
        COMPRESSION + "brotli.compressor.v3.Brotli",
    ),
    CORE + "TransportSocket.typed_config": (TLS + "UpstreamTlsContext",),
    CLUSTER + "Cluster.typed_extension_protocol_options": (PROTOCOLS,),
    ROUTE + "RouteConfiguration.typed_per_filter_config": PER_ROUTE,
    ROUTE + "VirtualHost.typed_per_filter_config": PER_ROUTE,
    ROUTE + "Route.typed_per_filter_config": PER_ROUTE,
    ROUTE + "WeightedCluster.ClusterWeight.typed_per_filter_config": PER_ROUTE,
}

FORMATS = frozenset({
    "BYTES_RECEIVED", "BYTES_SENT", "CONNECTION_ID", "DOWNSTREAM_LOCAL_ADDRESS", "DOWNSTREAM_LOCAL_PORT",
    "DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_REMOTE_ADDRESS", "DURATION", "GRPC_STATUS", "HOSTNAME", "PROTOCOL", "REQ",
    "REQUEST_DURATION", "REQUESTED_SERVER_NAME", "RESP", "RESPONSE_CODE", "RESPONSE_CODE_DETAILS",
    "RESPONSE_DURATION", "RESPONSE_FLAGS", "ROUTE_NAME", "START_TIME", "STREAM_ID", "TRACE_ID", "UPSTREAM_CLUSTER",
    "UPSTREAM_HOST", "UPSTREAM_REQUEST_ATTEMPT_COUNT", "VIRTUAL_CLUSTER_NAME",
})  # fmt: skip
"""the commands that a header's value may contain; others read the environment, files or the metadata of the proxy"""

PROTECTED_HEADERS = ("x-forwarded-", "x-envoy-", "x-meshwright-", "x-real-ip", "forwarded", "via", ":", "host")
"""prefixes of the names of headers that identify the caller, its address and the original request"""

HAZARDS = (
    (r"file|path_config|watched_directory|(log|key)_path|key_log|\bpipe$|filepath", "names a file of the host"),
    (r"environment", "reads the environment of the proxy"),
    (r"lua|wasm|golang|dynamic_module|_modules?\.", "runs code inside of the proxy"),
    (r"access_log", "writes data about the traffic to a separate place; use the intent access-log"),
    (r"grpc_service|google_grpc|envoy_grpc|http_service|ext_authz|ext_proc|external|event_|\btap\b|tracing|als|lrs_",
     "makes the proxy send data about its traffic to another host"),
    (r"sds|tls_certificate|private_key|secret|validation_context",
     "names keys; those come from the control plane alone"),
    (r"eds_|_discovery|config_source|rds|vhds|cluster_specifier|dns|original_dst|dynamic_forward|cluster_type",
     "loads its content from elsewhere than the control plane"),
    (r"transport_socket|rbac|filter_chain|client_cert|xff|remote_address|load_assignment|cluster\.type|rewrite|slash",
     "is a part of the mesh's security"),
    (r"address|bind|socket_options|internal_listener", "opens or names a place on the host"),
    (r"stat_prefix|alt_stat|observability|virtual_clusters", "changes what is counted under whose name"),
    (r"admin|bootstrap|static_resources|layered_runtime|runtime_key", "belongs to the start of the proxy"),
)  # fmt: skip
"""the reason why something that is not listed is dangerous, by a part of its name; only for the text of the refusal"""
