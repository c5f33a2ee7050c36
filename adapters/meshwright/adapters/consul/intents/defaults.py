"""Protocols, mutual TLS and circuit breakers: the service-defaults of a service.

Problem: Consul takes a service for TCP until somebody says otherwise, and a limit on requests to a service stands with
those who call it. Invariant: there is one entry for a service; what others have said in it is kept where a design takes
it over, and left alone where it says what is needed already.
"""

from collections.abc import Sequence

from meshwright.adapters.consul.facts import ConsulFacts
from meshwright.adapters.consul.intents import values
from meshwright.adapters.consul.intents.values import Json
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.intents import AnyIntent, CircuitBreaker, MutualTls, OutlierDetection, Resource

_PERMISSIVE_SINCE = "1.16"
_EJECTING_SINCE = ("1.14.7", "1.15.3")
"""in the series 1.14, and after it"""


def service_defaults(facts: ConsulFacts, name: str, *, routed: bool, intents: Sequence[AnyIntent]) -> Resource | None:
    """What a design says of one service as such; None: nothing. Raises CannotExpress."""
    fields: Json = {}
    if routed and not facts.is_routed(name):
        if facts.protocol(name):
            raise CannotExpress(
                f"{name} speaks {facts.protocol(name)} by what others have set, and Consul routes no requests of that",
                "set its Protocol to http, http2 or grpc if that is what it speaks",
            )
        fields["Protocol"] = "http"
    for each in intents:
        if isinstance(each, MutualTls) and each.service == name and is_said(facts):
            fields["MutualTLSMode"] = each.mode
    overrides = [_override(facts, each) for each in intents if _calls(facts, name, each)]
    if overrides:
        fields["UpstreamConfig"] = {"Overrides": overrides}
    if not fields:
        return None
    return values.resource("service-defaults", name, _with(facts.kept("service-defaults", name), fields))


def proxy_defaults(facts: ConsulFacts, intents: Sequence[AnyIntent], *, logged: bool) -> Resource | None:
    """What a design says of all proxies; None: nothing. Raises CannotExpress."""
    fields: Json = {}
    for each in intents:
        if isinstance(each, MutualTls) and each.service is None and is_said(facts):
            fields["MutualTLSMode"] = each.mode
    if logged:
        fields["AccessLogs"] = {"Enabled": True}
    if not fields:
        return None
    return values.resource("proxy-defaults", "global", _with(facts.kept("proxy-defaults", "global"), fields))


def is_said(facts: ConsulFacts) -> bool:
    """Whether this Consul has a word for the mode: before, sidecars have taken mutual TLS alone."""
    return not facts.version or numbers(facts.version) >= numbers(_PERMISSIVE_SINCE)


def check_mode(facts: ConsulFacts, intent: MutualTls) -> None:
    """Raises CannotExpress."""
    if intent.mode == "permissive" and not is_said(facts):
        raise CannotExpress(
            f"sidecars of Consul {facts.version} take mutual TLS alone; permissive needs {_PERMISSIVE_SINCE}",
            f"upgrade Consul to {_PERMISSIVE_SINCE} or newer",
        )


def permission(facts: ConsulFacts) -> list[Resource]:
    """What Consul wants to be told before it takes any permissive mode."""
    key, there = "AllowEnablingPermissiveMutualTLS", facts.entry("mesh", "mesh")
    if there and there.body.get(key) and not there.taken:
        return []
    return [values.resource("mesh", "mesh", _with(facts.kept("mesh", "mesh"), {key: True}))]


def check_breaker(facts: ConsulFacts, intent: CircuitBreaker) -> None:
    """Raises CannotExpress."""
    if not facts.callers(intent.service):
        raise CannotExpress(
            f"no sidecar has {intent.service} among its upstreams, and in Consul a limit stands with who calls",
            f"register {intent.service} as an upstream of those who call it, and apply the design again",
        )


def _calls(facts: ConsulFacts, name: str, intent: AnyIntent) -> bool:
    return isinstance(intent, CircuitBreaker) and any(each.name == name for each in facts.callers(intent.service))


def _override(facts: ConsulFacts, intent: AnyIntent) -> Json:
    assert isinstance(intent, CircuitBreaker)
    if intent.max_retries is not None:
        raise CannotExpress(
            "Consul has no limit for retries that run at the same time", "limit the attempts of a retry intent instead"
        )
    limits: Json = {}
    if intent.max_connections is not None:
        limits["MaxConnections"] = values.limit(intent.max_connections, "max_connections")
    if intent.max_pending_requests is not None:
        limits["MaxPendingRequests"] = values.limit(intent.max_pending_requests, "max_pending_requests")
    if intent.max_requests is not None:
        limits["MaxConcurrentRequests"] = values.limit(intent.max_requests, "max_requests")
    override: Json = {"Name": intent.service}
    override |= {"Limits": limits} if limits else {}
    if intent.outlier_detection:
        override["PassiveHealthCheck"] = _outliers(facts, intent.outlier_detection)
    return override


def _outliers(facts: ConsulFacts, wish: OutlierDetection) -> Json:
    if facts.version and not _ejects(facts.version):
        since = " and ".join(_EJECTING_SINCE)
        raise CannotExpress(
            f"Consul {facts.version} cannot say how many instances may be ejected and for how long",
            f"upgrade Consul: {since} can",
        )
    return {
        "Interval": values.duration(wish.interval),
        "MaxFailures": values.limit(wish.consecutive_errors, "consecutive_errors"),
        "EnforcingConsecutive5xx": 100,
        "MaxEjectionPercent": wish.max_ejection_percent,
        "BaseEjectionTime": values.duration(wish.ejection_time),
    }


def _ejects(version: str) -> bool:
    old, new = (numbers(each) for each in _EJECTING_SINCE)
    number = numbers(version)
    return number >= new or (number[:2] == old[:2] and number >= old)


def _with(body: Json, fields: Json) -> Json:
    """What others have said, with this in it."""
    kept = {key: value for key, value in body.items() if key not in ("Kind", "Name")}
    if "UpstreamConfig" in kept and "UpstreamConfig" in fields:
        names = {each["Name"] for each in fields["UpstreamConfig"]["Overrides"]}
        others = [each for each in kept["UpstreamConfig"].get("Overrides", []) if each.get("Name") not in names]
        overrides = [*others, *fields["UpstreamConfig"]["Overrides"]]
        fields = {**fields, "UpstreamConfig": {**kept["UpstreamConfig"], "Overrides": overrides}}
    return {**kept, **fields}
