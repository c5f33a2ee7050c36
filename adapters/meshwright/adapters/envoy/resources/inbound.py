"""Inbound calls of a workload: mutual TLS, membership of the caller in the mesh, authorization, rate limit, the app.

Invariant: the listener always has all filters and the routes configure them, so a changed policy drains no connection,
except that a service which becomes strict drains its plain-text ones. Without a permissive intent only clients with a
certificate of this mesh are accepted; with one of a workload that was withdrawn the routes refuse every request.
"""

from meshwright.adapters.envoy.resources import names, parts
from meshwright.adapters.envoy.resources.parts import Json
from meshwright.adapters.envoy.resources.policies import Policy
from meshwright.adapters.envoy.state.desired import DesiredState, Member
from meshwright.schemas.intents import Allow, RateLimit

_RBAC = "envoy.extensions.filters.http.rbac.v3."
_LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_ANY: Json = {"any": True}
_PLAIN: Json = {"not_id": {"authenticated": {}}}
"""callers without TLS"""
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
    """The listener for calls from other sidecars.

    The part for TLS is the same in both modes, so Envoy keeps its connections when the mode changes.
    """
    host = member.spec.address if parts.is_ip(member.spec.address) else "0.0.0.0"  # noqa: S104 - a name is not bindable
    inspector = parts.typed("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector")
    chains = [{**_chain("tls", names.INBOUND), "transport_socket": _tls()}]
    if policy.permissive:
        chains.append(_chain("raw_buffer", names.PLAIN))
    return {
        "name": names.INBOUND,
        **parts.listening(host, member.ports.inbound),
        "listener_filters": [{"name": "envoy.filters.listener.tls_inspector", "typed_config": inspector}],
        "filter_chains": chains,
    }


def members(state: DesiredState) -> list[Json]:
    """All present members of the mesh, as principals."""
    return [_principal(state.spiffe_id(name)) for name in sorted(state.workloads)]


def routes(state: DesiredState, callers: dict[str, list[str]], policy: Policy, members: list[Json]) -> Json:
    """The routes of all members' calls to the app, subject to the policy. `callers` are the workloads of each
    service.
    """
    rules: Json = {names.MEMBERS: _members(members, policy.permissive)}
    if policy.access_log:
        rules[names.ACCESS_LOG] = _rules("LOG", {"all": {"permissions": [_ANY], "principals": [_ANY]}})
    if policy.guarded:
        rules[names.ACCESS] = _access(state, callers, policy.allows)
    if policy.rate_limit:
        rules[names.RATE_LIMIT] = _rate_limit(policy.rate_limit)
    host: Json = {
        "name": names.INBOUND,
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": names.APP, "timeout": "0s"}}],
        "typed_per_filter_config": rules,
    }
    return {"name": names.INBOUND, "virtual_hosts": [host]}


def _chain(transport: str, statistics: str) -> Json:
    manager = parts.connection_manager(
        stat_prefix=statistics,
        rds={"route_config_name": names.INBOUND, "config_source": parts.ads()},
        http_filters=[
            parts.http_filter(names.ACCESS_LOG, _RBAC + "RBAC"),
            parts.http_filter(names.MEMBERS, _RBAC + "RBAC"),
            parts.http_filter(names.ACCESS, _RBAC + "RBAC"),
            parts.http_filter(names.RATE_LIMIT, _LIMIT, stat_prefix="rate_limit"),
            parts.router(),
        ],
        forward_client_cert_details="SANITIZE_SET",
        set_current_client_cert_details={"uri": True},
        normalize_path=True,
        merge_slashes=True,
        access_log=[_access_log()],
    )
    return {"name": statistics, "filter_chain_match": {"transport_protocol": transport}, "filters": [manager]}


def _access_log() -> Json:
    """A log line for each request of a route that enables it."""
    log = parts.typed(
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", log_format={"json_format": _LOG_FIELDS}
    )
    asked = {"filter": "envoy.common", "path": [{"key": "access_log_hint"}], "value": {"bool_match": True}}
    wanted = {"metadata_filter": {"matcher": asked, "match_if_key_not_found": False}}
    return {"name": "envoy.access_loggers.stdout", "filter": wanted, "typed_config": log}


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


def _members(members: list[Json], permissive: bool) -> Json:
    principals = [*members, _PLAIN] if permissive else members
    # without members nobody is admitted
    return _rules("ALLOW", {"members": {"permissions": [_ANY], "principals": principals}} if principals else {})


def _access(state: DesiredState, callers: dict[str, list[str]], allows: list[Allow]) -> Json:
    policies = {}
    for index, allow in enumerate(allows):
        principals = [_principal(state.spiffe_id(workload)) for workload in callers.get(allow.source, [])]
        if principals:
            policies[f"{allow.source}-{index}"] = {"permissions": _permissions(allow), "principals": principals}
    # ALLOW with no policy refuses every caller: this is deny-all
    return _rules("ALLOW", policies)


def _rules(action: str, policies: Json) -> Json:
    return parts.typed(_RBAC + "RBACPerRoute", rbac={"rules": {"action": action, "policies": policies}})


def _principal(identity: str) -> Json:
    return {"authenticated": {"principal_name": {"exact": identity}}}


def _permissions(allow: Allow) -> list[Json]:
    both: list[Json] = []
    if allow.methods:
        methods = [{"header": {"name": ":method", "string_match": {"exact": each}}} for each in allow.methods]
        both.append({"or_rules": {"rules": methods}})
    if allow.path_prefixes:
        paths = [{"url_path": {"path": {"prefix": each}}} for each in allow.path_prefixes]
        both.append({"or_rules": {"rules": paths}})
    return [{"and_rules": {"rules": both}}] if both else [_ANY]


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
