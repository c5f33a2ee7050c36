"""The graph of a mesh: services, their versions or namespaces, and the traffic between them.

Problem: thousands of services are no picture, and traffic is measured from workloads to versions of services.
Invariant: every edge becomes part of exactly one link between two nodes, so the requests of all links are those of all
edges; a node is healthy or not by its own services, however they are grouped.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from meshwright.core.measurements.merging import EdgeNames
from meshwright.core.measurements.totals import Totals
from meshwright.schemas.readings.traffic import NodeKind, TopologyGroup, TopologyLink, TopologyNode
from meshwright.schemas.workloads import Proxy, Workload
from meshwright.ui_api.reading.traffic import health

NAMED = 20
"""workloads of a namespace that are named"""


class Place(msgspec.Struct, frozen=True):
    """A node by what it is: a service, one version of it, a workload without service, a namespace, or a host."""

    kind: NodeKind
    namespace: str
    name: str
    version: str = ""

    @property
    def id(self) -> str:
        """The id of the node, which no node of another kind has."""
        name = f"{self.namespace}/{self.name}" if self.namespace and self.kind != "namespace" else self.name
        if self.kind == "service":
            return name
        if self.kind == "version":
            return f"{name}@{self.version}" if self.version else name
        return f"{self.kind}:{name}"

    @property
    def service(self) -> str:
        """The id of the service of which it is a version."""
        return msgspec.structs.replace(self, kind="service").id if self.kind == "version" else ""


class Member(msgspec.Struct):
    """What is known of a node."""

    workloads: list[Workload] = []
    inbound: Totals | None = None
    outbound: Totals | None = None
    rejected: int = 0
    stale: int = 0


class Graph:
    """The finest graph of a mesh, from which coarser ones are made. `finest` is `service` or `version`."""

    def __init__(self, workloads: Sequence[Workload], troubled: Sequence[Proxy], finest: TopologyGroup) -> None:
        self._by_version = finest == "version"
        self._homes: dict[tuple[str, str], Place] = {}
        self._nodes: dict[Place, Member] = {}
        self._links: dict[tuple[Place, Place], Totals] = {}
        by_id: dict[str, Place] = {}
        for workload in workloads:
            if workload.service:
                place = self._service(workload.namespace, workload.service, workload.version)
                self._homes.setdefault((workload.namespace, workload.name), place)
                by_id[workload.id] = place
                self._member(place).workloads.append(workload)
        for proxy in troubled:
            if proxy.workload in by_id:
                member = self._member(by_id[proxy.workload])
                member.rejected += proxy.state == "rejected"
                member.stale += proxy.state != "rejected"

    def add(self, names: EdgeNames, total: Totals) -> None:
        """Add an edge with its traffic."""
        source_namespace, source, namespace, destination, version, host = names
        begin = self._homes.get((source_namespace, source)) or Place("workload", source_namespace, source)
        end = Place("external", "", host) if host else self._service(namespace, destination, version)
        for place in (begin, end):
            self._member(place)
        link = self._links.get((begin, end))
        if link is None:
            link = self._links[begin, end] = Totals()
        link.add(total)
        _more(self._nodes[begin], "outbound", total)
        _more(self._nodes[end], "inbound", total)

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self._nodes)

    @property
    def namespaces(self) -> set[str]:
        """The namespaces of all nodes."""
        return {place.namespace for place in self._nodes if place.kind != "external"}

    def grouped(
        self, group: TopologyGroup, expanded: Collection[str], seconds: float
    ) -> tuple[list[TopologyNode], list[TopologyLink]]:
        """Nodes and links, by id. With `group` namespace only those in `expanded` are shown one by one."""
        homes = {place: _home(place, group, expanded) for place in self._nodes}
        links: dict[tuple[Place, Place], Totals] = {}
        for (begin, end), total in self._links.items():
            links.setdefault((homes[begin], homes[end]), Totals()).add(total)
        members: dict[Place, list[Place]] = {}
        for place, home in homes.items():
            members.setdefault(home, []).append(place)
        nodes = [self._node(home, places, seconds) for home, places in members.items()]
        made = [_link(begin, end, total, seconds) for (begin, end), total in links.items()]
        return sorted(nodes, key=lambda node: node.id), sorted(made, key=lambda link: (link.source, link.destination))

    def _service(self, namespace: str, service: str, version: str) -> Place:
        return (
            Place("version", namespace, service, version) if self._by_version else Place("service", namespace, service)
        )

    def _member(self, place: Place) -> Member:
        member = self._nodes.get(place)
        if member is None:
            member = self._nodes[place] = Member()
        return member

    def _node(self, home: Place, places: Sequence[Place], seconds: float) -> TopologyNode:
        parts = [(place, self._nodes[place]) for place in places]
        states = [
            (place.id, health.of_node(part.inbound, part.outbound, part.rejected, part.stale)) for place, part in parts
        ]
        workloads = [workload for _, part in parts for workload in part.workloads]
        names = sorted(workload.name for workload in workloads)
        is_group = home.kind == "namespace"
        inbound, outbound = (_sum(getattr(part, end) for _, part in parts) for end in ("inbound", "outbound"))
        return TopologyNode(
            id=home.id,
            kind=home.kind,
            name=home.name,
            namespace=home.namespace,
            service=home.service,
            workloads=names[:NAMED] if is_group else names,
            versions=[] if is_group else sorted({workload.version for workload in workloads}),
            workload_count=len(workloads),
            service_count=len({(place.namespace, place.name) for place, _ in parts if place.kind != "workload"})
            if is_group
            else 0,
            rejected=sum(part.rejected for _, part in parts),
            stale=sum(part.stale for _, part in parts),
            health=health.worst(states) if is_group else states[0][1],
            inbound=inbound.numbers(seconds) if inbound else None,
            outbound=outbound.numbers(seconds) if outbound else None,
        )


def _home(place: Place, group: TopologyGroup, expanded: Collection[str]) -> Place:
    """The node in which a place is shown; what has no namespace stays as it is."""
    if group != "namespace" or not place.namespace or place.namespace in expanded:
        return place
    return Place("namespace", place.namespace, place.namespace)


def _more(member: Member, end: str, total: Totals) -> None:
    known = getattr(member, end)
    if known is None:
        known = Totals()
        setattr(member, end, known)
    known.add(total)


def _sum(parts: Iterable[Totals | None]) -> Totals | None:
    result: Totals | None = None
    for part in parts:
        if part is not None:
            result = result or Totals()
            result.add(part)
    return result


def _link(begin: Place, end: Place, total: Totals, seconds: float) -> TopologyLink:
    numbers = total.numbers(seconds)
    is_tcp = not total.requests and any((total.connections, total.sent_bytes, total.received_bytes))
    return TopologyLink(
        source=begin.id,
        destination=end.id,
        protocol=total.protocol or ("http" if total.requests else "tcp" if is_tcp else ""),
        connections=total.connections,
        sent_bytes=total.sent_bytes,
        received_bytes=total.received_bytes,
        health=health.of_traffic(total),
        **{name: getattr(numbers, name) for name in numbers.__struct_fields__},
    )
