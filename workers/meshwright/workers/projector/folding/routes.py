"""The routing table from messages to folds and documents.

Invariant: a view is fed from one stream only. A type without a route is logged among the events and changes no view:
for example copies of STATE in EVENTS, because their originals are folded from STATE, which is kept for ever.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from meshwright.core.operations import folding as operations
from meshwright.core.operations.records import Fact
from meshwright.core.store import Kind, kinds
from meshwright.core.store.writing import Folded
from meshwright.schemas import (
    access,
    adapters,
    connections,
    dead_letters,
    designs,
    discovery,
    drift,
    meshes,
    telemetry,
    webhooks,
    workloads,
    workloads_v1,
)
from meshwright.schemas.base import Message
from meshwright.workers.projector.folding import adapters as adapters_fold
from meshwright.workers.projector.folding import dead_letters as dead_letters_fold
from meshwright.workers.projector.folding import observed, written


class Route(msgspec.Struct, frozen=True):
    """One view that a message changes: its kind, the key of the document, the fold."""

    kind: Kind[Any]
    key: Callable[[Fact], str]
    fold: Callable[[Any, Fact], Any]


def _of_subject(fact: Fact) -> str:
    return kinds.key(fact.workspace, fact.id)


def _of_version(fact: Fact) -> str:
    return kinds.key(fact.workspace, fact.id, written.number(fact))


def _of_delivery(fact: Fact) -> str:
    message: Any = fact.message
    return kinds.key(fact.workspace, message.delivery.webhook, message.delivery.event)


def _of_adapter(fact: Fact) -> str:
    message: Any = fact.message
    return kinds.key(fact.workspace, message.name)


def _of_part(part: str) -> Callable[[Fact], str]:
    def key(fact: Fact) -> str:
        value: Any = getattr(fact.message, part) if part else fact.message
        return kinds.key(fact.workspace, value.id)

    return key


def _of_process(fact: Fact) -> str:
    """The key of a workload in the form of version 1."""
    message: Any = fact.message
    workload = message.workload if isinstance(message, workloads_v1.WorkloadObservedV1) else message
    return kinds.key(fact.workspace, workloads_v1.process_id(workload.mesh, workload.id))


def _of_envoy(fact: Fact) -> str:
    """The key of a proxy in the form of version 1."""
    message: Any = fact.message
    proxy = message.proxy if isinstance(message, workloads_v1.ProxyObservedV1) else message
    return kinds.key(fact.workspace, workloads.proxy_id(proxy.mesh, "", proxy.id))


def _of_named(fact: Fact) -> str:
    message: Any = fact.message
    return str(message.id)


_EVENTS: dict[type[Message], tuple[Route, ...]] = {
    **dict.fromkeys(operations.TYPES, (Route(kinds.OPERATIONS, _of_subject, operations.fold),)),
    **dict.fromkeys(
        (adapters.AdapterAnnouncement, adapters.AdapterLost, adapters.AdapterFailed, adapters.AdapterForgotten),
        (Route(kinds.ADAPTERS, _of_adapter, adapters_fold.fold),),
    ),
    meshes.MeshObserved: (Route(kinds.MESHES, _of_part("mesh"), observed.mesh),),
    meshes.MeshRemoved: (Route(kinds.MESHES, _of_part(""), observed.gone),),
    workloads.WorkloadObserved: (Route(kinds.WORKLOADS, _of_part("workload"), observed.workload),),
    workloads.WorkloadRemoved: (Route(kinds.WORKLOADS, _of_part(""), observed.gone),),
    workloads.ProxyObserved: (Route(kinds.PROXIES, _of_part("proxy"), observed.proxy),),
    workloads.ProxyRemoved: (Route(kinds.PROXIES, _of_part(""), observed.gone),),
    workloads_v1.WorkloadObservedV1: (Route(kinds.WORKLOADS, _of_process, observed.workload_v1),),
    workloads_v1.WorkloadRemovedV1: (Route(kinds.WORKLOADS, _of_process, observed.gone),),
    workloads_v1.ProxyObservedV1: (Route(kinds.PROXIES, _of_envoy, observed.proxy_v1),),
    workloads_v1.ProxyRemovedV1: (Route(kinds.PROXIES, _of_envoy, observed.gone),),
    **dict.fromkeys(
        (webhooks.DeliverySucceeded, webhooks.DeliveryRetrying, webhooks.DeliveryFailed),
        (Route(kinds.DELIVERIES, _of_delivery, observed.delivery),),
    ),
    drift.DriftDetected: (Route(kinds.DRIFT, _of_part("drift"), observed.drift),),
    drift.DriftResolved: (Route(kinds.DRIFT, _of_part(""), observed.gone),),
    discovery.ConnectionObserved: (Route(kinds.CONNECTION_STATUS, _of_part("status"), observed.connection_status),),
    discovery.ConnectionForgotten: (Route(kinds.CONNECTION_STATUS, _of_part(""), observed.gone),),
    **dict.fromkeys(
        (designs.ReleaseChanged, designs.ReleaseChangedV1),
        (Route(kinds.RELEASES, _of_part("release"), observed.release),),
    ),
}
_ENDS: dict[type[Message], tuple[Route, ...]] = {
    meshes.MeshRemoved: (
        Route(kinds.RELEASES, _of_named, observed.release_of_removed_mesh),
        Route(kinds.DRIFT, _of_named, observed.gone),
        Route(kinds.WORKLOADS, _of_named, observed.gone),
        Route(kinds.PROXIES, _of_named, observed.gone),
    ),
}
"""the types that end everything of a mesh, whatever documents it has; the key is the mesh"""
_METRICS: dict[type[Message], tuple[Route, ...]] = {
    telemetry.EdgesMeasured: (Route(kinds.TOPOLOGY, _of_subject, observed.edges),),
}
_DEAD_LETTERS: dict[type[Message], tuple[Route, ...]] = dict.fromkeys(
    (dead_letters.DeadLetter, dead_letters.DeadLetterReplayed, dead_letters.DeadLetterDropped),
    (Route(kinds.DEADLETTERS, _of_subject, dead_letters_fold.fold),),
)
_SEEN: dict[type[Message], tuple[Route, ...]] = {
    discovery.ResourceObserved: (Route(kinds.RESOURCES, _of_part("resource"), observed.resource),),
    discovery.ResourceRemoved: (Route(kinds.RESOURCES, _of_part(""), observed.gone),),
}
_WRITTEN: dict[str, tuple[Route, ...]] = {
    "workspace": (Route(kinds.WORKSPACES, _of_subject, written.document),),
    "connection": (Route(kinds.CONNECTIONS, _of_subject, written.document),),
    "webhook": (Route(kinds.WEBHOOKS, _of_subject, written.document),),
    "design": (
        Route(kinds.DESIGNS, _of_subject, written.document),
        Route(kinds.DESIGN_VERSIONS, _of_version, written.design_version),
    ),
}
_WRITTEN_TYPES: dict[type[Message], str] = {
    access.WorkspaceWritten: "workspace",
    connections.ConnectionWrittenV1: "connection",
    connections.ConnectionWritten: "connection",
    designs.DesignWritten: "design",
    webhooks.WebhookWritten: "webhook",
}


def routes(fact: Fact) -> tuple[Route, ...]:
    """The views that this fact changes."""
    if fact.message is None:
        return ()
    kind = type(fact.message)
    if fact.stream == "EVENTS":
        return _EVENTS.get(kind, ())
    if fact.stream == "SEEN":
        return _SEEN.get(kind, ())
    if fact.stream == "METRICS":
        return _METRICS.get(kind, ())
    if fact.stream == "DEADLETTERS":
        return _DEAD_LETTERS.get(kind, ())
    if kind is access.ResourceDeleted or _WRITTEN_TYPES.get(kind) == fact.entity:
        return _WRITTEN.get(fact.entity, ())
    return ()


def ends(fact: Fact) -> Sequence[tuple[Route, str]]:
    """The views of which this fact changes every document of a mesh, with that mesh."""
    if fact.message is None or fact.stream != "EVENTS" or type(fact.message) not in _ENDS:
        return ()  # true for almost every fact, so nothing is allocated
    return [(route, route.key(fact)) for route in _ENDS[type(fact.message)]]


def applied(before: Folded | None, route: Route, key: str, fact: Fact) -> Folded | None:
    """The document after this fact, or None when it includes it already."""
    if before is not None and before.seq >= fact.seq:
        return None
    after = route.fold(before.document if before else None, fact)
    return Folded(route.kind, key, fact.workspace, fact.seq, fact.time, after)
