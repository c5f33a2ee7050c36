"""The control planes, tags and enrolled namespaces of a cluster, as they are there, whoever made them.

Invariant: only labels that Istio itself goes by count; nothing is remembered from one look to the next.
"""

import re
from contextlib import aclosing
from typing import Any

import msgspec

from meshwright.adapters.istio.charts.profiles import DEFAULT_REVISION
from meshwright.adapters.istio.enrolment.marks import INJECTION, REVISION, TAG
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.target.ownership import CREATED_BY
from meshwright.schemas.base import Model

WEBHOOKS = ("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
_TAG_PREFIX = "istio-revision-tag-"
_IMAGE_TAG = re.compile(r":(?P<tag>[^:@/]+)(@.*)?$")


class ControlPlane(Model, frozen=True, kw_only=True):
    """One istiod."""

    namespace: str
    name: str
    revision: str
    """as labels have it: `default` for the one without a name"""
    version: str = ""
    ready: bool = False
    manager: str = ""
    """what has made it"""


class Tag(Model, frozen=True, kw_only=True):
    """A name for a revision that namespaces can follow."""

    name: str
    revision: str


async def control_planes(cluster: k8s.Cluster) -> list[ControlPlane]:
    """Every istiod of a cluster. Raises KubernetesError."""
    planes = []
    async with aclosing(cluster.list("apps", "Deployment", labels={"app": "istiod"})) as items:
        async for each in items:
            planes.append(_control_plane(each.body))
    return sorted(planes, key=lambda each: (each.namespace, each.revision))


async def tags(cluster: k8s.Cluster) -> list[Tag]:
    """The revision tags of a cluster. Raises KubernetesError."""
    revisions: dict[str, str] = {}
    async with aclosing(cluster.list(*WEBHOOKS)) as items:
        async for each in items:
            labels = (k8s.at(each.body, "metadata", "labels")) or {}
            if each.ref.name.startswith(_TAG_PREFIX) or labels.get(TAG):
                name = str(labels.get(TAG) or each.ref.name.removeprefix(_TAG_PREFIX))
                revisions[name] = str(labels.get(REVISION) or DEFAULT_REVISION)
    return [Tag(name=name, revision=revision) for name, revision in sorted(revisions.items())]


def version_of(body: dict[str, Any]) -> str:
    """The version of a control plane: the tag of its image."""
    for container in k8s.at(body, "spec", "template", "spec", "containers") or []:
        if container.get("name") == "discovery":
            tag = _IMAGE_TAG.search(str(container.get("image", "")))
            return tag["tag"].removesuffix("-distroless").removesuffix("-debug") if tag else ""
    return ""


def _control_plane(body: dict[str, Any]) -> ControlPlane:
    meta = body["metadata"]
    managers = [str(each.get("manager", "")) for each in meta.get("managedFields") or [] if not each.get("subresource")]
    status, wanted = body.get("status") or {}, (body.get("spec") or {}).get("replicas", 1)
    return ControlPlane(
        namespace=str(meta.get("namespace", "")),
        name=str(meta.get("name", "")),
        revision=str((meta.get("labels") or {}).get(REVISION) or DEFAULT_REVISION),
        version=version_of(body),
        ready=int(status.get("availableReplicas") or 0) >= wanted > 0,
        manager=str((meta.get("annotations") or {}).get(CREATED_BY) or (managers[0] if managers else "")),
    )


class NamespaceState(Model, frozen=True, kw_only=True):
    """A namespace by the labels that Istio goes by."""

    name: str
    labels: dict[str, str] = {}


class _Meta(msgspec.Struct, frozen=True):
    name: str = ""
    labels: dict[str, str] = {}


class _Named(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


async def namespaces(cluster: k8s.Cluster) -> list[NamespaceState]:
    """Every namespace. Raises KubernetesError."""
    states = []
    async with aclosing(cluster.list("", "Namespace")) as items:
        async for each in items:
            meta = each.decode(_Named).metadata
            states.append(NamespaceState(name=meta.name, labels=meta.labels))
    return sorted(states, key=lambda each: each.name)


def following(name: NamespaceState, revision: str, aliases: set[str]) -> bool:
    """Whether pods of a namespace get their sidecars from a revision; `aliases` are the tags that point to it."""
    injection = name.labels.get(INJECTION)
    if injection is not None:  # where both are, this one counts
        return injection == "enabled" and (revision == DEFAULT_REVISION or DEFAULT_REVISION in aliases)
    return name.labels.get(REVISION) in ({revision} | aliases)
