"""How calls reach a workload: mutual TLS, then who may call, then how often, then the app.

Invariant: the listener always has all filters and the routes say what they do, so a changed policy never
drains a connection. Without a permissive intent nobody without a certificate of this mesh gets in.
"""

from meshwright.adapters.envoy.desired import DesiredState, Member
from meshwright.adapters.envoy.policies import Policy
from meshwright.adapters.envoy.resources import names, parts
from meshwright.adapters.envoy.resources.parts import Json
from meshwright.schemas.intents import Allow, RateLimit

_RBAC = "envoy.extensions.filters.http.rbac.v3."
_LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_LOG_FIELDS = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "caller": "%DOWNSTREAM_PEER_URI_SAN%",
    "request_id": "%REQ(X-REQUEST-ID)%",
}


def listener(member: Member, policy: Policy) -> Json:
    """Where the other sidecars send their calls."""
    host = member.spec.address if parts.is_ip(member.spec.address) else "0.0.0.0"  # noqa: S104 - a name is not bindable
    manager = _manager(policy)
    secured: Json = {"filters": [manager], "transport_socket": _tls()}
    body: Json = {"name": names.INBOUND, **parts.listening(host, member.ports.inbound)}
    if not policy.permissive:
        return {**body, "filter_chains": [secured]}
    inspector = parts.typed("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector")
    return {
        **body,
        "listener_filters": [{"name": "envoy.filters.listener.tls_inspector", "typed_config": inspector}],
        "filter_chains": [
            {"filter_chain_match": {"transport_protocol": "tls"}, **secured},
            {"filter_chain_match": {"transport_protocol": "raw_buffer"}, "filters": [manager]},
        ],
    }


def routes(state: DesiredState, callers: dict[str, list[str]], policy: Policy) -> Json:
    """All calls go to the app, if the policy lets them. `callers` are the workloads of each service."""
    host: Json = {
        "name": names.INBOUND,
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": names.APP, "timeout": "0s"}}],
    }
    rules: Json = {}
    if policy.guarded:
        rules[names.ACCESS] = _access(state, callers, policy.allows)
    if policy.rate_limit:
        rules[names.RATE_LIMIT] = _rate_limit(policy.rate_limit)
    if rules:
        host["typed_per_filter_config"] = rules
    return {"name": names.INBOUND, "virtual_hosts": [host]}


def _manager(policy: Policy) -> Json:
    settings: Json = {}
    if policy.access_log:
        log = parts.typed(
            "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", log_format={"json_format": _LOG_FIELDS}
        )
        settings["access_log"] = [{"name": "envoy.access_loggers.stdout", "typed_config": log}]
    return parts.connection_manager(
        stat_prefix=names.INBOUND,
        rds={"route_config_name": names.INBOUND, "config_source": parts.ads()},
        http_filters=[
            parts.http_filter(names.ACCESS, _RBAC + "RBAC"),
            parts.http_filter(names.RATE_LIMIT, _LIMIT, stat_prefix="rate_limit"),
            parts.router(),
        ],
        forward_client_cert_details="SANITIZE_SET",
        set_current_client_cert_details={"uri": True},
        normalize_path=True,
        merge_slashes=True,
        **settings,
    )


def _tls() -> Json:
    context = parts.typed(
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        require_client_certificate=True,
        common_tls_context={
            "tls_params": parts.tls_1_3(),
            "tls_certificate_sds_secret_configs": [parts.secret(names.IDENTITY)],
            "validation_context_sds_secret_config": parts.secret(names.TRUST_BUNDLE),
        },
    )
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _access(state: DesiredState, callers: dict[str, list[str]], allows: list[Allow]) -> Json:
    policies = {}
    for index, allow in enumerate(allows):
        identities = [state.spiffe_id(workload) for workload in callers.get(allow.source, [])]
        if identities:
            policies[f"{allow.source}-{index}"] = {
                "permissions": _permissions(allow),
                "principals": [{"authenticated": {"principal_name": {"exact": identity}}} for identity in identities],
            }
    # ALLOW with no policy refuses everybody: that is deny-all.
    return parts.typed(_RBAC + "RBACPerRoute", rbac={"rules": {"action": "ALLOW", "policies": policies}})


def _permissions(allow: Allow) -> list[Json]:
    both: list[Json] = []
    if allow.methods:
        methods = [{"header": {"name": ":method", "string_match": {"exact": each}}} for each in allow.methods]
        both.append({"or_rules": {"rules": methods}})
    if allow.path_prefixes:
        paths = [{"url_path": {"path": {"prefix": each}}} for each in allow.path_prefixes]
        both.append({"or_rules": {"rules": paths}})
    return [{"and_rules": {"rules": both}}] if both else [{"any": True}]


def _rate_limit(limit: RateLimit) -> Json:
    return parts.typed(
        _LIMIT,
        stat_prefix="rate_limit",
        token_bucket={
            "max_tokens": limit.requests,
            "tokens_per_fill": limit.requests,
            "fill_interval": parts.duration(limit.per),
        },
        filter_enabled=parts.share(100),
        filter_enforced=parts.share(100),
    )
