"""Pods, as whoever looks for proxies in them sees them.

Invariant: pure functions of Pods, of which any may lack any field.
"""

from meshwright.core.kit.kubernetes.objects import Body, at, labels_of
from meshwright.schemas.workloads import ControllerKind

_HASH = "pod-template-hash"
_OVER = ("Succeeded", "Failed")
_CONTROLLERS: dict[str, ControllerKind] = {"StatefulSet": "statefulset", "DaemonSet": "daemonset"}


def container_of(pod: Body, name: str) -> Body | None:
    """A container of a pod: beside the others, or a native sidecar."""
    containers = [*(at(pod, "spec", "containers") or []), *(at(pod, "spec", "initContainers") or [])]
    return next((each for each in containers if each.get("name") == name), None)


def ended(pod: Body) -> bool:
    """Whether a pod is over, or about to be."""
    return at(pod, "status", "phase") in _OVER or at(pod, "metadata", "deletionTimestamp") is not None


def controller_of(pod: Body) -> tuple[ControllerKind | None, str]:
    """What made a pod; a ReplicaSet's Deployment is told by the hash in its name."""
    for owner in at(pod, "metadata", "ownerReferences") or []:
        kind, name = str(owner.get("kind")), str(owner.get("name", ""))
        if not owner.get("controller"):
            continue
        if kind in _CONTROLLERS:
            return _CONTROLLERS[kind], name
        suffix = f"-{labels_of(pod).get(_HASH, '')}"
        if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix):
            return "deployment", name.removesuffix(suffix)
    return None, ""
