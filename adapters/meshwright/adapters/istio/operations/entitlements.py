"""What installing, upgrading and removing Istio takes of the rights of a connection, from what its charts render.

Problem: an operation that lacks a right in its middle leaves half an Istio behind, and may lack what it takes to undo
that. Invariant: what is printed as a role is what is checked before an operation begins, and is enough for all of it
and for taking it back; it is confined to the objects of this version, profile and revision, beside what every
installation has to read.
"""

import shlex
from collections.abc import Iterable, Sequence

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
from meshwright.core.kit.kubernetes import helm, rights
from meshwright.core.kit.kubernetes.installing import components, failures, needs, sources
from meshwright.core.kit.kubernetes.installing.components import Component
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.adapters import AccessRule, NeededRights, RightsRequest
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

_LOOK = ["get", "list"]
_KEEP = ["get", "create", "patch", "delete"]
_BROUGHT = "to bring, change and remove what Istio's charts hold"
_GRANTED = "to make Istio's own roles: Kubernetes lets nobody grant what he may not do himself"
_CLEARED = "to remove what istiod has made"
Rendered = Sequence[tuple[Component, helm.Rendered]]


def _rule(
    because: str, verbs: list[str], group: str, *resources: str, names: Sequence[str] = (), namespace: str = ""
) -> AccessRule:
    return AccessRule(
        groups=[group],
        resources=list(resources),
        verbs=verbs,
        names=list(names),
        namespace=namespace,
        because=because,
    )


_READING = [
    _rule("to find control planes and what takes part", _LOOK, "apps", "deployments", "daemonsets"),
    _rule("to find control planes and what takes part", _LOOK, "", "namespaces", "pods"),
    _rule("to find webhooks and tags", _LOOK, "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    _rule("to find webhooks", _LOOK, "admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    _rule("to know the definitions that are there", _LOOK, "apiextensions.k8s.io", "customresourcedefinitions"),
]
_MOVING = [
    _rule("to move namespaces to another revision, and to withdraw them", ["patch"], "", "namespaces"),
    _rule(
        "to move workloads to another revision",
        [*_LOOK, "patch"],
        "apps",
        *("deployments", "statefulsets", "daemonsets"),
    ),
    _rule("to respect disruption budgets", _LOOK, "policy", "poddisruptionbudgets"),
]


def _clearing(namespace: str) -> list[AccessRule]:
    """What removing takes besides the objects of the charts."""
    return [
        _rule("to withdraw namespaces", ["patch"], "", "namespaces"),
        _rule(_CLEARED, [*_KEEP, "list"], "", "configmaps", "services", namespace=namespace),
        _rule(_CLEARED, [*_KEEP, "list"], "coordination.k8s.io", "leases", namespace=namespace),
        _rule(_CLEARED, ["list"], "", "secrets", namespace=namespace),
        _rule(_CLEARED, ["get", "delete"], "", "secrets", names=[OWN_SECRET], namespace=namespace),
        _rule(_CLEARED, ["list"], "", "configmaps"),
        _rule(_CLEARED, _KEEP, "", "configmaps", names=list(CA_MAPS)),
        _rule(_CLEARED, [*_KEEP, "list"], "gateway.networking.k8s.io", "gatewayclasses"),
        _rule("to know which classes are used", ["list"], "gateway.networking.k8s.io", "gateways"),
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
    places = [ResourceRef(kind="Namespace", name=name) for name in {each.namespace for each in components_of(spec)}]
    rules = [*_READING, *await needs.of_objects(places, "", _BROUGHT, cluster)]
    for component, each in rendered:
        refs = [k8s.reference_of(body) for body in each.objects]
        rules += await needs.of_objects(refs, component.namespace, _BROUGHT, cluster)
        rules += needs.of_definitions(each.objects, "to wait until a definition is served")
    for component, each in rendered:
        rules += needs.of_roles(each.objects, component.namespace, _GRANTED)
    return needs.distinct(rules)


async def standing(cluster: k8s.Cluster, record: Installation) -> list[AccessRule]:
    """What changing, removing or bringing back an installation takes that is there. Raises KubernetesError."""
    rules: list[AccessRule] = []
    roles: list[ResourceRef] = []
    for each in record.components:
        rules += await needs.of_objects(each.inventory, each.namespace, _BROUGHT, cluster)
        roles += [ref for ref in each.inventory if ref.group == needs.RBAC]
    try:
        bodies = [body for body in await k8s.every(roles, cluster.find) if body]
    except k8s.Forbidden:  # the rules above say so
        bodies = []
    return needs.distinct([*_READING, *rules, *needs.of_roles(bodies, record.namespace, _GRANTED)])


async def require_for(
    cluster: k8s.Cluster,
    spec: InstallSpec,
    rendered: Rendered,
    record: Installation | None,
) -> None:
    """Raises Reject when we lack a right to bring this in the place of what is there, KubernetesError."""
    rules = await installing(spec, rendered, cluster)
    if record is not None:
        rules += await standing(cluster, record)
        if spec.revision != record.revision:
            rules += _MOVING
    await _require(cluster, rules, [spec, *([_spec_of(record)] if record else [])])


async def require_for_removal(cluster: k8s.Cluster, namespace: str, record: Installation | None) -> None:
    """Raises Reject when we lack a right to remove what is there, KubernetesError."""
    rules = [*_READING, *_clearing(namespace), *(await standing(cluster, record) if record else [])]
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
    """Raises Reject naming what we lack, and the commands that print the roles of these installations."""
    if missing := await rights.missing(cluster, rights.of(rules)):
        commands = list(dict.fromkeys(_command(each) for each in specs))
        raise failures.no_rights([each.action for each in missing], commands)


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
    words = [f"{name} {shlex.quote(value)}" for name, value in given.items() if value]
    return " ".join(["meshwright connections rights --adapter istio --for install", *words])
