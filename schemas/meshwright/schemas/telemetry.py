"""Traffic between services, measured by the proxies themselves."""

from typing import ClassVar, Literal, TypeAlias

from meshwright.schemas.base import Message, Model, Moment, Name, Namespace, ObjectName, Text, Wire
from meshwright.schemas.errors import Failure

Protocol: TypeAlias = Literal["http", "grpc", "tcp", ""]


class LatencyBucket(Model, frozen=True, kw_only=True):
    """Requests that took from `lower_ms` (inclusive) to `upper_ms` milliseconds; None: longer than `lower_ms`."""

    lower_ms: float
    upper_ms: float | None = None
    count: float


class Edge(Model, frozen=True, kw_only=True):
    """Requests from one workload to one version of a service within a window.

    Latencies are in milliseconds, interpolated from the proxies' own histograms of that window, all added up;
    None without requests. What nobody has measured is None, too.
    """

    source: ObjectName
    destination: Name
    destination_version: str = ""
    source_namespace: Namespace = ""
    destination_namespace: Namespace = ""
    requests: int
    errors: int
    rate: float
    """requests per second"""
    error_rate: float
    """share of responses with status 5xx or no response, 0 to 1"""
    p50_ms: float | None = None
    p99_ms: float | None = None
    destination_host: Text = ""
    """where the destination is no service of the mesh; its dots are dashes in `destination`"""
    mutual_tls: float | None = None
    """share of requests, or of connections, that came by mutual TLS, 0 to 1; from statistics of `envoy`: by any TLS"""
    connections: int | None = None
    """that were opened"""
    sent_bytes: int | None = None
    """to the destination"""
    received_bytes: int | None = None
    latencies: list[LatencyBucket] = []
    """the histogram: those of several windows can be added, where quantiles cannot"""
    protocol: Protocol = ""
    """empty where nobody says; `grpc` where most requests were calls of gRPC"""


class TrafficSource(Model, frozen=True, kw_only=True):
    """Where measurements come from."""

    read_from: Literal["proxies", "prometheus"]
    connection: str = ""
    """of the Prometheus"""
    statistics: str = ""
    """whose: those of the mesh (`istio`) or, where its proxies have none, `envoy`; empty when there were none at all"""
    proxies: int = 0
    silent: int = 0
    """proxies that did not answer; what they counted is missing until they do"""


class EdgesMeasured(Message, frozen=True, kw_only=True):
    """All edges of a mesh over one window, from the statistics of its proxies.

    `failure` says why nothing, or not all, could be measured.
    """

    wire: ClassVar[Wire] = Wire("dev.meshwright.edges.measured.v1", "mesh")
    mesh: Name
    start: Moment
    seconds: float
    edges: list[Edge]
    source: TrafficSource | None = None
    failure: Failure | None = None
