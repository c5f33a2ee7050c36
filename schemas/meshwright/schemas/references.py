"""References: the identity of one native resource of a mesh, whatever the mesh.

Invariant: a native resource is identified by group, kind, namespace and name, and by nothing that has to be parsed. The
only texts parsed here are what users write in a design (`type`) and what the first version of the contract recorded.
"""

import re

from meshwright.schemas.base import Model

_TYPE_URL = "type.googleapis.com/"
_API_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]+)?")  # Kubernetes' notation
_GROUPS_BEFORE_V2 = {
    "Cluster": "envoy.config.cluster.v3",
    "Listener": "envoy.config.listener.v3",
    "RouteConfiguration": "envoy.config.route.v3",
}
"""groups of the kinds that built-in adapters recorded without a group"""


class ResourceRef(Model, frozen=True, kw_only=True, order=True):
    """The identity of one native resource. `group` and `namespace` are empty where the mesh has none.

    A resource of a single proxy is named `workload/name`; Kubernetes groups have no version.
    """

    group: str = ""
    kind: str
    namespace: str = ""
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def reference(type_name: str, namespace: str, name: str) -> ResourceRef:
    """The reference for a `type` as users write it: xDS type URL or `group/version/Kind`, absent parts omitted."""
    if type_name.startswith(_TYPE_URL):
        group, _, kind = type_name.removeprefix(_TYPE_URL).rpartition(".")
    else:
        *parts, kind = type_name.split("/")
        if parts and _API_VERSION.fullmatch(parts[-1]):
            parts.pop()
        group = "/".join(parts)
    return ResourceRef(group=group, kind=kind, namespace=namespace, name=name)


def recorded(line: str) -> ResourceRef:
    """The reference for a line in an inventory of `release.changed.v1`: `Kind name`, or `Kind/name`."""
    kind, separator, name = line.partition(" " if " " in line else "/")
    if not separator:
        kind, name = "", line
    return ResourceRef(group=_GROUPS_BEFORE_V2.get(kind, ""), kind=kind, name=name)


def inventory(lines: list[str]) -> list[ResourceRef]:
    """The references of an inventory of `release.changed.v1`."""
    return [recorded(line) for line in lines]
