"""What a workspace looks like at one glance: its meshes, what runs, and what needs somebody.

Invariant: everything here is read from the views at once; what needs somebody names the entity to go to.
"""

from typing import Literal, TypeAlias

from meshwright.schemas.base import Model, Moment, Name, Text
from meshwright.schemas.meshes import Condition, MeshState
from meshwright.schemas.operations import Operation
from meshwright.schemas.readings.traffic import SeriesPoint, TrafficNumbers

AttentionSeverity: TypeAlias = Literal["critical", "error", "warning"]
AttentionKind: TypeAlias = Literal[
    "mesh-degraded",
    "mesh-without-adapter",
    "proxies-rejected",
    "certificate-ending",
    "drift",
    "dead-letter",
    "adapter-lost",
    "adapter-failed",
    "connection-failing",
    "operation-failed",
    "traffic-not-measured",
    "projection-behind",
]


class ProxyCounts(Model, frozen=True, kw_only=True):
    """The proxies of a mesh by the state of their configuration; `total` has those in other states too."""

    total: int = 0
    in_sync: int = 0
    stale: int = 0
    rejected: int = 0
    disconnected: int = 0


class MeshOverview(Model, frozen=True, kw_only=True):
    """One mesh at a glance.

    `condition` is the worst one, None when all hold. `traffic` adds up the newest windows, which `sparkline` has one by
    one, oldest first; or the span that was asked for, in steps, of which `complete` says whether all could be added up.
    """

    id: Name
    kind: str
    adapter: str
    connection: Name
    version: str = ""
    state: MeshState = "unknown"
    condition: Condition | None = None
    workloads: int = 0
    proxies: ProxyCounts
    traffic: TrafficNumbers | None = None
    sparkline: list[SeriesPoint] = []
    complete: bool = True
    observed_at: Moment


class RunningOperations(Model, frozen=True, kw_only=True):
    """The operations that have not ended: how many, and the newest few."""

    count: int
    newest: list[Operation]


class EntityLink(Model, frozen=True, kw_only=True):
    """The entity to go to. `kind` is as in events: mesh, proxy, connection, operation, drift, deadletter, adapter."""

    kind: str
    id: str
    mesh: str = ""
    design: str = ""
    """of a drift"""


class Attention(Model, frozen=True, kw_only=True):
    """Something that needs somebody, as a sentence. `since` is None where it is not known."""

    kind: AttentionKind
    severity: AttentionSeverity
    sentence: Text
    entity: EntityLink
    since: Moment | None = None


class Overview(Model, frozen=True, kw_only=True):
    """A workspace at a glance. `attention` is the worst first, at most 100; `attention_total` counts all that was read.

    `meshes` are at most 100, `mesh_count` counts all.
    """

    meshes: list[MeshOverview]
    mesh_count: int
    operations: RunningOperations
    attention: list[Attention]
    attention_total: int
    at: Moment
