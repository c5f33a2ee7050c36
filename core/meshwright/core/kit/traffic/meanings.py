"""What the statistics of a mesh mean: what an adapter says of each series.

Invariant: the meaning of a series follows from its name, its labels and where it was read, and from nothing else; what
has no meaning is left out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from meshwright.schemas.base import NAME_PATTERN, OBJECT_PATTERN

Reporter: TypeAlias = Literal["source", "waypoint", "destination"]
"""Who counted: the proxy of who asks, one between them, or the proxy of who is asked."""
Quantity: TypeAlias = Literal["requests", "errors", "latency", "connections", "secured", "sent", "received"]
"""`secured`: those of the connections that came by mutual TLS, where another series has all of them."""
UNKNOWN = "unknown"
_LONGEST_VERSION, _LONGEST_HOST = 63, 253
_NOT_IN_NAMES = re.compile(r"[^a-z0-9.-]+")


class EdgeKey(NamedTuple):
    """From which workload to which version of which service; made by `edge_key` from what labels say."""

    source_namespace: str
    source: str
    destination_namespace: str
    destination: str
    version: str = ""
    host: str = ""
    """where the destination is no service of the cluster"""


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What one series counts. A histogram has the quantity `latency`, and `unit` milliseconds in each of its units."""

    edge: EdgeKey
    reporter: Reporter
    quantity: Quantity
    failed: bool = False
    """whether its requests are errors, too"""
    secured: bool | None = None
    """whether requests or connections came by mutual TLS, where the series says so"""
    unit: float = 1.0
    is_grpc: bool = False
    """whether its requests are calls of gRPC"""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Whose statistics they are, for series that do not say so."""

    namespace: str = ""
    workload: str = ""


Interpret: TypeAlias = Callable[[str, Mapping[str, str], Place], Meaning | None]


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """One set of statistics that proxies may have: its metrics, by which labels they are summed, and their meaning."""

    name: str
    counters: Sequence[str]
    histograms: Sequence[str]
    labels: Sequence[str]
    """that the meaning depends on; Prometheus sums over all others"""
    interpret: Interpret


def edge_key(
    source_namespace: str, source: str, destination_namespace: str, destination: str, version: str = "", host: str = ""
) -> EdgeKey:
    """An edge whose names are as the contract has them, whatever text the labels held.

    A workload or service without a usable name is `unknown`; the dots of a host that stands for a service are dashes.
    """
    return EdgeKey(
        source_namespace=_fitting(source_namespace, NAME_PATTERN),
        source=_fitting(source, OBJECT_PATTERN) or UNKNOWN,
        destination_namespace=_fitting(destination_namespace, NAME_PATTERN),
        destination=_fitting(destination.replace(".", "-")[:63], NAME_PATTERN) or UNKNOWN,
        version=version[:_LONGEST_VERSION],
        host=host[:_LONGEST_HOST],
    )


def _fitting(text: str, pattern: str) -> str:
    name = _NOT_IN_NAMES.sub("-", text.lower()).strip("-.")
    return name if re.fullmatch(pattern, name) else ""
