"""The traffic of meshes as counters, for the Prometheus that watches Meshwright.

Problem: a mesh may have any number of edges, and each is a series for ever. Invariant: at most LARGEST edges of a
process have series of their own; what all others had is counted together, so sums over a mesh are right.
"""

from meshwright.core.kit.target import MeshRef
from meshwright.core.telemetry.metrics import Registry
from meshwright.schemas.telemetry import Edge, EdgesMeasured

LARGEST = 2000
OTHERS = "(others)"
_LABELS = ("workspace", "mesh", "source", "destination", "version")


class EdgeCounters:
    """Counts what each window measured."""

    def __init__(self, registry: Registry, largest: int = LARGEST) -> None:
        self._largest = largest
        self._known: set[tuple[str, ...]] = set()
        self._requests = registry.counter("meshwright_edge_requests_total", "Requests of an edge", *_LABELS)
        self._errors = registry.counter("meshwright_edge_errors_total", "Requests of an edge that failed", *_LABELS)
        self._windows = registry.counter(
            "meshwright_traffic_windows_total", "Windows of traffic, by whether all was measured", "mesh", "outcome"
        )

    def count(self, mesh: MeshRef, window: EdgesMeasured) -> None:
        """Add a window of a mesh."""
        self._windows.add(mesh.mesh, "incomplete" if window.failure else "measured")
        for edge in window.edges:
            labels = self._labels(mesh, edge)
            self._requests.add(*labels, by=edge.requests)
            self._errors.add(*labels, by=edge.errors)

    def _labels(self, mesh: MeshRef, edge: Edge) -> tuple[str, ...]:
        source = _full(edge.source_namespace, edge.source)
        destination = edge.destination_host or _full(edge.destination_namespace, edge.destination)
        labels = (mesh.workspace, mesh.mesh, source, destination, edge.destination_version)
        if labels not in self._known:
            if len(self._known) >= self._largest:
                return mesh.workspace, mesh.mesh, OTHERS, OTHERS, ""
            self._known.add(labels)
        return labels


def _full(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
