"""A service account with exactly some rights in the cluster of a test."""

from collections.abc import Collection, Sequence

import msgspec
import yaml

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing, rights
from meshwright.core.kit.kubernetes.installing import needs
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.connections import Kubernetes
from meshwright.ui_api.requests import cluster_roles

NAMESPACE, NAME = "tools", "installer"


async def entitled(cluster: k8s.Cluster, administrator: Kubernetes) -> Kubernetes:
    """The credentials of the account, which has no rights yet, also none that an earlier test has left."""
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for each in await listing.listed(cluster, needs.RBAC, kind):
            if any(subject.get("name") == NAME for subject in each.get("subjects") or []):
                await cluster.delete(k8s.reference_of(each))
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, owner="admin")
    meta = {"name": NAME, "namespace": NAMESPACE}
    await cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}, owner="admin")
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{NAME}/token"
    token = msgspec.json.decode(await cluster.request("POST", path, body=asked))["status"]["token"]
    document = yaml.safe_load(administrator.kubeconfig)
    for user in document["users"]:
        user["user"] = {"token": token}
    return Kubernetes(kubeconfig=yaml.safe_dump(document), context=administrator.context)


async def grant(cluster: k8s.Cluster, role: str, rules: Sequence[AccessRule], account: Kubernetes) -> None:
    """Give the account a role of exactly these rules, as somebody would who applies what is printed."""
    bodies = cluster_roles.manifests(role, rules, service_account=(NAMESPACE, NAME))
    for body in bodies:
        await cluster.apply(body, owner="admin")
    granted = {k8s.reference_of(each) for each in bodies}
    for kind in ("RoleBinding", "Role"):  # in namespaces of which it no longer speaks
        for each in await listing.listed(cluster, needs.RBAC, kind):
            ref = k8s.reference_of(each)
            if ref.name == role and ref not in granted:
                await cluster.delete(ref)
    wanted = rights.of(rules)

    async def known() -> bool:
        """The authorizer of the server follows a little later."""
        async with k8s.Cluster.open(account) as client:
            return not await rights.missing(client, wanted)

    await eventually(known, timeout=60)


async def lacks(account: Kubernetes, lost: Collection[rights.Right]) -> bool:
    """Whether the server knows that the account has none of these rights."""
    async with k8s.Cluster.open(account) as client:
        return len(await rights.missing(client, list(lost))) == len(lost)


def covered(right: rights.Right, rules: Sequence[AccessRule]) -> bool:
    """Whether rules allow it."""

    def allows(rule: AccessRule) -> bool:
        return (
            {right.verb, "*"} & set(rule.verbs) != set()
            and {right.group, "*"} & set(rule.groups) != set()
            and {right.resource, "*"} & set(rule.resources) != set()
            and (not rule.names or right.name in rule.names)
            and rule.namespace in ("", right.namespace)
        )

    return any(allows(each) for each in rules)
