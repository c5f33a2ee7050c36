"""The workloads of a namespace, and what restarting one of them would mean.

Invariant: only what can be read off the objects themselves is said; nothing here changes anything.
"""

import math
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from meshwright.core.kit.kubernetes import objects
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef

KINDS = {"Deployment": "deployment", "StatefulSet": "statefulset", "DaemonSet": "daemonset"}
_BY_WORD = {word: kind for kind, word in KINDS.items()}
_GATEWAY = "gateway.networking.k8s.io/gateway-name"
RESTARTED = "kubectl.kubernetes.io/restartedAt"


class Budget(Model, frozen=True, kw_only=True):
    """How many pods of a PodDisruptionBudget may be away."""

    name: str
    now: int
    most: int
    """when all of its pods are well"""


class Controller(Model, frozen=True, kw_only=True):
    """A Deployment, StatefulSet or DaemonSet as far as restarting it goes."""

    ref: ResourceRef
    labels: dict[str, str] = {}
    """of its pods"""
    annotations: dict[str, str] = {}
    """of its pods"""
    away: int = 0
    """pods that a rollout takes away before others are there"""
    obstacle: str = ""
    """why it cannot be restarted, or gains nothing by it"""
    restarted: str = ""
    generation: int = 0


def reference(namespace: str, kind: str, name: str) -> ResourceRef:
    """The reference of a workload as people name it."""
    return ResourceRef(group="apps", kind=_BY_WORD[kind], namespace=namespace, name=name)


def controller(body: Body) -> Controller:
    """A controller by its object."""
    spec, ref = body.get("spec") or {}, objects.reference_of(body)
    meta = objects.at(body, "spec", "template", "metadata") or {}
    return Controller(
        ref=ref,
        labels=dict(meta.get("labels") or {}),
        annotations=dict(meta.get("annotations") or {}),
        away=_away(ref.kind, spec),
        obstacle=_obstacle(spec),
        restarted=str((meta.get("annotations") or {}).get(RESTARTED, "")),
        generation=int(objects.at(body, "metadata", "generation") or 0),
    )


async def of_namespace(cluster: Cluster, namespace: str) -> list[Controller]:
    """The controllers of a namespace, those of gateways left out. Raises KubernetesError."""
    workloads = []
    for kind in KINDS:
        async with aclosing(cluster.list("apps", kind, namespace)) as items:
            async for each in items:
                one = controller(each.body)
                if _GATEWAY not in one.labels:
                    workloads.append(one)
    return sorted(workloads, key=lambda each: each.ref)


async def bare_pods(cluster: Cluster, namespace: str) -> list[ResourceRef]:
    """Pods of a namespace that no such controller would make anew. Raises KubernetesError."""
    pods = []
    async with aclosing(cluster.list("", "Pod", namespace)) as items:
        async for each in items:
            owners = {str(owner.get("kind")) for owner in objects.at(each.body, "metadata", "ownerReferences") or []}
            done = objects.at(each.body, "status", "phase") in ("Succeeded", "Failed")
            if not owners & {"ReplicaSet", "StatefulSet", "DaemonSet"} and not done:
                pods.append(each.ref)
    return sorted(pods)


async def budgets(cluster: Cluster, one: Controller) -> list[Budget]:
    """The PodDisruptionBudgets over the pods of a controller. Raises KubernetesError."""
    limits = []
    async with aclosing(cluster.list("policy", "PodDisruptionBudget", one.ref.namespace)) as items:
        async for each in items:
            if selects(objects.at(each.body, "spec", "selector") or {}, one.labels):
                status = each.body.get("status") or {}
                pods, healthy = int(status.get("expectedPods") or 0), int(status.get("desiredHealthy") or 0)
                now = int(status.get("disruptionsAllowed") or 0)
                limits.append(Budget(name=each.ref.name, now=now, most=max(pods - healthy, now)))
    return limits


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector of policy/v1 means pods with these labels; an empty one means all."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_matches(each, labels) for each in selector.get("matchExpressions") or [])


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    there = labels.get(str(expression.get("key")))
    values: list[Any] = expression.get("values") or []
    operator = str(expression.get("operator"))
    if operator in ("Exists", "DoesNotExist"):
        return (there is None) is (operator == "DoesNotExist")
    return (there in values) is (operator == "In")


def _away(kind: str, spec: Body) -> int:
    replicas = int(spec.get("replicas", 1))
    if kind == "StatefulSet":
        return min(1, replicas)
    strategy = spec.get("strategy" if kind == "Deployment" else "updateStrategy") or {}
    if strategy.get("type") == "Recreate":
        return replicas
    rolling = strategy.get("rollingUpdate") or {}
    if kind == "DaemonSet":
        return 0 if str(rolling.get("maxSurge", 0)) not in ("0", "0%") else _part(rolling.get("maxUnavailable", 1), 1)
    return _part(rolling.get("maxUnavailable", "25%"), replicas)


def _part(value: Any, whole: int) -> int:
    text = str(value)
    return math.floor(whole * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def _obstacle(spec: Body) -> str:
    if spec.get("paused"):
        return "its rollout is paused"
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return "its update strategy is OnDelete: its pods are made anew only when somebody deletes them"
    if objects.at(spec, "template", "spec", "hostNetwork"):
        return "its pods use the network of their host, where a mesh takes nothing in"
    return ""
