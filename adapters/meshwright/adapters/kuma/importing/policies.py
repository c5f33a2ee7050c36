"""Policies of one service read back as intents: retries, time-outs, circuit breakers, load balancing, rate limits.

Problem: a policy may say more than an intent does. Invariant: an intent is given where what it would become is exactly
what the policy says, and otherwise nothing of the policy is taken.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.facts import KumaFacts
from meshwright.adapters.kuma.intents import inbound, outbound
from meshwright.core.kit.importing import Reading, Surroundings
from meshwright.core.kit.importing import Service as Around
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent, Resource

Json = dict[str, Any]
Parse = Callable[[str, Any], Json]
Make = Callable[[KumaFacts, Service, Any], Resource]
_RETRY_ON = {value: key for key, value in outbound.RETRY_ON.items()}
_LIMITS = {value: key for key, value in outbound.LIMITS.items()}
_BALANCERS = {value: key for key, value in outbound.BALANCERS.items()}
_PARTLY = "an intent says a part of it alone, or says it otherwise"


def retry(service: str, default: Any) -> Json:
    """The fields of a retry."""
    http = default["http"]
    said = {"attempts": http["numRetries"], "retry_on": [_RETRY_ON[each] for each in http["retryOn"]]}
    return {**said, "service": service, "per_try_timeout": http.get("perTryTimeout")}


def timeout(service: str, default: Any) -> Json:
    """The fields of a time-out."""
    return {"service": service, "timeout": default["http"]["requestTimeout"]}


def circuit_breaker(service: str, default: Any) -> Json:
    """The fields of a circuit breaker."""
    limits = {_LIMITS[key]: value for key, value in default.get("connectionLimits", {}).items()}
    found = default.get("outlierDetection")
    if found is None:
        return {"service": service, **limits}
    outliers = {
        "consecutive_errors": found["detectors"]["totalFailures"]["consecutive"],
        "interval": found["interval"],
        "ejection_time": found["baseEjectionTime"],
        "max_ejection_percent": found["maxEjectionPercent"],
    }
    return {"service": service, **limits, "outlier_detection": outliers}


def load_balancing(service: str, default: Any) -> Json:
    """The fields of a way to balance."""
    policies = default.get("hashPolicies")
    header = policies[0]["header"]["name"] if policies else None
    return {"service": service, "policy": _BALANCERS[default["loadBalancer"]["type"]], "hash_header": header}


def rate_limit(service: str, default: Any) -> Json:
    """The fields of a rate limit."""
    rate = default["local"]["http"]["requestRate"]
    return {"service": service, "requests": rate["num"], "per": rate["interval"]}


READERS: dict[str, tuple[type[Any], Parse, Make]] = {
    "MeshRetry": (wishes.Retry, retry, outbound.retry),
    "MeshTimeout": (wishes.Timeout, timeout, outbound.timeout),
    "MeshCircuitBreaker": (wishes.CircuitBreaker, circuit_breaker, outbound.circuit_breaker),
    "MeshLoadBalancingStrategy": (wishes.LoadBalancing, load_balancing, outbound.load_balancing),
    "MeshRateLimit": (wishes.RateLimit, rate_limit, inbound.rate_limit),
}


def reader(kind: str) -> Callable[[Reading, Surroundings], list[AnyIntent]]:
    """What reads a kind of policy."""
    wanted, parse, make = READERS[kind]

    def read(reading: Reading, around: Surroundings) -> list[AnyIntent]:
        spec = reading.manifest.spec
        service, default = _about(spec, reading, around)
        if service is None:
            reading.spec.leave("an intent is for one service that is here")
            return []
        try:
            wish: AnyIntent = msgspec.convert(parse(str(service), default), wanted)
            made = _default(make(KumaFacts(), _known(service), wish).body["spec"])
        except (LookupError, TypeError, AttributeError, ValueError, CannotExpress):
            made = None
        if made is None or made != default:
            reading.spec.leave(_PARTLY)
            return []
        if other := around.claim(kind, (service.namespace, service.name), reading.ref):
            reading.spec.leave(f"{other} says it already")
            return []
        reading.spec.express_whole()
        return [wish]

    return read


def _about(spec: Json, reading: Reading, around: Surroundings) -> tuple[Around | None, Any]:
    """The one service that a policy is for, and what it says of it."""
    top, to, rules = spec.get("targetRef") or {"kind": "Mesh"}, spec.get("to") or [], spec.get("rules") or []
    default = _default(spec)
    if len(to) == 1 and not rules and top == {"kind": "Mesh"}:
        target = to[0].get("targetRef") or {}
        labels = target.get("labels") or {}
        place = target.get("namespace") or labels.get(words.PLACE) or reading.namespace
        name = target.get("name") or labels.get(words.DISPLAY_NAME)
        mine = target.get("kind") == "MeshService" and not target.get("sectionName")
        return (around.service(str(place), str(name)) if mine else None), default
    if len(rules) == 1 and not to and not rules[0].get("matches") and top.get("kind") == "Dataplane":
        return around.selected(reading.namespace, top.get("labels") or {}), default
    return None, default


def _default(spec: Json) -> Any:
    items = [*(spec.get("to") or []), *(spec.get("rules") or [])]
    return items[0].get("default") if items and isinstance(items[0], dict) else None


def _known(service: Around) -> Service:
    return Service(namespace=service.namespace, name=service.name, selector=service.selector)
