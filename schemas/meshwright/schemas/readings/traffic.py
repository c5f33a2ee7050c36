"""Traffic as people look at it: over time, and as a graph.

Invariant: numbers of several windows or edges are added up, histograms too, before anything is asked for a quantile, a
rate or a share.
"""

from typing import Literal, TypeAlias

from meshwright.schemas.base import Model, Moment, Name, Namespace, ObjectName, Text
from meshwright.schemas.errors import Failure
from meshwright.schemas.telemetry import Edge, Protocol, TrafficSource


class TrafficNumbers(Model, frozen=True, kw_only=True):
    """Some traffic, added up: of a span of time, or of what goes to or from a node.

    Latencies are in milliseconds, from all histograms added up; None without requests, as `mutual_tls` is where it was
    not measured.
    """

    requests: int = 0
    errors: int = 0
    rate: float = 0.0
    """requests per second"""
    error_rate: float = 0.0
    """share of responses with status 5xx or no response, 0 to 1"""
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    mutual_tls: float | None = None
    """share of requests, or of connections, that came by mutual TLS, 0 to 1"""


class SeriesPoint(TrafficNumbers, frozen=True, kw_only=True):
    """The traffic from `start` on; `seconds` is how long of it was measured, 0 where nothing was."""

    start: Moment
    seconds: float


class Series(Model, frozen=True, kw_only=True):
    """Traffic over time in equal steps of `step` seconds, oldest first; also the steps in which nothing was measured.

    `complete` is false where there was more than could be added up in time; what is missing is the oldest.
    """

    mesh: Name
    since: Moment
    until: Moment
    step: float
    points: list[SeriesPoint]
    total: SeriesPoint
    """all of it as one"""
    kept_since: Moment | None = None
    """the start of the oldest window that is stored"""
    complete: bool = True


TopologyGroup: TypeAlias = Literal["service", "version", "namespace"]
NodeKind: TypeAlias = Literal["service", "version", "namespace", "workload", "external"]


class NodeHealth(Model, frozen=True, kw_only=True):
    """Whether a node needs somebody; `idle`: nothing came or went. `because` is empty when all is well."""

    state: Literal["ok", "warning", "failing", "idle"]
    because: Text = ""


class TopologyNode(Model, frozen=True, kw_only=True):
    """A node of the graph, with the names of the workloads behind it.

    `id` of a service is `name` or `namespace/name`, of a version `namespace/name@version`; others have their kind
    before it: `namespace:shop`, `workload:shop/job` (one without service), `external:api.example` (a host outside).
    Of a namespace only the first 20 workloads are named.
    """

    id: str
    workloads: list[ObjectName]
    versions: list[str]
    namespace: Namespace = ""
    kind: NodeKind = "service"
    name: str = ""
    service: str = ""
    """the id of the service, where the node is one version of it"""
    workload_count: int = 0
    service_count: int = 0
    """of a namespace"""
    rejected: int = 0
    """proxies that have rejected their configuration"""
    stale: int = 0
    """proxies that have not yet accepted the newest configuration, or are not connected"""
    health: NodeHealth | None = None
    inbound: TrafficNumbers | None = None
    """None where nothing came in"""
    outbound: TrafficNumbers | None = None


class TopologyLink(TrafficNumbers, frozen=True, kw_only=True):
    """The traffic from one node to another, by their ids; the two are the same where a namespace calls itself."""

    source: str
    destination: str
    protocol: Protocol = ""
    """empty where nothing was measured that tells"""
    connections: int | None = None
    sent_bytes: int | None = None
    received_bytes: int | None = None
    health: NodeHealth | None = None


class Topology(Model, frozen=True, kw_only=True):
    """The graph of a mesh: nodes and the traffic between them in the newest window, or in a span of time.

    `links` are between `nodes`. `edges` are the same traffic as it was measured, from workloads to versions of
    services; only without `group` and `expand`, and where `total_nodes` is not too many.
    """

    mesh: Name
    start: Moment | None
    seconds: float
    nodes: list[TopologyNode]
    edges: list[Edge]
    source: TrafficSource | None = None
    failure: Failure | None = None
    group: TopologyGroup = "service"
    """what the nodes are, apart from the namespaces in `expanded`"""
    expanded: list[Namespace] = []
    """namespaces whose services are shown though the rest is grouped by namespace"""
    total_nodes: int = 0
    """how many nodes there are when nothing is grouped"""
    links: list[TopologyLink] = []
    complete: bool = True
    """false where there was more than could be added up in time; what is missing is the oldest"""
