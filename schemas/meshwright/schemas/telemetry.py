"""Traffic between services, measured by the proxies themselves."""

from typing import ClassVar

from meshwright.schemas.base import Message, Model, Moment, Name, Namespace, ObjectName, ServiceName, Wire


class Edge(Model, frozen=True, kw_only=True):
    """Requests from one workload to one version of a service within a window.

    Latencies are in milliseconds, interpolated from the proxy's own histogram of that window; None without requests.
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


class EdgesMeasured(Message, frozen=True, kw_only=True):
    """All edges of a mesh over one window, from the statistics of its sidecars."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.edges.measured.v1", "mesh")
    mesh: Name
    start: Moment
    seconds: float
    edges: list[Edge]


class TopologyNode(Model, frozen=True, kw_only=True):
    """A service in the graph, with the names of the workloads behind it; `id` is `name` or `namespace/name`."""

    id: ServiceName
    workloads: list[ObjectName]
    versions: list[str]
    namespace: Namespace = ""


class Topology(Model, frozen=True, kw_only=True):
    """The graph of a mesh: services and the traffic between them in the newest window."""

    mesh: Name
    start: Moment | None
    seconds: float
    nodes: list[TopologyNode]
    edges: list[Edge]
