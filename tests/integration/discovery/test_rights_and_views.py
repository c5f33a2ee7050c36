"""What may be seen is seen and the rest is named; what is seen reaches the readers of the views."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import store
from meshwright.core.kit.kubernetes import Cluster
from meshwright.core.store import kinds, resources
from meshwright.core.store.resources import Requirement
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.references import ResourceRef
from rig.discovery import WORKSPACE, Seen
from testbed.cluster import KubernetesServer

pytestmark = pytest.mark.servers
Discover = Callable[..., AbstractAsyncContextManager[WorkerProcess]]
RBAC = "rbac.authorization.k8s.io"
USER = "discovery-test"


def service(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    """A Service."""
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}]}}


async def allow(cluster: Cluster, *plurals: str) -> None:
    """Let the user list and watch these, in any group."""
    rules = [{"apiGroups": ["*"], "resources": list(plurals), "verbs": ["get", "list", "watch"]}]
    meta = {"name": USER}
    subject = {"apiGroup": RBAC, "kind": "User", "name": USER}
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": USER}
    common = {"apiVersion": f"{RBAC}/v1", "metadata": meta}
    await cluster.apply({**common, "kind": "ClusterRole", "rules": rules}, owner="test")
    await cluster.apply({**common, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]}, owner="test")


async def test_rights_that_are_missing_are_named_and_the_rest_is_seen(
    kubernetes_server: KubernetesServer, seen: Seen, discover: Discover
) -> None:
    """As soon as they are granted everything is watched, without a restart of discovery."""
    async with Cluster.open(Kubernetes(kubeconfig=kubernetes_server.kubeconfig())) as cluster:
        await allow(cluster, "services", "namespaces")
        await seen.connect(Kubernetes(kubeconfig=kubernetes_server.kubeconfig(USER)))
        async with discover():

            async def told() -> bool:
                status = await seen.status()
                refused = [one for one in status.conditions if one.type == "Authorized"] if status else []
                return bool(refused and refused[0].status == "False" and "Deployment.apps" in refused[0].message)

            await eventually(told)
            await eventually(lambda: seen.resources(kind="Service", namespace="default", name="kubernetes"))
            assert not await seen.resources(kind="Node")
            await allow(cluster, "*")
            await eventually(seen.synced, timeout=120)
        for kind in ("ClusterRole", "ClusterRoleBinding"):
            await cluster.delete(ResourceRef(group=RBAC, kind=kind, name=USER))


async def test_a_change_in_the_cluster_reaches_the_view(
    kubernetes_settings: Kubernetes,
    cluster: Cluster,
    namespace: str,
    seen: Seen,
    discover: Discover,
    nats_server: NatsServer,
    mongo_database: MongoDatabase,
    tmp_path: Path,
) -> None:
    """Found by its label there; gone from there when it is deleted, also while discovery was dead."""
    await seen.connect(kubernetes_settings)
    where = {"mongodb_url": mongo_database.url, "mongodb_database": mongo_database.name}
    labelled = resources.matching([Requirement(key="app.kubernetes.io/name", operator="in", values=[namespace])], "")
    async with (
        store.connect(mongo_database.url, mongo_database.name, timeout=10) as database,
        console("meshwright-projector", directory=tmp_path, nats_url=nats_server.url, **where),
    ):
        views = store.Views(database)

        async def result(*names: str) -> bool:
            page = await views.page(kinds.RESOURCES, WORKSPACE, where={"kind": "Service"}, also=labelled)
            return [one.document.name for one in page.items] == list(names)

        async with discover() as worker:
            for name in "ab":
                await cluster.apply(service(namespace, name, **{"app.kubernetes.io/name": namespace}), owner="test")
            await eventually(lambda: result("a", "b"))
            await cluster.delete(ResourceRef(kind="Service", namespace=namespace, name="a"))
            await eventually(lambda: result("b"))
            await eventually(lambda: views.get(kinds.CONNECTION_STATUS, WORKSPACE, "prod"))
            await worker.kill()
        await cluster.delete(ResourceRef(kind="Service", namespace=namespace, name="b"))
        async with discover():
            await eventually(result)
