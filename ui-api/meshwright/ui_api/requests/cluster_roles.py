"""The exact roles that an adapter's credentials need in a Kubernetes cluster, as manifests.

Problem: tools are given cluster-admin because their real needs are not documented, and a Role is refused where its
namespace comes only with the mesh. Invariant: the roles allow exactly what the rules say; a rule for one namespace
becomes a Role there and not a ClusterRole, and that namespace comes first, with nothing in it that would change one
that is there. The manifests can be applied from top to bottom to any cluster.
"""

from collections.abc import Iterable
from typing import Any

from meshwright.schemas.adapters import AccessRule

_GROUP = "rbac.authorization.k8s.io"
LABELS = {"app.kubernetes.io/managed-by": "meshwright"}


def manifests(
    name: str, rules: Iterable[AccessRule], *, service_account: tuple[str, str] | None = None
) -> list[dict[str, Any]]:
    """A ClusterRole for all namespaces, a Role in each single one behind it, with bindings for a service account."""
    by_namespace: dict[str, list[AccessRule]] = {}
    for rule in rules:
        by_namespace.setdefault(rule.namespace, []).append(rule)
    roles: list[dict[str, Any]] = []
    for namespace, own in sorted(by_namespace.items()):
        if namespace:
            roles.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        kind = "Role" if namespace else "ClusterRole"
        meta = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": LABELS}
        head = {"apiVersion": f"{_GROUP}/v1", "metadata": meta}
        roles.append({**head, "kind": kind, "rules": [_rule(each) for each in own]})
        if service_account:
            subject = {"kind": "ServiceAccount", "namespace": service_account[0], "name": service_account[1]}
            reference = {"apiGroup": _GROUP, "kind": kind, "name": name}
            roles.append({**head, "kind": f"{kind}Binding", "roleRef": reference, "subjects": [subject]})
    return roles


def _rule(rule: AccessRule) -> dict[str, Any]:
    names = {"resourceNames": sorted(rule.names)} if rule.names else {}
    return {
        "apiGroups": sorted(rule.groups),
        "resources": sorted(rule.resources),
        **names,
        "verbs": sorted(rule.verbs),
    }
