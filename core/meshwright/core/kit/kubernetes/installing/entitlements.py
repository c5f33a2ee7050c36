"""What installing, upgrading and removing a mesh takes of the rights of a connection, from what its charts render.

Problem: an operation that lacks a right in its middle leaves half a mesh behind, and may lack what it takes to undo
that. Invariant: what is printed as a role is what is checked before an operation begins, and is enough for all of it
and for taking it back; it is confined to the objects of this installation, beside what every one has to read.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import helm, rights
from meshwright.core.kit.kubernetes.installing import failures, needs
from meshwright.core.kit.kubernetes.installing.components import Component
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.adapters import AccessRule, NeededRights
from meshwright.schemas.references import ResourceRef

LOOK = ["get", "list"]
KEEP = ["get", "create", "patch", "delete"]
Rendered: TypeAlias = Sequence[tuple[Component, helm.Rendered]]


def rule(
    because: str, verbs: Sequence[str], group: str, *resources: str, names: Sequence[str] = (), namespace: str = ""
) -> AccessRule:
    """One rule."""
    return AccessRule(
        groups=[group],
        resources=list(resources),
        verbs=list(verbs),
        names=list(names),
        namespace=namespace,
        because=because,
    )


class Entitlements(msgspec.Struct, frozen=True):
    """Those of one kind of mesh; `title` is for people, `reading` is what every installation has to read."""

    adapter: str
    title: str
    reading: Sequence[AccessRule]

    async def bringing(
        self, namespaces: Iterable[str], rendered: Rendered, cluster: k8s.Cluster | None = None
    ) -> list[AccessRule]:
        """What bringing these charts takes, and taking them back. Raises KubernetesError."""
        places = [ResourceRef(kind="Namespace", name=name) for name in sorted(set(namespaces))]
        rules = [*self.reading, *await needs.of_objects(places, "", self._brought, cluster)]
        for component, each in rendered:
            refs = [k8s.reference_of(body) for body in each.objects]
            rules += await needs.of_objects(refs, component.namespace, self._brought, cluster)
            rules += needs.of_definitions(each.objects, "to wait until a definition is served")
        for component, each in rendered:
            rules += needs.of_roles(each.objects, component.namespace, self._granted)
        return needs.distinct(rules)

    async def standing(self, cluster: k8s.Cluster, record: Installation) -> list[AccessRule]:
        """What changing, removing or bringing back an installation takes that is there. Raises KubernetesError."""
        rules: list[AccessRule] = []
        roles: list[ResourceRef] = []
        for each in record.components:
            rules += await needs.of_objects(each.inventory, each.namespace, self._brought, cluster)
            roles += [ref for ref in each.inventory if ref.group == needs.RBAC]
        try:
            bodies = [body for body in await k8s.every(roles, cluster.find) if body]
        except k8s.Forbidden:  # the rules above say so
            bodies = []
        return needs.distinct([*self.reading, *rules, *needs.of_roles(bodies, record.namespace, self._granted)])

    def command(self, given: Mapping[str, str]) -> str:
        """What prints the roles of an installation with these options; those without a value are left out."""
        words = [f"{name} {shlex.quote(value)}" for name, value in given.items() if value]
        return " ".join([f"meshwright connections rights --adapter {self.adapter} --for install", *words])

    @property
    def _brought(self) -> str:
        return f"to bring, change and remove what {self.title}'s charts hold"

    @property
    def _granted(self) -> str:
        return f"to make {self.title}'s own roles: Kubernetes lets nobody grant what he may not do himself"


class CertifiedEntitlements(Entitlements, frozen=True):
    """Those of a mesh with certificates of Meshwright's making; `usual` is the namespace that nobody has to name."""

    usual: str

    async def needed(self, namespace: str, version: str, rendered: Rendered) -> NeededRights:
        """All that the life of an installation takes, by its charts alone."""
        rules = [*await self.bringing([namespace], rendered), *self._beside(namespace)]
        parts = ["install", version, *([namespace] if namespace != self.usual else [])]
        return NeededRights(name="-".join(parts).lower(), rules=needs.distinct(rules))

    async def require_for(
        self,
        cluster: k8s.Cluster,
        *,
        namespace: str,
        version: str,
        charts: str,
        rendered: Rendered,
        record: Installation | None,
    ) -> None:
        """Raises Reject when we lack a right to bring this in the place of what is there, KubernetesError."""
        rules = [*await self.bringing([namespace], rendered, cluster), *self._beside(namespace)]
        if record is not None:
            rules += await self.standing(cluster, record)
        await require(cluster, rules, [self._command(namespace, version, charts)])

    async def require_for_removal(self, cluster: k8s.Cluster, record: Installation) -> None:
        """Raises Reject when we lack a right to remove what is there, KubernetesError."""
        rules = [*await self.standing(cluster, record), *self._beside(record.namespace)]
        charts = str(record.values.get("charts", ""))
        await require(cluster, rules, [self._command(record.namespace, record.version, charts)])

    def _beside(self, namespace: str) -> list[AccessRule]:
        return [
            rule(f"to bring and rotate {self.title}'s certificates", KEEP, "", "secrets", namespace=namespace),
            rule("to withdraw namespaces", ["patch"], "", "namespaces"),
        ]

    def _command(self, namespace: str, version: str, charts: str) -> str:
        elsewhere = namespace if namespace != self.usual else ""
        return self.command({"--version": version, "--namespace": elsewhere, "--chart": charts})


async def require(cluster: k8s.Cluster, rules: Iterable[AccessRule], commands: Iterable[str]) -> None:
    """Raises Reject naming what we lack, and the commands that print the roles."""
    if missing := await rights.missing(cluster, rights.of(rules)):
        raise failures.no_rights([each.action for each in missing], list(dict.fromkeys(commands)))
