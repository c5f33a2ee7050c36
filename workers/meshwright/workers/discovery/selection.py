"""Which kinds of objects are watched in a cluster.

Invariant: the kinds follow from what the cluster serves, from the API groups that adapters announce, and from the
configuration; a kind that cannot be listed and watched is left out.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from meshwright.schemas.adapters import AccessRule

if TYPE_CHECKING:
    from meshwright.core.kit.kubernetes import Api

Kind = tuple[str, str]
"""API group and kind"""
DEFINITIONS: Kind = ("apiextensions.k8s.io", "CustomResourceDefinition")
GATEWAY_API = "gateway.networking.k8s.io"
BUILT_IN: frozenset[Kind] = frozenset(
    {
        ("", "Namespace"),
        ("", "Pod"),
        ("", "Service"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("batch", "CronJob"),
        ("batch", "Job"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        DEFINITIONS,
    }
)
_CORE = "core"
_ALL = "*"
_OF_KUBERNETES = ("", "apps", "batch", "autoscaling", "policy", "extensions")
_NEEDED = {"list", "watch"}


class InvalidSelection(Exception):
    """The configured kinds cannot be read."""


class Wanted(msgspec.Struct, frozen=True):
    """Kinds and whole groups to watch, in addition to those that are always watched."""

    kinds: frozenset[Kind] = frozenset()
    groups: frozenset[str] = frozenset()

    def union(self, groups: Iterable[str]) -> "Wanted":
        """The same with more groups."""
        return Wanted(self.kinds, self.groups | frozenset(groups))


def configured(text: str) -> Wanted:
    """Parse the kinds of a setting, as `core/ConfigMap,networking.k8s.io/*`. Raises InvalidSelection."""
    kinds, groups = set(), set()
    for part in (part.strip() for part in text.split(",")):
        group, slash, kind = part.partition("/")
        if not part:
            continue
        if not slash or not group or not kind or "/" in kind:
            raise InvalidSelection(f"{part!r} is not a kind: write GROUP/KIND or GROUP/*, as core/ConfigMap")
        group = "" if group == _CORE else group
        if kind == _ALL:
            groups.add(group)
        else:
            kinds.add((group, kind))
    return Wanted(frozenset(kinds), frozenset(groups))


def of_rights(rules: Iterable[AccessRule]) -> frozenset[str]:
    """The groups of the custom resources that an adapter works with, from the permissions that it needs."""
    groups = {group for rule in rules for group in rule.groups}
    return frozenset(group for group in groups if not _is_built_in(group))


def selected(served: "Sequence[Api]", wanted: Wanted) -> list[Kind]:
    """The kinds to watch, of those that a cluster serves."""
    kinds, groups = BUILT_IN | wanted.kinds, {GATEWAY_API} | wanted.groups
    return sorted(
        (api.group, api.kind)
        for api in served
        if ((api.group, api.kind) in kinds or api.group in groups) and api.verbs >= _NEEDED
    )


def _is_built_in(group: str) -> bool:
    if group in _OF_KUBERNETES or group == _ALL:
        return True
    return group.endswith(".k8s.io") and group != GATEWAY_API
