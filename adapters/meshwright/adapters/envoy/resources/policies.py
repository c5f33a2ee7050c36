"""The policy of a service: all intents about it in one value.

Invariant: a policy contains everything that the intents ask of a service and nothing else; the compilers in
`resources/` read policies only, so the order in which designs were applied cannot change the outcome.
"""

import msgspec

from meshwright.schemas.intents import (
    AccessLog,
    Allow,
    AnyIntent,
    CircuitBreaker,
    DenyAll,
    FaultAbort,
    FaultDelay,
    HeaderRoute,
    LoadBalancing,
    Mirror,
    MutualTls,
    RateLimit,
    Retry,
    Timeout,
    TrafficSplit,
)


class Policy(msgspec.Struct, kw_only=True):
    """The policy of one service. With `guarded` only `allows` may call it."""

    split: TrafficSplit | None = None
    header_routes: list[HeaderRoute] = []
    mirrors: list[Mirror] = []
    retry: Retry | None = None
    timeout: Timeout | None = None
    delay: FaultDelay | None = None
    abort: FaultAbort | None = None
    rate_limit: RateLimit | None = None
    breaker: CircuitBreaker | None = None
    balancing: LoadBalancing | None = None
    allows: list[Allow] = []
    guarded: bool = False
    permissive: bool = False
    access_log: bool = False


_SINGLE = {
    TrafficSplit: "split",
    Retry: "retry",
    Timeout: "timeout",
    FaultDelay: "delay",
    FaultAbort: "abort",
    RateLimit: "rate_limit",
    CircuitBreaker: "breaker",
    LoadBalancing: "balancing",
}
_MANY = {HeaderRoute: "header_routes", Mirror: "mirrors", Allow: "allows"}


def gather(services: list[str], intents: list[AnyIntent]) -> dict[str, Policy]:
    """One policy per service. An intent without a service applies to all; one for a service overrides it."""
    policies = {service: Policy() for service in services}
    for intent in sorted(intents, key=_is_particular):
        for service in _concerned(intent, services):
            _add(policies[service], intent)
    return policies


def _is_particular(intent: AnyIntent) -> bool:
    return getattr(intent, "service", None) is not None


def _concerned(intent: AnyIntent, services: list[str]) -> list[str]:
    if isinstance(intent, MutualTls | DenyAll | AccessLog) and intent.service is None:
        return services
    service = getattr(intent, "service", None)
    return [service] if service in services else []


def _add(policy: Policy, intent: AnyIntent) -> None:
    kind = type(intent)
    if kind in _SINGLE:
        setattr(policy, _SINGLE[kind], intent)
    elif kind in _MANY:
        getattr(policy, _MANY[kind]).append(intent)
    if isinstance(intent, Allow | DenyAll):
        policy.guarded = True
    elif isinstance(intent, MutualTls):
        policy.permissive = intent.mode == "permissive"
    elif isinstance(intent, AccessLog):
        policy.access_log = True
