"""The table of views: the Struct of each, the stream that orders it, the fields to filter and sort by.

Invariant: a view is folded from one stream only, so one sequence number says how new a document is; filters and sorts
come only from this table, so no request can name another field.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from meshwright.core.store.resources import IndexedResource
from meshwright.schemas import subjects, workloads_v1
from meshwright.schemas.access import Workspace
from meshwright.schemas.adapters import Adapter
from meshwright.schemas.base import Message, Model, Moment, Name, Text
from meshwright.schemas.connections import Connection
from meshwright.schemas.dead_letters import DeadLetterRecord
from meshwright.schemas.designs import Design, Release
from meshwright.schemas.discovery import ConnectionStatus
from meshwright.schemas.drift import Drift
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.operations import Operation
from meshwright.schemas.telemetry import EdgesMeasured
from meshwright.schemas.webhooks import Delivery, Webhook
from meshwright.schemas.workloads import Proxy, Workload

T = TypeVar("T", bound=Model | Message)


class DesignVersion(Model, frozen=True, kw_only=True):
    """One version of a design as a user saved it; `version` counts per design from 1.

    `design` is None when this version is the deletion.
    """

    id: Name
    version: int
    design: Design | None = None
    principal: str
    reason: Text = ""
    written_at: Moment


class Kind(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One view: a collection of `model` documents, ordered by sequences of `stream`.

    `filters` are compared for equality; the first of `sorts` is the default order. `texts` are searched for words.
    `heavy` fields are left out of pages. `former` converts documents that an older version wrote and that no stream
    holds any more.
    """

    name: str
    model: type[T]
    stream: str = subjects.EVENTS.stream
    filters: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ("id",)
    texts: tuple[str, ...] = ("id",)
    heavy: tuple[str, ...] = ()
    former: "Former[T] | None" = None

    def read(self, row: Mapping[str, Any]) -> T:
        """Decode the document in a row, also in one that an older version wrote. Raises msgspec.ValidationError."""
        try:
            return msgspec.convert(row, self.model)
        except msgspec.ValidationError:
            if self.former is None:
                raise
            return self.former.renewed(msgspec.convert(row, self.former.model))


class Former(msgspec.Struct, Generic[T], frozen=True):
    """The former shape of a view's documents, and its conversion to the current one."""

    model: type[Model]
    renewed: Callable[[Any], T]


_STATE = subjects.STATE.stream

WORKSPACES = Kind(name="workspaces", model=Workspace, stream=_STATE)
CONNECTIONS = Kind(
    name="connections", model=Connection, stream=_STATE, filters=("kind",), sorts=("id", "kind"), texts=("id", "kind")
)
DESIGNS = Kind(name="designs", model=Design, stream=_STATE, sorts=("id", "updated_at"), texts=("id", "description"))
DESIGN_VERSIONS = Kind(
    name="design_versions", model=DesignVersion, stream=_STATE, filters=("id", "principal"), sorts=("version",)
)
MESHES = Kind(
    name="meshes",
    model=Mesh,
    filters=("kind", "connection", "adapter", "state"),
    sorts=("id", "kind", "state"),
    texts=("id", "kind", "connection", "version"),
)
WORKLOADS = Kind(
    name="workloads",
    model=Workload,
    filters=("mesh", "connection", "namespace", "kind", "name", "service", "version", "sidecar"),
    sorts=("id", "name", "service", "namespace", "version"),
    texts=("name", "namespace", "service", "version", "mesh"),
    former=Former(workloads_v1.WorkloadV1, workloads_v1.workload),
)
PROXIES = Kind(
    name="proxies",
    model=Proxy,
    filters=("mesh", "namespace", "name", "workload", "state"),
    sorts=("id", "name", "workload", "state", "namespace", "version"),
    texts=("name", "namespace", "workload", "version", "mesh", "error"),
    former=Former(workloads_v1.ProxyV1, workloads_v1.proxy),
)
ADAPTERS = Kind(name="adapters", model=Adapter)
RELEASES = Kind(
    name="releases",
    model=Release,
    filters=("design.id", "mesh", "connection", "state", "operation", "principal", "revision"),
    sorts=("applied_at", "revision"),
)
DRIFT = Kind(name="drift", model=Drift, filters=("mesh", "design"), sorts=("id", "detected_at"))
OPERATIONS = Kind(
    name="operations",
    model=Operation,
    filters=("state", "done", "kind", "adapter", "connection", "mesh", "principal", "worker", "trace_id"),
    sorts=("accepted_at", "last_seq", "id"),
    texts=("id", "kind", "mesh", "adapter", "principal", "reason", "progress"),
)
WEBHOOKS = Kind(name="webhooks", model=Webhook, stream=_STATE, filters=("enabled",))
DELIVERIES = Kind(
    name="deliveries", model=Delivery, filters=("webhook", "state", "event"), sorts=("event", "attempted_at")
)
DEADLETTERS = Kind(
    name="deadletters",
    model=DeadLetterRecord,
    stream=subjects.DEADLETTERS.stream,
    filters=("adapter", "state"),
    sorts=("stored_at", "id"),
)
TOPOLOGY = Kind(name="topology", model=EdgesMeasured, stream=subjects.METRICS.stream, sorts=("mesh",))
"""The newest window of each mesh, by the mesh's id."""

RESOURCES = Kind(
    name="resources",
    model=IndexedResource,
    stream=subjects.SEEN.stream,
    filters=("connection", "group", "kind", "namespace", "name", "owner.kind", "owner.name", "owner.uid"),
    sorts=("id", "name", "observed_at"),
    heavy=("content",),
)
CONNECTION_STATUS = Kind(name="connection_status", model=ConnectionStatus)

KINDS: tuple[Kind[Any], ...] = (
    WORKSPACES, CONNECTIONS, DESIGNS, DESIGN_VERSIONS, MESHES, WORKLOADS, PROXIES, ADAPTERS, RELEASES, OPERATIONS,
    DRIFT, WEBHOOKS, DELIVERIES, DEADLETTERS, TOPOLOGY, RESOURCES, CONNECTION_STATUS,
)  # fmt: skip

STREAMS: tuple[str, ...] = tuple(dict.fromkeys(kind.stream for kind in KINDS))
"""the streams that the views are folded from"""

COMPLETE = frozenset({subjects.SEEN.stream})
"""streams that hold the complete state; an object that is not in them does not exist any more"""

EVENT_LOG = "events"
METRIC_LOG = "metrics"
SET_ASIDE = "set_aside"
LOGS: tuple[str, ...] = (EVENT_LOG, METRIC_LOG, SET_ASIDE)
"""collections of messages as they were stored, beside the folded views"""

ROLL_UPS = "roll_ups"
"""windows of the metric log, added up over spans of time"""

COMMANDS = subjects.COMMANDS.stream
"""also a position that can be waited for: the acceptance of a command reaches the views through EVENTS"""


def key(workspace: str, *parts: str | int) -> str:
    """The `_id` of a document."""
    return "/".join((workspace, *map(str, parts)))
