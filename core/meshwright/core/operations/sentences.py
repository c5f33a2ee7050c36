"""What an event says, in one sentence for people.

Invariant: a sentence is made of the event's type and payload alone; every type has one, also a type or a payload that
this version does not know.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from meshwright.core.operations import titles
from meshwright.schemas import designs, discovery, drift, meshes, operations, workloads
from meshwright.schemas.adapters import AdapterAnnouncement, AdapterFailed, AdapterLost

LONGEST = 300
Payload = dict[str, Any]


def sentence(type: str, entity: str, id: str, payload: bytes | msgspec.Raw) -> str:
    """The sentence for an event about that entity."""
    try:
        data = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        data = None
    words = _SENTENCES.get(type)
    if words is not None and isinstance(data, dict):
        try:
            return _short(words(data))
        except (KeyError, TypeError, AttributeError):
            pass  # another shape than this version knows
    return _short(f"{entity.capitalize()} {id}: {_event(type)}")


def _event(type: str) -> str:
    """The last word of a type, as in `step completed` of dev.meshwright.operation.step_completed.v1."""
    parts = type.split(".")
    return (parts[-2] if len(parts) > 2 else type).replace("_", " ")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _why(data: Payload) -> str:
    failure = data.get("failure")
    return f": {failure['what']}" if failure else ""


def _mesh(data: Payload) -> str:
    return f"Mesh {data['mesh']['id']} is {data['mesh']['state']}"


def _proxy(data: Payload) -> str:
    proxy = data["proxy"]
    error = f": {proxy['error']}" if proxy["state"] == "rejected" and proxy.get("error") else ""
    return f"Proxy {_full(proxy)} of mesh {proxy['mesh']} is {proxy['state'].replace('_', ' ')}{error}"


def _reason(data: Payload) -> str:
    """What a person gave as the reason."""
    return f": {data['reason']}" if data.get("reason") else ""


def _release(data: Payload) -> str:
    release = data["release"]
    return f"Revision {release['revision']} of {release['design']['id']} on {release['mesh']} is {release['state']}"


def _drift(data: Payload) -> str:
    found = data["drift"]
    return f"Design {found['design']} differs on mesh {found['mesh']}: {len(found['resources'])} resources"


def _connection(data: Payload) -> str:
    status = data["status"]
    bad = [condition["type"] for condition in status.get("conditions", []) if condition["status"] == "False"]
    return f"Connection {status['id']}: " + (f"not {', not '.join(bad)}" if bad else "all is well")


def _full(entity: Payload) -> str:
    return f"{entity['namespace']}/{entity['name']}" if entity.get("namespace") else str(entity["name"])


_SENTENCES: dict[str, Callable[[Payload], str]] = {
    operations.Command.wire.name: lambda data: (
        f"{titles.title(data['kind'], data['mesh'], data.get('arguments', {}))}, asked for by {data['principal']}"
    ),
    operations.OperationQueued.wire.name: lambda data: f"Waiting: {data.get('reason') or 'for its turn'}",
    operations.OperationStarted.wire.name: lambda data: f"Started, attempt {data['attempt']}",
    operations.OperationProgressed.wire.name: lambda data: str(data["message"]),
    operations.StepStarted.wire.name: lambda data: f"Step {data['step']} started",
    operations.StepCompleted.wire.name: lambda data: f"Step {data['step']} completed",
    operations.StepFailed.wire.name: lambda data: f"Step {data['step']} failed{_why(data)}",
    operations.StepUndone.wire.name: lambda data: f"Step {data['step']} was undone{_why(data)}",
    operations.OperationUndoing.wire.name: lambda data: f"Undoing what was done{_why(data)}",
    operations.OperationRetrying.wire.name: lambda data: f"Will be tried again{_why(data)}",
    operations.CancelRequested.wire.name: lambda data: f"{data['principal']} asked to cancel{_reason(data)}",
    operations.OperationSucceeded.wire.name: lambda data: "Succeeded",
    operations.OperationFailed.wire.name: lambda data: f"Failed{_why(data)}",
    operations.OperationCancelled.wire.name: lambda data: (
        f"Cancelled by {data.get('principal') or 'somebody'}{_reason(data)}"
    ),
    operations.OperationTimedOut.wire.name: lambda data: "Ran out of time",
    operations.OperationDeadLettered.wire.name: lambda data: f"Could not be executed{_why(data)}",
    meshes.MeshObserved.wire.name: _mesh,
    meshes.MeshRemoved.wire.name: lambda data: f"Mesh {data['id']} was uninstalled",
    workloads.ProxyObserved.wire.name: _proxy,
    workloads.ProxyRemoved.wire.name: lambda data: f"Proxy {_full(data)} of mesh {data['mesh']} was removed",
    workloads.WorkloadObserved.wire.name: lambda data: (
        f"Workload {_full(data['workload'])} of mesh {data['workload']['mesh']} was observed"
    ),
    workloads.WorkloadRemoved.wire.name: lambda data: f"Workload {_full(data)} left mesh {data['mesh']}",
    designs.ReleaseChanged.wire.name: _release,
    drift.DriftDetected.wire.name: _drift,
    drift.DriftResolved.wire.name: lambda data: (
        f"Design {data['design']} no longer differs on {data['mesh']}: {data['how']}"
    ),
    discovery.ConnectionObserved.wire.name: _connection,
    AdapterAnnouncement.wire.name: lambda data: f"A worker of adapter {data['name']} {data['version']} is ready",
    AdapterLost.wire.name: lambda data: (
        f"A worker of adapter {data['name']} " + ("has ended" if data["graceful"] else "was lost")
    ),
    AdapterFailed.wire.name: lambda data: f"Adapter {data['name']} could not be loaded: {data['reason']}",
}
