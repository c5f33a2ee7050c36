"""References: how one native resource of a mesh is named, whatever the mesh.

Invariant: a native resource is known by group, kind, namespace and name, and by nothing that has to be parsed. The
only texts read here are what people write in a design (`type`) and what the first version of the contract recorded.
"""

import re

from meshwright.schemas.base import Model

_TYPE_URL = "type.googleapis.com/"
_API_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]+)?")  # as Kubernetes writes it
_GROUPS_BEFORE_V2 = {
    "Cluster": "envoy.config.cluster.v3",
    "Listener": "envoy.config.listener.v3",
    "RouteConfiguration": "envoy.config.route.v3",
}
"""of the kinds that adapters of ours recorded without a group"""


class ResourceRef(Model, frozen=True, kw_only=True, order=True):
    """One native resource. `group` and `namespace` are empty where the mesh has none.

    What only one proxy has is named `workload/name`; Kubernetes groups come without a version.
    """

    group: str = ""
    kind: str
    namespace: str = ""
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def reference(type_name: str, namespace: str, name: str) -> ResourceRef:
    """The resource of a `type` as people write it: an xDS type URL, or `group/version/Kind` without what it lacks."""
    if type_name.startswith(_TYPE_URL):
        group, _, kind = type_name.removeprefix(_TYPE_URL).rpartition(".")
    else:
        *parts, kind = type_name.split("/")
        if parts and _API_VERSION.fullmatch(parts[-1]):
            parts.pop()
        group = "/".join(parts)
    return ResourceRef(group=group, kind=kind, namespace=namespace, name=name)


def recorded(line: str) -> ResourceRef:
    """The resource of a line in an inventory of `release.changed.v1`: `Kind name`, or `Kind/name`."""
    kind, separator, name = line.partition(" " if " " in line else "/")
    if not separator:
        kind, name = "", line
    return ResourceRef(group=_GROUPS_BEFORE_V2.get(kind, ""), kind=kind, name=name)


def inventory(lines: list[str]) -> list[ResourceRef]:
    """The resources of an inventory of `release.changed.v1`."""
    return [recorded(line) for line in lines]
