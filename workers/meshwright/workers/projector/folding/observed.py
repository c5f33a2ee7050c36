"""Folding observations: meshes, workloads, proxies, releases and measured edges by adapters, deliveries by the
notifier, objects and status of clusters by discovery.

Invariant: an observation carries the whole document, so the newest one is the document.
"""

from typing import Any

import msgspec

from meshwright.core.operations.records import Fact
from meshwright.core.store.resources import IndexedResource, indexed
from meshwright.schemas import workloads_v1
from meshwright.schemas.base import Model
from meshwright.schemas.designs import Release, ReleaseV1
from meshwright.schemas.discovery import ConnectionStatus
from meshwright.schemas.drift import Drift
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.telemetry import EdgesMeasured
from meshwright.schemas.webhooks import Delivery
from meshwright.schemas.workloads import Proxy, Workload


def mesh(document: Mesh | None, fact: Fact) -> Mesh | None:
    """The mesh as last seen."""
    message: Any = fact.message
    observed: Mesh = message.mesh
    return observed


def workload(document: Workload | None, fact: Fact) -> Workload | None:
    """The workload as last seen."""
    message: Any = fact.message
    seen: Workload = message.workload
    return seen


def workload_v1(document: Workload | None, fact: Fact) -> Workload | None:
    """The workload in the form of version 1."""
    message: Any = fact.message
    return workloads_v1.workload(message.workload)


def proxy(document: Proxy | None, fact: Fact) -> Proxy | None:
    """The proxy as last seen."""
    message: Any = fact.message
    seen: Proxy = message.proxy
    return seen


def proxy_v1(document: Proxy | None, fact: Fact) -> Proxy | None:
    """The proxy in the form of version 1."""
    message: Any = fact.message
    return workloads_v1.proxy(message.proxy)


def release(document: Release | None, fact: Fact) -> Release | None:
    """The release as last published."""
    message: Any = fact.message
    release: Release | ReleaseV1 = message.release
    return release.upgraded() if isinstance(release, ReleaseV1) else release


def release_of_removed_mesh(document: Release | None, fact: Fact) -> Release | None:
    """The release after its mesh was removed together with everything applied there."""
    if document is None or document.state != "applied":
        return document
    return msgspec.structs.replace(document, state="removed")


def drift(document: Drift | None, fact: Fact) -> Drift | None:
    """The drift as last published."""
    message: Any = fact.message
    drift: Drift = message.drift
    return drift


def delivery(document: Delivery | None, fact: Fact) -> Delivery | None:
    """The delivery as of its last attempt."""
    message: Any = fact.message
    delivery: Delivery = message.delivery
    return delivery


def resource(document: IndexedResource | None, fact: Fact) -> IndexedResource | None:
    """The object as last seen."""
    message: Any = fact.message
    return indexed(message.resource)


def connection_status(document: ConnectionStatus | None, fact: Fact) -> ConnectionStatus | None:
    """The status of the connection as last published."""
    message: Any = fact.message
    status: ConnectionStatus = message.status
    return status


def edges(document: EdgesMeasured | None, fact: Fact) -> EdgesMeasured | None:
    """The newest window of a mesh."""
    assert isinstance(fact.message, EdgesMeasured)
    return fact.message


def gone(document: Model | None, fact: Fact) -> None:
    """The deletion of an observed entity."""
