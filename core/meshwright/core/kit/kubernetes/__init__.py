"""Kubernetes for adapters: clusters, their objects, and a target for meshes that live in them.

Invariant: an adapter of a Kubernetes mesh needs nothing else to reach its cluster. It is imported by those adapters
alone, since the client behind it is large.
"""

from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.clusters import Clusters, cluster_of
from meshwright.core.kit.kubernetes.discovery import Api
from meshwright.core.kit.kubernetes.errors import (
    AlreadyExists,
    Away,
    BadRequest,
    Closed,
    Conflict,
    Denied,
    Forbidden,
    Gone,
    Invalid,
    KubernetesError,
    NotFound,
    Refused,
    Replaced,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnknownKind,
    Unreachable,
)
from meshwright.core.kit.kubernetes.listing import of_kinds
from meshwright.core.kit.kubernetes.loading import InvalidConnection
from meshwright.core.kit.kubernetes.objects import (
    Added,
    Deleted,
    Interrupted,
    Item,
    Modified,
    Synced,
    WatchEvent,
    annotations_of,
    at,
    labels_of,
    name_of,
    namespace_of,
    reference_of,
)
from meshwright.core.kit.kubernetes.probing import try_connection
from meshwright.core.kit.kubernetes.rights import Right
from meshwright.core.kit.kubernetes.target.ordering import every
from meshwright.core.kit.kubernetes.target.ownership import manager_of, words
from meshwright.core.kit.kubernetes.target.readiness import Verdict
from meshwright.core.kit.kubernetes.target.target import KubernetesTarget

__all__ = [
    "Added",
    "AlreadyExists",
    "Api",
    "Away",
    "BadRequest",
    "Closed",
    "Cluster",
    "Clusters",
    "Conflict",
    "Deleted",
    "Denied",
    "Forbidden",
    "Gone",
    "Interrupted",
    "Invalid",
    "InvalidConnection",
    "Item",
    "KubernetesError",
    "KubernetesTarget",
    "Modified",
    "NotFound",
    "Refused",
    "Replaced",
    "Right",
    "Synced",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnknownKind",
    "Unreachable",
    "Verdict",
    "WatchEvent",
    "annotations_of",
    "at",
    "cluster_of",
    "every",
    "labels_of",
    "manager_of",
    "name_of",
    "namespace_of",
    "of_kinds",
    "reference_of",
    "try_connection",
    "words",
]
