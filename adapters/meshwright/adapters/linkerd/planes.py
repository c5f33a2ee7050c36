"""The control planes of a cluster, as they are there, whoever made them.

Invariant: the labels that Linkerd itself goes by count; nothing is remembered from one look to the next.
"""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from meshwright.adapters.linkerd import versions, words
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.schemas.base import Model

Body = dict[str, Any]
_TAG = re.compile(r":(?P<tag>[^:@/]+)(@.*)?$")


class Plane(Model, frozen=True, kw_only=True):
    """One control plane."""

    namespace: str
    release: str = ""
    """as it was published: edge-26.6.3; empty where nothing tells"""


async def read(cluster: k8s.Cluster) -> list[Plane]:
    """Every control plane of a cluster. Raises KubernetesError."""
    bodies = await listing.listed(cluster, "apps", "Deployment", labels=f"{words.COMPONENT}=destination")
    return sorted((plane(each) for each in bodies), key=lambda each: each.namespace)


def plane(destination: Body) -> Plane:
    """The control plane of a Deployment of the destination controller."""
    return Plane(namespace=str(k8s.at(destination, "metadata", "namespace") or ""), release=release(destination))


def chosen(there: Sequence[Plane], namespace: str) -> Plane | None:
    """The control plane of a mesh: the one in the namespace that is recorded, or else the only one."""
    mine = [each for each in there if each.namespace == namespace]
    return mine[0] if mine else there[0] if len(there) == 1 and not namespace else None


def release(workload: Body) -> str:
    """The release of a workload of Linkerd's: by its image, or by what its chart has noted."""
    for container in k8s.at(workload, "spec", "template", "spec", "containers") or []:
        tag = _TAG.search(str(container.get("image", "")))
        if container.get("name") != words.PROXY and tag and versions.is_release(tag["tag"]):
            return tag["tag"]
    noted = str((k8s.at(workload, "metadata", "annotations") or {}).get(words.CREATED_BY, ""))
    last = noted.rpartition(" ")[2]
    return last if versions.is_release(last) else ""


def minor(published: str) -> str:
    """The minor version of a release, by which intents are gated; empty where it is not known."""
    return versions.level(published)


def config(body: Body | None) -> dict[str, Any]:
    """The values with which a control plane was installed, by its ConfigMap."""
    text = str(k8s.at(body, "data", "values") or "")
    values = yaml.safe_load(text) if text else None
    return values if isinstance(values, dict) else {}
