"""What installing, upgrading and removing Istio takes of the rights of a connection.

Invariant: it is what the charts of this version, profile and revision take, and what istiod and the moves between
revisions add to that.
"""

from collections.abc import Iterable

import msgspec

from meshwright.adapters.istio.charts import values
from meshwright.adapters.istio.charts.profiles import (
    DEFAULT_NAMESPACE,
    DEFAULT_PROFILE,
    PROFILES,
    InstallSpec,
)
from meshwright.adapters.istio.charts.profiles import components as components_of
from meshwright.adapters.istio.operations import prechecks
from meshwright.adapters.istio.operations.leftovers import CA_MAPS, OWN_SECRET
from meshwright.adapters.istio.options import Options
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing import components, entitlements, needs, sources
from meshwright.core.kit.kubernetes.installing.entitlements import KEEP, LOOK, Entitlements, Rendered, rule
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.adapters import AccessRule, NeededRights, RightsRequest
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

_CLEARED = "to remove what istiod has made"
_READING = [
    rule("to find control planes and what takes part", LOOK, "apps", "deployments", "daemonsets"),
    rule("to find control planes and what takes part", LOOK, "", "namespaces", "pods"),
    rule("to find webhooks and tags", LOOK, "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    rule("to find webhooks", LOOK, "admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    rule("to know the definitions that are there", LOOK, "apiextensions.k8s.io", "customresourcedefinitions"),
]
_MOVING = [
    rule("to move namespaces to another revision, and to withdraw them", ["patch"], "", "namespaces"),
    rule(
        "to move workloads to another revision", [*LOOK, "patch"], "apps", "deployments", "statefulsets", "daemonsets"
    ),
    rule("to respect disruption budgets", LOOK, "policy", "poddisruptionbudgets"),
]
_OWN = Entitlements("istio", "Istio", _READING)


def _clearing(namespace: str) -> list[AccessRule]:
    """What removing takes besides the objects of the charts."""
    return [
        rule("to withdraw namespaces", ["patch"], "", "namespaces"),
        rule(_CLEARED, [*KEEP, "list"], "", "configmaps", "services", namespace=namespace),
        rule(_CLEARED, [*KEEP, "list"], "coordination.k8s.io", "leases", namespace=namespace),
        rule(_CLEARED, ["list"], "", "secrets", namespace=namespace),
        rule(_CLEARED, ["get", "delete"], "", "secrets", names=[OWN_SECRET], namespace=namespace),
        rule(_CLEARED, ["list"], "", "configmaps"),
        rule(_CLEARED, KEEP, "", "configmaps", names=list(CA_MAPS)),
        rule(_CLEARED, [*KEEP, "list"], "gateway.networking.k8s.io", "gatewayclasses"),
        rule("to know which classes are used", ["list"], "gateway.networking.k8s.io", "gateways"),
    ]


async def needed(runtime: kit.Runtime, asked: RightsRequest) -> NeededRights:
    """All that the life of an installation takes, by its charts alone. Raises Reject."""
    options = runtime.settings(Options)
    profile = asked.profile or DEFAULT_PROFILE
    if profile not in PROFILES:
        detail = f"there is no profile {profile}; there are {', '.join(PROFILES)}"
        raise kit.unfit([FieldError(detail=detail, pointer="#/profile")])
    spec = InstallSpec(
        version=asked.version or options.version,
        revision=asked.revision,
        profile=profile,
        namespace=asked.namespace or DEFAULT_NAMESPACE,
        values=values.values_of(asked.values),
        default_revision=asked.revision or "default",
    )
    prechecks.check_version(spec.version)
    source = await sources.anywhere(options, spec.values.charts, spec.version)
    rendered = [(each, await components.render(each, source)) for each in components_of(spec)]
    rules = [*await installing(spec, rendered), *_MOVING, *_clearing(spec.namespace)]
    parts = ["install", spec.version, spec.profile, spec.revision, *([spec.namespace] if asked.namespace else [])]
    return NeededRights(name="-".join(filter(None, parts)).lower(), rules=needs.distinct(rules))


async def installing(spec: InstallSpec, rendered: Rendered, cluster: k8s.Cluster | None = None) -> list[AccessRule]:
    """What bringing these charts takes, and taking them back. Raises KubernetesError."""
    return await _OWN.bringing([each.namespace for each in components_of(spec)], rendered, cluster)


async def require_for(
    cluster: k8s.Cluster,
    spec: InstallSpec,
    rendered: Rendered,
    record: Installation | None,
) -> None:
    """Raises Reject when we lack a right to bring this in the place of what is there, KubernetesError."""
    rules = await installing(spec, rendered, cluster)
    if record is not None:
        rules += await _OWN.standing(cluster, record)
        if spec.revision != record.revision:
            rules += _MOVING
    await _require(cluster, rules, [spec, *([_spec_of(record)] if record else [])])


async def require_for_removal(cluster: k8s.Cluster, namespace: str, record: Installation | None) -> None:
    """Raises Reject when we lack a right to remove what is there, KubernetesError."""
    rules = [*_READING, *_clearing(namespace), *(await _OWN.standing(cluster, record) if record else [])]
    await _require(cluster, rules, [_spec_of(record)] if record else [])


async def require_for_leftovers(cluster: k8s.Cluster, refs: Iterable[ResourceRef], record: Installation | None) -> None:
    """Raises Reject when we lack a right to remove these, KubernetesError."""
    rules = [
        msgspec.structs.replace(each, verbs=["delete"], names=[ref.name])  # a role may be for certain names alone
        for ref in refs
        for each in await needs.of_objects([ref], "", _CLEARED, cluster)
    ]
    await _require(cluster, rules, [_spec_of(record)] if record else [])


async def _require(cluster: k8s.Cluster, rules: Iterable[AccessRule], specs: list[InstallSpec]) -> None:
    await entitlements.require(cluster, rules, [_command(each) for each in specs])


def _spec_of(record: Installation) -> InstallSpec:
    return InstallSpec(
        version=record.version,
        revision=record.revision,
        profile=record.profile,
        namespace=record.namespace,
        values=values.values_of(record.values),
    )


def _command(spec: InstallSpec) -> str:
    given = {"--version": spec.version, "--profile": spec.profile, "--revision": spec.revision}
    given |= {"--namespace": spec.namespace if spec.namespace != DEFAULT_NAMESPACE else ""}
    given |= {"--chart": spec.values.charts}
    return _OWN.command(given)
