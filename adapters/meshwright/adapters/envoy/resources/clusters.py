"""Clusters: the versions of services as a caller sees them, and the app behind a sidecar.

Invariant: a caller accepts only the identities of the cluster's workloads, so one workload cannot impersonate another,
whatever address it answers on.
"""

from meshwright.adapters.envoy.resources import names, parts
from meshwright.adapters.envoy.resources.parts import Json
from meshwright.adapters.envoy.resources.policies import Policy
from meshwright.adapters.envoy.state.desired import DesiredState, Member
from meshwright.schemas.intents import CircuitBreaker, OutlierDetection

_BALANCING = {
    "round-robin": "ROUND_ROBIN",
    "least-request": "LEAST_REQUEST",
    "random": "RANDOM",
    "ring-hash": "RING_HASH",
}
_THRESHOLDS = ("max_connections", "max_pending_requests", "max_requests", "max_retries")


def of_version(state: DesiredState, service: str, version: str, members: list[Member], policy: Policy) -> Json:
    """The cluster of one version of a service, reached through the sidecars of its workloads."""
    body = _cluster(
        names.cluster(service, version), [(member.spec.address, member.ports.inbound) for member in members]
    )
    body["transport_socket"] = _tls([state.spiffe_id(member.spec.name) for member in members])
    if policy.balancing:
        body["lb_policy"] = _BALANCING[policy.balancing.policy]
    if policy.breaker:
        body.update(_breaker(policy.breaker))
    return body


def of_app(member: Member) -> Json:
    """The cluster of the workload itself, for its own sidecar."""
    return _cluster(names.APP, [(member.spec.address, member.spec.port)])


def _cluster(name: str, places: list[tuple[str, int]]) -> Json:
    by_name = any(not parts.is_ip(host) for host, _ in places)
    endpoints = [parts.endpoint(host, port) for host, port in places]
    return {
        "name": name,
        "type": "STRICT_DNS" if by_name else "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "typed_extension_protocol_options": parts.http_protocols(),
    }


def _tls(identities: list[str]) -> Json:
    accepted = [{"san_type": "URI", "matcher": {"exact": identity}} for identity in identities]
    context = parts.typed(
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        common_tls_context={
            "tls_params": parts.tls_1_3(),
            "tls_certificate_sds_secret_configs": [parts.secret(names.IDENTITY)],
            "combined_validation_context": {
                "default_validation_context": {"match_typed_subject_alt_names": accepted},
                "validation_context_sds_secret_config": parts.secret(names.TRUST_BUNDLE),
            },
        },
    )
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _breaker(breaker: CircuitBreaker) -> Json:
    body: Json = {}
    limits = {name: value for name in _THRESHOLDS if (value := getattr(breaker, name)) is not None}
    if limits:
        body["circuit_breakers"] = {"thresholds": [limits]}
    if breaker.outlier_detection:
        body["outlier_detection"] = _outliers(breaker.outlier_detection)
        # otherwise Envoy calls ejected instances as soon as more than half of them are ejected
        body["common_lb_config"] = {"healthy_panic_threshold": {"value": 0}}
    return body


def _outliers(detection: OutlierDetection) -> Json:
    return {
        "consecutive_5xx": detection.consecutive_errors,
        "interval": parts.duration(detection.interval),
        "base_ejection_time": parts.duration(detection.ejection_time),
        "max_ejection_percent": detection.max_ejection_percent,
        "enforcing_consecutive_5xx": 100,
    }
