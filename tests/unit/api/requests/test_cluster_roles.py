"""The roles that are made from what an adapter says it has to do."""

from meshwright.schemas.adapters import AccessRule
from meshwright.ui_api.requests import cluster_roles

RULES = [
    AccessRule(groups=["networking.istio.io"], resources=["virtualservices"], verbs=["patch", "get"]),
    AccessRule(groups=[""], resources=["pods/log"], verbs=["get"], namespace="istio-system", names=["istiod"]),
]


def test_roles_allow_what_the_rules_say_and_nothing_else() -> None:
    """What is confined to a namespace becomes a Role there, behind the namespace, which gets nothing but its name."""
    cluster, place, inside = cluster_roles.manifests("meshwright-istio", RULES)
    assert (cluster["kind"], cluster["metadata"]["name"]) == ("ClusterRole", "meshwright-istio")
    assert cluster["rules"] == [
        {"apiGroups": ["networking.istio.io"], "resources": ["virtualservices"], "verbs": ["get", "patch"]}
    ]
    assert place == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}
    assert (inside["kind"], inside["metadata"]["namespace"]) == ("Role", "istio-system")
    assert inside["rules"] == [
        {"apiGroups": [""], "resources": ["pods/log"], "resourceNames": ["istiod"], "verbs": ["get"]}
    ]


def test_with_a_service_account_each_role_is_bound_to_it() -> None:
    """Cluster-wide and in each namespace."""
    result = cluster_roles.manifests("meshwright-istio", RULES, service_account=("tools", "meshwright"))
    kinds = ["ClusterRole", "ClusterRoleBinding", "Namespace", "Role", "RoleBinding"]
    assert [each["kind"] for each in result] == kinds
    subject = [{"kind": "ServiceAccount", "namespace": "tools", "name": "meshwright"}]
    assert all(each["subjects"] == subject for each in result if "subjects" in each)
    assert result[4]["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "meshwright-istio"}
