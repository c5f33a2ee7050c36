"""One intent of each kind, for services that every sample mesh has: `web`, `reviews` (v1, v2, v3) and `ratings`.

Invariant: every kind of the contract is here, so an adapter that lists an intent is asked to translate it.
"""

from meshwright.schemas import intents

_HEADER = intents.HeaderMatch(name="x-user", exact="tester")
SAMPLES: tuple[intents.AnyIntent, ...] = (
    intents.MutualTls(mode="permissive", service="ratings"),
    intents.TrafficSplit(
        service="reviews",
        backends=[intents.Backend(version="v1", weight=90), intents.Backend(version="v2", weight=10)],
    ),
    intents.HeaderRoute(service="reviews", header=_HEADER, version="v2"),
    intents.Mirror(service="reviews", version="v2", percent=10),
    intents.Retry(service="reviews", attempts=3),
    intents.Timeout(service="reviews", timeout="1500ms"),
    intents.FaultDelay(service="reviews", delay="2s", percent=10),
    intents.FaultAbort(service="reviews", status=503, percent=10),
    intents.RateLimit(service="ratings", requests=100, per="1m"),
    intents.CircuitBreaker(service="ratings", max_connections=10),
    intents.Allow(source="reviews", service="ratings", methods=["GET"], path_prefixes=["/ratings"]),
    intents.DenyAll(service="ratings"),
    intents.EgressControl(hosts=["example.org"]),
    intents.AccessLog(service="ratings"),
    intents.LoadBalancing(service="reviews", policy="ring-hash", hash_header="x-user"),
    intents.Ingress(host="shop.example", service="web"),
)
