"""What becomes of the objects that a chart gives: applied in order, left out, or refused because they are hooks.

Problem: a hook is an object that Helm creates at a moment of its own, often a program that must have run. Invariant:
nothing is dropped without being told; whatever would have to run is refused by its name; all else that belongs to an
installation is applied like any other object.
"""

from typing import Any

import msgspec

from meshwright.core.kit.kubernetes.objects import Body, reference_of
from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef

HOOK = "helm.sh/hook"
_TESTS = {"test", "test-success", "test-failure"}
_INSTALLING = {"pre-install", "post-install", "pre-upgrade", "post-upgrade", "crd-install"}
_RUN = {"Job", "CronJob", "Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"}
_ORDER = (
    "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget",
    "ServiceAccount", "Secret", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim",
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "DaemonSet",
    "Pod", "ReplicationController", "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job",
    "CronJob", "IngressClass", "Ingress", "APIService", "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
)  # fmt: skip
"""as Helm installs; definitions come first all the same, so that what they define can be applied"""
_PLACES = {kind: place for place, kind in enumerate(_ORDER)}
_FIRST = {"Namespace": -2, "CustomResourceDefinition": -1}
_UNKNOWN = _PLACES["MutatingWebhookConfiguration"] - 1
"""custom resources: before the webhooks, which may not answer yet"""


class RenderedObject(Model, frozen=True, kw_only=True):
    """An object as a template gave it."""

    source: str = ""
    body: dict[str, Any]


class LeftOut(Model, frozen=True, kw_only=True):
    """An object that is not applied, and why."""

    ref: ResourceRef
    because: str


class Sorted(msgspec.Struct, frozen=True):
    """What becomes of the objects; `refused` names hooks that would have to run."""

    apply: list[Body]
    left_out: list[LeftOut]
    refused: list[str]


def sort(hooks: list[RenderedObject]) -> Sorted:
    """Hooks taken apart from what is applied."""
    apply: list[Body] = []
    left_out: list[LeftOut] = []
    refused: list[str] = []
    for each in hooks:
        ref, events = reference_of(each.body), _events(each.body)
        if not events:
            apply.append(each.body)
        elif events <= _TESTS:
            left_out.append(LeftOut(ref=ref, because="it is a test of the chart"))
        elif not events & _INSTALLING:
            because = f"it belongs to a later moment ({', '.join(sorted(events))}), at which Helm is not asked"
            left_out.append(LeftOut(ref=ref, because=because))
        elif ref.kind in _RUN:
            refused.append(f"{ref} ({', '.join(sorted(events & _INSTALLING))})")
        else:
            apply.append(each.body)
    return Sorted(apply, left_out, refused)


def in_order(bodies: list[Body]) -> list[Body]:
    """The objects so that each comes after what it needs; equal ones stay as they were."""
    return sorted(bodies, key=_place)


def _place(body: Body) -> int:
    kind = str(body.get("kind", ""))
    return _FIRST.get(kind, _PLACES.get(kind, _UNKNOWN))


def _events(body: Body) -> set[str]:
    annotations = (body.get("metadata") or {}).get("annotations") or {}
    return {part.strip() for part in str(annotations.get(HOOK) or "").split(",")} - {""}
