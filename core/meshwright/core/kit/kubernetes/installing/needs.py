"""What bringing, changing and removing some objects takes of somebody's rights, as rules of RBAC.

Problem: whoever installs a mesh makes roles, and Kubernetes lets nobody grant what he does not have himself. Invariant:
the rules are enough for every object, and no more: what belongs to the whole cluster is named object by object, the
rest is confined to its namespaces, and instead of `escalate` and `bind`, with which one could grant oneself anything,
they hold what the roles themselves grant.
"""

from collections.abc import Iterable

import msgspec

from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.objects import Body, at, reference_of
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.references import ResourceRef

VERBS = ("get", "create", "patch", "delete")
RBAC = "rbac.authorization.k8s.io"
_ROLES = {"ClusterRole": "clusterroles", "Role": "roles"}
_OF_CLUSTERS = {
    *("Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService", "PriorityClass"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "GatewayClass", "StorageClass", "IngressClass"),
    *("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "RuntimeClass", "CSIDriver"),
}
"""kinds without a namespace, for when no cluster is there to be asked"""


class _Kind(msgspec.Struct, frozen=True):
    plural: str
    namespaced: bool


async def of_objects(
    refs: Iterable[ResourceRef], namespace: str, because: str, cluster: Cluster | None = None
) -> list[AccessRule]:
    """What bringing and removing objects takes, where `namespace` is of those that name none and need one.

    Without a cluster plural names are what the conventions of Kubernetes make of kinds. Raises KubernetesError.
    """
    named: dict[tuple[str, str], set[str]] = {}
    placed: dict[tuple[str, str], set[str]] = {}
    for ref in refs:
        kind = await _kind(cluster, ref)
        if kind.namespaced:
            placed.setdefault((ref.namespace or namespace, ref.group), set()).add(kind.plural)
        else:
            named.setdefault((ref.group, kind.plural), set()).add(ref.name)
    rules = [_rule(because, group, [plural], names=sorted(names)) for (group, plural), names in sorted(named.items())]
    return rules + [
        _rule(because, group, sorted(plurals), namespace=place) for (place, group), plurals in sorted(placed.items())
    ]


def of_roles(bodies: Iterable[Body], namespace: str, because: str) -> list[AccessRule]:
    """What making the roles and bindings among objects takes besides: all that they grant."""
    found = [(reference_of(body), body) for body in bodies if str(body.get("apiVersion", "")).startswith(RBAC)]
    own = {(ref.kind, ref.name) for ref, _ in found if ref.kind in _ROLES}
    rules: list[AccessRule] = []
    for ref, body in found:
        if ref.kind in _ROLES:
            place = (ref.namespace or namespace) if ref.kind == "Role" else ""
            rules += [_granted(each, place, because) for each in body.get("rules") or [] if each.get("resources")]
        elif (role := (str(at(body, "roleRef", "kind")), str(at(body, "roleRef", "name")))) not in own:
            place = (ref.namespace or namespace) if ref.kind == "RoleBinding" else ""
            rules.append(_rule(because, RBAC, [_ROLES[role[0]]], verbs=["bind"], names=[role[1]], namespace=place))
    return rules


def of_definitions(bodies: Iterable[Body], because: str) -> list[AccessRule]:
    """What waiting for the definitions among objects takes, and judging whether they are used: listing their kinds."""
    plurals: dict[str, set[str]] = {}
    for body in bodies:
        if body.get("kind") == "CustomResourceDefinition":
            spec = body.get("spec") or {}
            plurals.setdefault(str(spec.get("group")), set()).add(str(at(spec, "names", "plural")))
    return [_rule(because, group, sorted(names), verbs=["list"]) for group, names in sorted(plurals.items())]


def distinct(rules: Iterable[AccessRule]) -> list[AccessRule]:
    """The rules without those that say the same as one before, for whatever reason."""
    kept: dict[bytes, AccessRule] = {}
    for each in rules:
        kept.setdefault(msgspec.json.encode(msgspec.structs.replace(each, because="")), each)
    return list(kept.values())


def _granted(rule: Body, namespace: str, because: str) -> AccessRule:
    return AccessRule(
        groups=[str(each) for each in rule.get("apiGroups") or []],
        resources=[str(each) for each in rule.get("resources") or []],
        verbs=[str(each) for each in rule.get("verbs") or []],
        names=[str(each) for each in rule.get("resourceNames") or []],
        namespace=namespace,
        because=because,
    )


def _rule(
    because: str,
    group: str,
    resources: list[str],
    *,
    verbs: Iterable[str] = VERBS,
    names: list[str] | None = None,
    namespace: str = "",
) -> AccessRule:
    return AccessRule(
        groups=[group], resources=resources, verbs=list(verbs), names=names or [], namespace=namespace, because=because
    )


async def _kind(cluster: Cluster | None, ref: ResourceRef) -> _Kind:
    if cluster is not None:
        try:
            api = await cluster.discovery.api(ref.group, ref.kind)
        except errors.UnknownKind:
            pass  # it comes with a definition that is brought first
        else:
            return _Kind(api.plural, api.namespaced)
    return _Kind(plural(ref.kind), ref.kind not in _OF_CLUSTERS)


def plural(kind: str) -> str:
    """The plural name of a kind, as kubectl guesses it."""
    name = kind.lower()
    if name == "endpoints":
        return name
    if name.endswith(("s", "x", "ch")):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") and not name.endswith("ay") else f"{name}s"
