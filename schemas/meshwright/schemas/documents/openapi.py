"""The part of the OpenAPI document that comes from the contract: `components.schemas`.

Invariant: the API describes its bodies with these schemas only, so `/docs` shows what the same Structs decode and
encode.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from meshwright.schemas import (
    access,
    adapters,
    connections,
    dead_letters,
    designs,
    discovery,
    drift,
    errors,
    meshes,
    operations,
    telemetry,
    webhooks,
    workloads,
)
from meshwright.schemas.documents import jsonschema
from meshwright.schemas.readings import overview, system, traffic

RESOURCE_TYPES: tuple[type[msgspec.Struct], ...] = (
    access.Principal,
    access.Token,
    access.Workspace,
    adapters.Adapter,
    adapters.MeshIntents,
    connections.Connection,
    connections.ConnectionTest,
    *connections.SETTINGS_TYPES.values(),
    designs.Design,
    designs.Preview,
    designs.Release,
    discovery.ConnectionStatus,
    discovery.ClusterResource,
    discovery.ResourceSummary,
    drift.Drift,
    errors.Failure,
    errors.Problem,
    errors.ProblemType,
    meshes.Detections,
    meshes.Mesh,
    dead_letters.DeadLetterRecord,
    operations.Operation,
    overview.Overview,
    system.System,
    telemetry.Edge,
    traffic.Series,
    traffic.Topology,
    webhooks.Delivery,
    webhooks.Webhook,
    workloads.Proxy,
    workloads.Workload,
)
"""the types that users read and write, apart from the arguments of operations"""

TYPES: tuple[type[msgspec.Struct], ...] = (*RESOURCE_TYPES, *operations.OPERATION_TYPES)


def components(types: Iterable[type[msgspec.Struct]] = TYPES) -> dict[str, Any]:
    """`components.schemas` of an OpenAPI 3.1 document for these types and all they refer to, by class name.

    A process that has request types of its own passes `(*TYPES, Own, …)`.
    """
    return jsonschema.components(types, "#/components/schemas/{name}", discriminators=True)
