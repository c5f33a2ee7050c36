"""What of Istio no chart brought and istiod made at run time, or somebody else installed; and what of it stays.

Problem: an uninstalled Istio leaves certificates, leases, webhooks and classes behind, some of which break the next
installation or every pod that is created. Invariant: only what Istio itself makes is called a leftover, by names and
labels that it alone uses; what a person made is kept, and told with the reason.
"""

import re
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from typing import Any

from meshwright.adapters.istio.enrolment.marks import AMBIENT, INJECTION, REVISION, TAG, WAYPOINT, WAYPOINT_NAMESPACE
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.removing import Kept
from meshwright.core.kit.kubernetes.installing.webhooks import GROUP as WEBHOOK_GROUP
from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef

_ELECTION = re.compile(
    r"istio-(?:.*(?:leader|election)|gateway-deployment|gateway-inferencepool|node-untaint|ip-autoallocate)"
    r"(?:-(?P<revision>.+))?"
)
"""the locks of istiod, some of which each revision has for itself"""
CA_MAPS = ("istio-ca-root-cert", "istio-ca-crl")
OWN_SECRET = "istio-ca-secret"
_GIVEN_SECRET = "cacerts"
_CONTROLLER = "istio.io/"
_WEBHOOK_NAMES = re.compile(r"(istio|istiod)-")
_CLASSES = ("gateway.networking.k8s.io", "GatewayClass")
_GATEWAYS = ("gateway.networking.k8s.io", "Gateway")
_LABELLED = (
    ("", "Service"), ("", "ServiceAccount"), ("", "ConfigMap"), ("apps", "Deployment"), ("apps", "DaemonSet"),
    ("autoscaling", "HorizontalPodAutoscaler"), ("policy", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "Role"), ("rbac.authorization.k8s.io", "RoleBinding"),
    ("rbac.authorization.k8s.io", "ClusterRole"), ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("networking.k8s.io", "NetworkPolicy"),
)  # fmt: skip
_MARKS = ("app.kubernetes.io/part-of=istio", "operator.istio.io/component")


class Leftover(Model, frozen=True, kw_only=True):
    """One object that goes, by its UID."""

    ref: ResourceRef
    uid: str
    body: dict[str, Any] | None = None
    """to make it anew when its removal is taken back; None for secrets"""


class Leftovers(Model, frozen=True, kw_only=True):
    """All of them."""

    go: list[Leftover] = []
    stay: list[Kept] = []


async def look(
    cluster: k8s.Cluster, namespace: str, revisions: Collection[str], *, alone: bool, installed_by_others: bool
) -> Leftovers:
    """The leftovers of the Istio in a namespace, with these revisions.

    `alone`: no other control plane is in the cluster, so that what all share goes too. `installed_by_others`: what
    their charts brought is to go as well. Raises KubernetesError.
    """
    go: dict[ResourceRef, Leftover] = {}
    stay: dict[ResourceRef, Kept] = {}
    async for item in _elections(cluster, namespace, revisions, alone=alone):
        go[item.ref] = _leftover(item)
    async for item in _webhooks(cluster, namespace, revisions):
        go[item.ref] = _leftover(item)
    async for item in _list(cluster, "", "Service", namespace, labels=TAG):
        if (k8s.at(item.body, "metadata", "labels") or {}).get(REVISION) in revisions:
            go[item.ref] = _leftover(item)
    await _secrets(cluster, namespace, go, stay)
    if alone:
        async for item in _everywhere(cluster):
            go[item.ref] = _leftover(item)
        await _classes(cluster, go, stay)
    if installed_by_others:
        async for item in _labelled(cluster, namespace, alone=alone):
            go[item.ref] = _leftover(item)
    return Leftovers(go=sorted(go.values(), key=lambda each: each.ref), stay=sorted(stay.values(), key=lambda e: e.ref))


async def proxies(cluster: k8s.Cluster) -> dict[str, int]:
    """How many pods of each namespace still have a sidecar. Raises KubernetesError."""
    counts: dict[str, int] = {}
    async for item in _list(cluster, "", "Pod", labels="security.istio.io/tlsMode"):
        counts[item.ref.namespace] = counts.get(item.ref.namespace, 0) + 1
    return counts


