"""Intents that cannot hold together, whatever the mesh.

Invariant: two intents contradict each other only when they are of one kind and for the same requests; two that say the
same do not.
"""

from meshwright.schemas.base import service_parts
from meshwright.schemas.intents import (
    AnyIntent,
    CircuitBreaker,
    EgressControl,
    FaultAbort,
    FaultDelay,
    HeaderRoute,
    Ingress,
    LoadBalancing,
    MutualTls,
    RateLimit,
    Retry,
    Timeout,
    TrafficSplit,
)

_ONE_OF_A_KIND = (TrafficSplit, Timeout, Retry, LoadBalancing, CircuitBreaker, MutualTls, RateLimit, EgressControl)
"""of which two for the same service cannot both hold"""


def contradict(earlier: AnyIntent, later: AnyIntent, namespaces: tuple[str, str] = ("", "")) -> bool:
    """Whether the later one cannot hold beside the earlier one; `namespaces` are those of their short names."""
    if type(earlier) is not type(later) or not _same_service(earlier, later, namespaces):
        return False
    if earlier == later and namespaces[0] == namespaces[1]:
        return False
    if isinstance(later, Ingress) and isinstance(earlier, Ingress):
        return (later.host.lower(), later.path_prefix) == (earlier.host.lower(), earlier.path_prefix)
    if isinstance(later, HeaderRoute):
        return later.header == getattr(earlier, "header", None)
    if isinstance(later, FaultDelay | FaultAbort):
        header = getattr(earlier, "header", None)
        return header is None or header == later.header
    return isinstance(later, _ONE_OF_A_KIND)


def _same_service(one: AnyIntent, other: AnyIntent, namespaces: tuple[str, str]) -> bool:
    if isinstance(one, Ingress):
        return True
    names = [getattr(each, "service", None) for each in (one, other)]
    parts = [
        service_parts(name, namespace) if name else None for name, namespace in zip(names, namespaces, strict=True)
    ]
    return parts[0] == parts[1]
