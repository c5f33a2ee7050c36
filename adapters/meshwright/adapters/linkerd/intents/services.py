"""Time-outs, retries and circuit breakers: annotations of a Service, by which the proxies of its clients go.

Invariant: of the Service nothing but these annotations is ours, and they go with the design. Linkerd takes them from
the Service as long as no route of it has some of the same kind; ours have none.
"""

from collections.abc import Sequence

from meshwright.adapters.linkerd.intents import values
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import AnyIntent, CircuitBreaker, Resource, Retry, Timeout

KINDS = (Timeout, Retry, CircuitBreaker)
ACCRUAL = "balancer.linkerd.io/failure-accrual"
_CONSECUTIVE = f"{ACCRUAL}-consecutive"
_USUAL_MAX_MS = 60_000
STATUSES = {"5xx": "5xx", "gateway-error": "gateway-error", "retriable-4xx": "409"}
"""of the reasons to try again, those that a response tells; Envoy's retriable 4xx is 409"""
_LIMITS = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
RETRY_NOTE = (
    "Linkerd tries again what comes back with such a status; a connection that breaks counts where the other proxy"
    " answers 502 for it, and requests with bodies of more than 64 KiB are not tried again"
)
BREAKER_NOTE = "Linkerd judges an instance with each response (5xx is a failure), so the interval has no meaning"


def annotations(service: Service, intents: Sequence[AnyIntent]) -> list[Resource]:
    """What the design says of requests to a service; empty when it says nothing. Raises CannotExpress."""
    said: dict[str, str] = {}
    for each in intents:
        if isinstance(each, Timeout):
            said["timeout.linkerd.io/request"] = values.duration(each.timeout)
        elif isinstance(each, Retry):
            said |= _retry(each)
        elif isinstance(each, CircuitBreaker):
            said |= _breaker(each)
    return [values.annotated("Service", "", service.namespace, service.name, said)] if said else []


def plainly(text: str) -> str:
    """A duration as translations write it; any other text as it is."""
    try:
        return values.duration(text) if text[:1].isdigit() and text[-1:].isalpha() else text
    except (CannotExpress, ValueError):
        return text


def _retry(wish: Retry) -> dict[str, str]:
    statuses = [STATUSES[each] for each in dict.fromkeys(wish.retry_on) if each in STATUSES]
    if not statuses:
        raise CannotExpress(
            "Linkerd tries again by the status of a response alone, and none is among the reasons"
            f" {', '.join(wish.retry_on) or '(none)'}",
            "name 5xx or gateway-error in retry_on",
        )
    said = {"retry.linkerd.io/http": ",".join(statuses), "retry.linkerd.io/limit": str(wish.attempts)}
    if wish.per_try_timeout:
        said["retry.linkerd.io/timeout"] = values.duration(wish.per_try_timeout)
    return said


def _breaker(wish: CircuitBreaker) -> dict[str, str]:
    if limits := [each for each in _LIMITS if getattr(wish, each) is not None]:
        raise CannotExpress(
            f"Linkerd bounds neither connections nor concurrent requests: it has no word for {', '.join(limits)}",
            "ask for outlier_detection alone, or limit the requests per second (rate-limit)",
        )
    outliers = wish.outlier_detection
    if outliers is None:
        return {}
    if outliers.max_ejection_percent != 100:
        raise CannotExpress(
            "Linkerd leaves out every instance that keeps failing, also all of them, and not at most"
            f" {outliers.max_ejection_percent} %",
            "say max_ejection_percent: 100",
        )
    least = values.milliseconds(outliers.ejection_time)
    most = max(_USUAL_MAX_MS, least + 1)
    return {
        ACCRUAL: "consecutive",
        f"{_CONSECUTIVE}-max-failures": str(outliers.consecutive_errors),
        f"{_CONSECUTIVE}-min-penalty": values.duration(outliers.ejection_time),
        f"{_CONSECUTIVE}-max-penalty": values.duration(f"{most}ms"),
        f"{_CONSECUTIVE}-jitter-ratio": "0.0",
    }
