"""What differs between two snapshots, resource by resource, for people.

Invariant: a resource that all proxies share is told once; one of a single proxy is told as `workload/name`.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.snapshot import Resource, Snapshot
from meshwright.adapters.envoy.state import identity
from meshwright.schemas import references
from meshwright.schemas.designs import ResourceDiff
from meshwright.schemas.intents import Resource as Translated
from meshwright.schemas.references import ResourceRef

_OF_ONE_PROXY = {
    (names.CLUSTER, names.APP),
    (names.LISTENER, names.INBOUND),
    (names.LISTENER, names.OUTBOUND),
    (names.ROUTES, names.INBOUND),
}
Key = tuple[str, str, str]
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's, where it is there, is ten times as fast"""


def flat(snapshot: Snapshot) -> dict[Key, Resource]:
    """The resources of a snapshot by type, workload (empty when shared) and name."""
    found: dict[Key, Resource] = {}
    for node, proxy in snapshot.proxies.items():
        for type_url, content in proxy.types.items():
            for each in content.resources:
                single = (type_url, each.name) in _OF_ONE_PROXY
                found[type_url, identity.parse(node).workload if single else "", each.name] = each
    return found


def diff(before: Snapshot, after: Snapshot) -> list[ResourceDiff]:
    """What would be created, updated and deleted."""
    return [
        ResourceDiff(
            ref=reference(key),
            change="update" if was and now else "create" if now else "delete",
            before=_yaml(was),
            after=_yaml(now),
        )
        for key, was, now in _changed(before, after)
    ]


def caused(before: Snapshot, after: Snapshot) -> list[Translated]:
    """The resources of `after` that `before` does not have, cut down to the fields and items that differ."""
    old = flat(before)
    resources = []
    for key, now in sorted(flat(after).items()):
        was = old.get(key)
        if was is None or was.digest != now.digest:
            body = _difference(was.body, now.body) if was else now.body
            resources.append(Translated(ref=reference(key), body=body))
    return resources


def inventory(before: Snapshot, after: Snapshot) -> list[ResourceRef]:
    """What a change created or updated."""
    return [reference(key) for key, _, now in _changed(before, after) if now]


def _changed(before: Snapshot, after: Snapshot) -> Iterator[tuple[Key, Resource | None, Resource | None]]:
    old, new = flat(before), flat(after)
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if not (was and now and was.digest == now.digest):
            yield key, was, now


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


def _yaml(resource: Resource | None) -> str:
    if resource is None:
        return ""
    return str(yaml.dump(resource.body, Dumper=_Dumper, sort_keys=False, allow_unicode=True))
