"""The control planes of a cluster, as they are there, whoever made them.

Invariant: the label that Kuma itself goes by counts; nothing is remembered from one look to the next.
"""

import re
from collections.abc import Sequence
from typing import Any

from meshwright.adapters.kuma import words
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.schemas.base import Model

Body = dict[str, Any]
_TAG = re.compile(r":(?P<tag>[^:@/]+)(@.*)?$")
_RELEASE = re.compile(r"\d+\.\d+\.\d+")
_PREVIEW = "0.0.0"
_MODE, _ZONE = "KUMA_MODE", "KUMA_MULTIZONE_ZONE_NAME"
_CNI = "KUMA_RUNTIME_KUBERNETES_INJECTOR_CNI_ENABLED"


class Plane(Model, frozen=True, kw_only=True):
    """One control plane."""

    namespace: str
    release: str = ""
    """as its image says it: 2.14.3, or that of a preview; empty where nothing tells"""
    mode: str = "zone"
    """zone, or global: of all zones, without proxies of its own"""
    zone: str = ""
    cni: bool = False
    """whether the injector relies on the CNI plugin"""


async def read(cluster: k8s.Cluster) -> list[Plane]:
    """Every control plane of a cluster. Raises KubernetesError."""
    bodies = await listing.listed(cluster, "apps", "Deployment", labels=words.PLANES)
    return sorted((plane(each) for each in bodies), key=lambda each: each.namespace)


def plane(deployment: Body) -> Plane:
    """The control plane of a Deployment."""
    said = _environment(deployment)
    return Plane(
        namespace=k8s.namespace_of(deployment),
        release=_release(deployment),
        mode=said.get(_MODE, "zone"),
        zone=said.get(_ZONE, "") or "default",
        cni=said.get(_CNI) == "true",
    )


def chosen(there: Sequence[Plane], namespace: str) -> Plane | None:
    """The control plane of a mesh: the one in the namespace that is recorded, or else the only one."""
    mine = [each for each in there if each.namespace == namespace]
    return mine[0] if mine else there[0] if len(there) == 1 and not namespace else None


def level(release: str, *, has_gateways: bool) -> str:
    """The version by which translators go; of a preview what its kinds tell."""
    if release.startswith(_PREVIEW) or not _RELEASE.match(release):
        return "2.14" if has_gateways else words.LABELS_ONLY
    found = _RELEASE.match(release)
    return found[0] if found else ""


def _release(deployment: Body) -> str:
    for container in k8s.at(deployment, "spec", "template", "spec", "containers") or []:
        tag = _TAG.search(str(container.get("image", "")))
        if container.get("name") == "control-plane" and tag:
            return tag["tag"]
    return ""


def _environment(deployment: Body) -> dict[str, str]:
    containers = k8s.at(deployment, "spec", "template", "spec", "containers") or []
    return {
        str(each.get("name")): str(each.get("value") or "")
        for container in containers
        if container.get("name") == "control-plane"
        for each in container.get("env") or []
    }
