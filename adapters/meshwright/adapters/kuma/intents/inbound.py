"""Faults, rate limits and access logs: what the proxies of a service's own pods do with whoever calls them."""

from collections.abc import Sequence

from meshwright.adapters.kuma.facts import KumaFacts
from meshwright.adapters.kuma.intents import values
from meshwright.adapters.kuma.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import AccessLog, AnyIntent, FaultAbort, FaultDelay, RateLimit, Resource

_FAULT_RULES_SINCE = "2.13"
_SHORTEST_S = 0.05
_LOGGED = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "authority": "%REQ(:AUTHORITY)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "source": "%KUMA_SOURCE_SERVICE%",
    "destination": "%KUMA_DESTINATION_SERVICE%",
    "mesh": "%KUMA_MESH%",
}


def faults(facts: KumaFacts, service: Service, intents: Sequence[AnyIntent]) -> Resource:
    """All faults of a design for a service. Raises CannotExpress."""
    injected: list[Json] = []
    for each in intents:
        if not isinstance(each, FaultDelay | FaultAbort):
            continue
        if each.header:
            raise CannotExpress(
                "Kuma injects faults into all requests to a proxy, and does not tell them apart by a header",
                "lead requests with the header to a version of their own by a header-route, which has the fault",
            )
        share = {"percentage": values.percentage(each.percent)}
        if isinstance(each, FaultDelay):
            injected.append({"delay": {"value": values.duration(each.delay), **share}})
        else:
            injected.append({"abort": {"httpStatus": each.status, **share}})
    if numbers(facts.version) < numbers(_FAULT_RULES_SINCE):
        origin = {"targetRef": {"kind": "Mesh"}, "default": {"http": injected}}
        spec: Json = {"targetRef": facts.own_proxies(service), "from": [origin]}
        return values.policy(facts, "MeshFaultInjection", service.namespace, service.name, spec)
    return values.inbound(facts, "MeshFaultInjection", service, {"http": injected})


def rate_limit(facts: KumaFacts, service: Service, wish: RateLimit) -> Resource:
    """A limit for each instance. Raises CannotExpress."""
    if seconds(wish.per) <= _SHORTEST_S:
        raise CannotExpress(f"Kuma counts requests over more than 50 ms, and not over {wish.per}", "say it per second")
    http: Json = {
        "requestRate": {"num": wish.requests, "interval": values.duration(wish.per)},
        "onRateLimit": {"status": 429},
    }
    return values.inbound(facts, "MeshRateLimit", service, {"local": {"http": http}})


def access_log(facts: KumaFacts, service: Service | None, _wish: AccessLog) -> Resource:
    """A line of JSON for each request that arrives, on the output of the proxy."""
    keys = [{"key": key, "value": value} for key, value in _LOGGED.items()]
    file: Json = {"path": "/dev/stdout", "format": {"type": "Json", "json": keys}}
    default: Json = {"backends": [{"type": "File", "file": file}]}
    if service is None:
        return values.of_mesh(facts, "MeshAccessLog", {"rules": [{"default": default}]})
    return values.inbound(facts, "MeshAccessLog", service, default)
