"""Rate limits: Envoy's own local limit before each instance, by an EnvoyFilter, since Istio has no word for it.

Invariant: the limit counts all requests that reach an instance of the service, so there is one bucket: it stands at the
one port on which the workloads take requests.
"""

from meshwright.adapters.istio.facts import CLASSIC, IstioFacts
from meshwright.adapters.istio.intents import policies, values
from meshwright.adapters.istio.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import RateLimit, Resource

_FILTER = "envoy.filters.http.local_ratelimit"
_TYPE = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_MANAGER = "envoy.filters.network.http_connection_manager"
_SHORTEST = 0.05
"""seconds; Envoy refills no bucket more often"""
_ALL: Json = {"numerator": 100, "denominator": "HUNDRED"}


def rate_limit(facts: IstioFacts, service: Service, limit: RateLimit) -> Resource:
    """The limit before each instance of a service. Raises CannotExpress."""
    if facts.mode_of(service) == "ambient":
        raise CannotExpress(
            f"{service} is enrolled in ambient, where a waypoint stands before all instances at once",
            "enrol it with sidecars, or limit it where it runs",
        )
    if seconds(limit.per) < _SHORTEST:
        raise CannotExpress(f"Envoy refills a bucket every 50 ms at most, and {limit.per} is shorter", "count per 1s")
    spec = specification(policies.selector(service)["matchLabels"], _port(service), limit)
    name = values.object_name(service.name, "rate-limit")
    return values.resource(CLASSIC, "v1alpha3", "EnvoyFilter", service.namespace, name, spec)


def specification(labels: Json, port: int, limit: RateLimit) -> Json:
    """The limit of workloads with these labels, at their port. Raises CannotExpress."""
    bucket = {
        "max_tokens": values.uint32(limit.requests, "requests"),
        "tokens_per_fill": limit.requests,
        "fill_interval": values.duration(limit.per),
    }
    config: Json = {
        "@type": _TYPE,
        "stat_prefix": "rate_limit",
        "token_bucket": bucket,
        "filter_enabled": {"runtime_key": "local_rate_limit_enabled", "default_value": _ALL},
        "filter_enforced": {"runtime_key": "local_rate_limit_enforced", "default_value": _ALL},
    }
    chain = {"filter": {"name": _MANAGER, "subFilter": {"name": "envoy.filters.http.router"}}}
    patch: Json = {
        "applyTo": "HTTP_FILTER",
        "match": {
            "context": "SIDECAR_INBOUND",
            "listener": {"portNumber": port, "filterChain": chain},
        },
        "patch": {"operation": "INSERT_BEFORE", "value": {"name": _FILTER, "typed_config": config}},
    }
    return {"workloadSelector": {"labels": labels}, "configPatches": [patch]}


def _port(service: Service) -> int:
    ports = sorted({each.container for each in service.http_ports})
    if not ports:
        raise CannotExpress(f"no port of {service} carries HTTP by its name", "name a port http, http2 or grpc")
    if len(ports) > 1:
        raise CannotExpress(
            f"{service} takes requests on {len(ports)} ports of its workloads, and each would count for itself",
            "make a service of each port, or name the others tcp",
        )
    if not ports[0]:
        raise CannotExpress(
            f"the workloads of {service} give its port different numbers", "use one container port in all versions"
        )
    return ports[0]
