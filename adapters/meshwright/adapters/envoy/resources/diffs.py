"""The resources of a snapshot by their references, and the changes that an intent makes.

Invariant: a resource that all proxies share is listed once; one of a single proxy is listed as `workload/name`.
"""

from typing import Any

from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.snapshot import Resource, Snapshot
from meshwright.adapters.envoy.state import identity
from meshwright.schemas import references
from meshwright.schemas.intents import Resource as Translated
from meshwright.schemas.references import ResourceRef

_OF_ONE_PROXY = {
    (names.CLUSTER, names.APP),
    (names.LISTENER, names.INBOUND),
    (names.LISTENER, names.OUTBOUND),
    (names.ROUTES, names.INBOUND),
}
Key = tuple[str, str, str]


def flat(snapshot: Snapshot) -> dict[Key, Resource]:
    """The resources of a snapshot by type, workload (empty when shared) and name."""
    resources: dict[Key, Resource] = {}
    for node, proxy in snapshot.proxies.items():
        for type_url, content in proxy.types.items():
            for each in content.resources:
                single = (type_url, each.name) in _OF_ONE_PROXY
                resources[type_url, identity.parse(node).workload if single else "", each.name] = each
    return resources


def bodies(snapshot: Snapshot) -> dict[ResourceRef, dict[str, Any]]:
    """The contents of a snapshot's resources by their references."""
    return {reference(key): each.body for key, each in flat(snapshot).items()}


def caused(before: Snapshot, after: Snapshot) -> list[Translated]:
    """The resources of `after` that `before` does not have, reduced to the fields and items that differ."""
    old = flat(before)
    resources = []
    for key, now in sorted(flat(after).items()):
        was = old.get(key)
        if was is None or was.digest != now.digest:
            body = _difference(was.body, now.body) if was else now.body
            resources.append(Translated(ref=reference(key), body=body))
    return resources


def reference(key: Key) -> ResourceRef:
    """The reference of a resource by its type, workload and name."""
    type_url, workload, name = key
    return references.reference(type_url, "", f"{workload}/{name}" if workload else name)


def _difference(was: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"name": now["name"]}
    for field, value in now.items():
        former = was.get(field)
        if value == former:
            continue
        if isinstance(value, list) and isinstance(former, list):
            body[field] = [item for item in value if item not in former]
        else:
            body[field] = value
    return body