async def _list(cluster: k8s.Cluster, group: str, kind: str, *args: str, **more: Any) -> AsyncIterator[k8s.Item]:
    """The objects of a kind, none where the cluster does not know it."""
    try:
        async with aclosing(cluster.list(group, kind, *args, **more)) as items:
            async for each in items:
                yield each
    except k8s.NotFound:
        return


async def _elections(
    cluster: k8s.Cluster, namespace: str, revisions: Collection[str], *, alone: bool
) -> AsyncIterator[k8s.Item]:
    for group, kind in (("", "ConfigMap"), ("coordination.k8s.io", "Lease")):
        async for item in _list(cluster, group, kind, namespace):
            if is_lock(item.ref.name, revisions, alone=alone):
                yield item


def is_lock(name: str, revisions: Collection[str], *, alone: bool) -> bool:
    """Whether an object of this name is a lock of an istiod that goes; `alone`: every istiod goes."""
    match = _ELECTION.fullmatch(name)
    return match is not None and (alone or match["revision"] is None or match["revision"] in revisions)


async def _webhooks(cluster: k8s.Cluster, namespace: str, revisions: Collection[str]) -> AsyncIterator[k8s.Item]:
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        async for item in _list(cluster, WEBHOOK_GROUP, kind):
            called = [k8s.at(each, "clientConfig", "service", "namespace") for each in item.body.get("webhooks") or []]
            label = (k8s.at(item.body, "metadata", "labels") or {}).get(REVISION)
            elsewhere = any(each not in (None, namespace) for each in called)
            if _WEBHOOK_NAMES.match(item.ref.name) and (namespace in called or (label in revisions and not elsewhere)):
                yield item


async def _secrets(
    cluster: k8s.Cluster, namespace: str, go: dict[ResourceRef, Leftover], stay: dict[ResourceRef, Kept]
) -> None:
    async for item in _list(cluster, "", "Secret", namespace):
        if item.ref.name == OWN_SECRET:
            go[item.ref] = Leftover(ref=item.ref, uid=item.uid)
        elif item.ref.name == _GIVEN_SECRET:
            stay[item.ref] = Kept(ref=item.ref, because="it is a certificate authority that somebody has given Istio")
        elif item.ref.name.startswith("sh.helm.release.v1."):
            stay[item.ref] = Kept(ref=item.ref, because="it is Helm's own record: remove it with `helm uninstall`")


async def _everywhere(cluster: k8s.Cluster) -> AsyncIterator[k8s.Item]:
    async for item in _list(cluster, "", "ConfigMap", labels="istio.io/config=true"):
        if item.ref.name in CA_MAPS:
            yield item


async def _classes(cluster: k8s.Cluster, go: dict[ResourceRef, Leftover], stay: dict[ResourceRef, Kept]) -> None:
    used: dict[str, ResourceRef] = {}
    async for gateway in _list(cluster, *_GATEWAYS):
        used[str(k8s.at(gateway.body, "spec", "gatewayClassName"))] = gateway.ref
    async for item in _list(cluster, *_CLASSES):
        if str(k8s.at(item.body, "spec", "controllerName")).startswith(_CONTROLLER):
            if gateway_ref := used.get(item.ref.name):
                stay[item.ref] = Kept(ref=item.ref, because=f"{gateway_ref} is of this class")
            else:
                go[item.ref] = _leftover(item)


async def _labelled(cluster: k8s.Cluster, namespace: str, *, alone: bool) -> AsyncIterator[k8s.Item]:
    """What charts or istioctl brought into the namespace; what belongs to all of the cluster too, when alone."""
    for group, kind in _LABELLED:
        for mark in _MARKS:
            async for item in _list(cluster, group, kind, labels=mark):
                if item.ref.namespace == namespace or (alone and not item.ref.namespace):
                    yield item


def _leftover(item: k8s.Item) -> Leftover:
    return Leftover(ref=item.ref, uid=item.uid, body=item.body)


def enrolled(labels: dict[str, str], revisions: set[str]) -> dict[str, str]:
    """Those of a namespace's labels that have its pods take part in one of these revisions, or in ambient."""
    marks = {}
    if labels.get(REVISION) in revisions:
        marks[REVISION] = labels[REVISION]
    if labels.get(INJECTION) == "enabled" and "default" in revisions:
        marks[INJECTION] = "enabled"
    if labels.get(AMBIENT) == "ambient":
        marks[AMBIENT] = "ambient"
        marks |= {key: labels[key] for key in (WAYPOINT, WAYPOINT_NAMESPACE) if key in labels}
    return marks
