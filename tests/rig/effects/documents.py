"""The designs that every mesh is given: `web` calls `reviews` (v1 twice, v2 once) and `ratings`.

Invariant: every intent of the contract is in one of them, and no document names anything of one mesh alone.
"""

from meshwright.schemas.designs import Design
from meshwright.schemas.intents import (
    AccessLog,
    Allow,
    Backend,
    CircuitBreaker,
    DenyAll,
    EgressControl,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    Ingress,
    LoadBalancing,
    Mirror,
    MutualTls,
    OutlierDetection,
    RateLimit,
    Retry,
    Timeout,
    TrafficSplit,
)

OUTSIDE, OTHER_OUTSIDE = "api.example.com", "other.example.com"
"""hosts that no mesh knows by itself"""
SHOP = "shop.example.com"


def split(first: int) -> TrafficSplit:
    """So many percent of `reviews` to v1, the rest to v2."""
    backends = [Backend(version="v1", weight=first), Backend(version="v2", weight=100 - first)]
    return TrafficSplit(service="reviews", backends=backends)


STRICT = Design(id="mutual-tls", intents=[MutualTls(mode="strict", service="ratings")])
PERMISSIVE = Design(id="mutual-tls", intents=[MutualTls(mode="permissive", service="ratings")])
CANARY = Design(id="split", intents=[split(90)])
STABLE = Design(id="split", intents=[split(100)])
TESTERS = Design(
    id="header-route",
    intents=[
        split(100),
        HeaderRoute(service="reviews", header=HeaderMatch(name="x-user", prefix="tester"), version="v2"),
    ],
)
MIRROR = Design(id="mirror", intents=[split(100), Mirror(service="reviews", version="v2")])
RETRY = Design(id="retry", intents=[Retry(service="ratings", attempts=2)])
TIMEOUT = Design(id="timeout", intents=[Timeout(service="reviews", timeout="300ms")])
DELAY = Design(
    id="fault-delay",
    intents=[FaultDelay(service="reviews", delay="400ms", header=HeaderMatch(name="x-late", exact="yes"))],
)
ABORT = Design(id="fault-abort", intents=[FaultAbort(service="reviews", status=418, percent=50)])
FAULTS = Design(
    id="faults",
    intents=[
        FaultDelay(service="ratings", delay="300ms", header=HeaderMatch(name="x-late", exact="1")),
        FaultAbort(service="ratings", status=503, header=HeaderMatch(name="x-broken", exact="1")),
    ],
)
RATE_LIMIT = Design(id="rate-limit", intents=[RateLimit(service="ratings", requests=5, per="1h")])
WIDER_LIMIT = Design(id="rate-limit", intents=[RateLimit(service="ratings", requests=7, per="1h")])
BREAKER = Design(
    id="circuit-breaker", intents=[CircuitBreaker(service="ratings", max_connections=1, max_pending_requests=1)]
)
OUTLIERS = Design(
    id="outliers",
    intents=[
        CircuitBreaker(
            service="ratings",
            outlier_detection=OutlierDetection(consecutive_errors=2, interval="100ms", max_ejection_percent=100),
        )
    ],
)
CLOSED = Design(id="deny-all", intents=[DenyAll(service="ratings")])
ONLY_REVIEWS = Design(
    id="allow",
    intents=[DenyAll(), Allow(source="reviews", service="ratings", methods=["GET"], path_prefixes=["/open"])],
)
EGRESS = Design(id="egress", intents=[EgressControl(hosts=[OUTSIDE])])
LOGGED = Design(id="access-log", intents=[AccessLog(service="ratings")])
STICKY = Design(
    id="load-balancing",
    intents=[LoadBalancing(service="reviews", policy="ring-hash", hash_header="x-user"), split(100)],
)
EXPOSED = Design(
    id="ingress",
    intents=[
        Ingress(host=SHOP, service="web"),
        Ingress(host=SHOP, service="reviews", path_prefix="/reviews"),
        split(100),
    ],
)

TOGETHER = Design(
    id="together",
    intents=[
        split(100),
        HeaderRoute(service="reviews", header=HeaderMatch(name="x-user", regex="tester-[0-9]+"), version="v2"),
        FaultDelay(service="reviews", delay="300ms", header=HeaderMatch(name="x-late", exact="1")),
        FaultAbort(service="reviews", status=418, header=HeaderMatch(name="x-broken", exact="1")),
        Timeout(service="reviews", timeout="600ms"),
        Retry(service="reviews", attempts=2, retry_on=["gateway-error"]),
    ],
)
"""all that can be said of requests to one service, of which each must hold whatever the others do"""
TRIES = Design(
    id="tries", intents=[Retry(service="ratings", attempts=1, per_try_timeout="300ms", retry_on=["gateway-error"])]
)
IN_FLIGHT = Design(id="circuit-breaker", intents=[CircuitBreaker(service="ratings", max_requests=2)])
MOSTLY_PERMISSIVE = Design(
    id="mutual-tls", intents=[MutualTls(mode="permissive"), MutualTls(mode="strict", service="ratings")]
)

CONTRADICTION = Design(
    id="header-route",
    intents=[
        HeaderRoute(service="reviews", header=HeaderMatch(name="x-user", exact="ann"), version=version)
        for version in ("v1", "v2")
    ],
)

ALL = (
    STRICT, PERMISSIVE, CANARY, STABLE, TESTERS, MIRROR, RETRY, TIMEOUT, DELAY, ABORT, FAULTS, RATE_LIMIT,
    WIDER_LIMIT, BREAKER, OUTLIERS, CLOSED, ONLY_REVIEWS, EGRESS, LOGGED, STICKY, EXPOSED, TOGETHER, TRIES, IN_FLIGHT,
    MOSTLY_PERMISSIVE,
)  # fmt: skip
