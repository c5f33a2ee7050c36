"""What discovery sees is what the cluster has, through changes, restarts, outages and removals."""

import functools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from meshwright.core.kit.kubernetes import Cluster
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas.adapters import AccessRule, ConnectionSupport
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.references import ResourceRef
from rig.discovery import Seen

pytestmark = pytest.mark.servers
Discover = Callable[..., AbstractAsyncContextManager[WorkerProcess]]


def service(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    """A Service."""
    meta = {"name": name, "namespace": namespace, "labels": {"app": name}, **more}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}]}}


async def names(seen: Seen, namespace: str) -> set[str]:
    """The Services of a namespace that are seen."""
    return {one.name for one in (await seen.resources(kind="Service", namespace=namespace)).values()}


async def test_a_change_in_the_cluster_is_seen(
    kubernetes_settings: Kubernetes, cluster: Cluster, namespace: str, seen: Seen, discover: Discover
) -> None:
    """What is there at first, what comes, changes and goes; each with its version, and nothing of it twice."""
    await cluster.apply(service(namespace, "a"), owner="test")
    await seen.connect(kubernetes_settings)
    async with discover():
        await eventually(seen.synced)
        assert await names(seen, namespace) == {"a"}
        await cluster.apply(service(namespace, "b"), owner="test")
        await eventually(lambda: _is(seen, namespace, {"a", "b"}))
        body = await cluster.apply(service(namespace, "b", annotations={"x": "y"}), owner="test")
        version = body["metadata"]["resourceVersion"]
        await eventually(lambda: seen.resources(kind="Service", name="b", resource_version=version))
        await cluster.delete(ResourceRef(kind="Service", namespace=namespace, name="a"))
        await eventually(lambda: _is(seen, namespace, {"b"}))
        subjects = [message.subject for message in await seen.messages()]
        assert len(subjects) == len(set(subjects))


async def _is(seen: Seen, namespace: str, wanted: set[str]) -> bool:
    return await names(seen, namespace) == wanted


async def test_what_happens_while_nobody_watches_is_seen_afterwards(
    kubernetes_settings: Kubernetes, cluster: Cluster, namespace: str, seen: Seen, discover: Discover
) -> None:
    """After a kill: deleted objects are published as removed, new ones are published, unchanged ones are not."""
    for name in "abc":
        await cluster.apply(service(namespace, name), owner="test")
    await seen.connect(kubernetes_settings)
    async with discover() as worker:
        await eventually(seen.synced)
        await worker.kill()
    before = {message.subject: message.seq for message in await seen.messages()}
    await cluster.delete(ResourceRef(kind="Service", namespace=namespace, name="a"))
    await cluster.apply(service(namespace, "b", annotations={"x": "y"}), owner="test")
    await cluster.apply(service(namespace, "d"), owner="test")
    await cluster.delete(ResourceRef(kind="Service", namespace=namespace, name="c"))
    old = (await seen.resources(kind="Service", name="c"))[f"prod~~Service~{namespace}~c"]
    await cluster.apply(service(namespace, "c"), owner="test")
    async with discover():
        await eventually(lambda: _is(seen, namespace, {"b", "c", "d"}))
        (again,) = (await seen.resources(kind="Service", name="c", namespace=namespace)).values()
        assert again.uid != old.uid
        (changed,) = (await seen.resources(kind="Service", name="b", namespace=namespace)).values()
        assert changed.body["metadata"]["annotations"] == {"x": "y"}
    moved = {message.subject for message in await seen.messages() if before.get(message.subject) != message.seq}
    assert not [subject for subject in moved if "kube-system" in subject]


async def test_secrets_do_not_leave_the_worker(
    kubernetes_settings: Kubernetes, cluster: Cluster, namespace: str, seen: Seen, discover: Discover
) -> None:
    """Of a watched Secret only the keys are published; long content is trimmed; both are marked."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys", "namespace": namespace},
        "stringData": {"password": "hunter2-hunter2"},
    }
    await cluster.apply(secret, owner="test")
    large = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "large", "namespace": namespace},
        "data": {"text": "x" * 300_000, "small": "kept"},
    }
    await cluster.apply(large, owner="test")
    await seen.connect(kubernetes_settings)
    async with discover(discovery_kinds="core/Secret, core/ConfigMap"):
        await eventually(seen.synced)
        (told,) = (await seen.resources(kind="Secret", namespace=namespace, name="keys")).values()
        assert told.body["data"] == {"password": "(redacted)"}
        assert told.redacted == ["/data/password"]
        (trimmed,) = (await seen.resources(kind="ConfigMap", namespace=namespace, name="large")).values()
        assert trimmed.body["data"] == {"text": "(trimmed, 300002 bytes)", "small": "kept"}
        assert trimmed.trimmed == ["/data/text"]
    assert not [one.subject for one in await seen.messages() if b"hunter2" in one.payload or b"aHVudGVy" in one.payload]
    async with discover():  # not watched any more
        await eventually(lambda: _none(seen, "Secret"))
        await eventually(lambda: _none(seen, "ConfigMap"))


def definition(group: str) -> dict[str, Any]:
    """A kind of a mesh."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": "Wish", "plural": "wishes", "singular": "wish", "listKind": "WishList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": group, "names": names, "scope": "Namespaced", "versions": [version]}
    meta = {"name": f"wishes.{group}"}
    api_version = "apiextensions.k8s.io/v1"
    return {"apiVersion": api_version, "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}


async def test_the_kinds_that_an_adapter_names_are_seen_while_they_are_served(
    kubernetes_settings: Kubernetes, cluster: Cluster, namespace: str, seen: Seen, discover: Discover
) -> None:
    """Of a mesh that is installed and removed while the cluster is watched, by an adapter that comes later."""
    group = f"{namespace}.example.org"
    await seen.connect(kubernetes_settings)
    async with discover():
        await eventually(seen.synced)
        await cluster.apply(definition(group), owner="test")
        rights = [AccessRule(groups=[group, ""], resources=["wishes"], verbs=["get"])]
        await seen.announce(ConnectionSupport(kind="kubernetes", rights=rights))
        body = {"apiVersion": f"{group}/v1", "kind": "Wish", "metadata": {"name": "w", "namespace": namespace}}
        await cluster.discovery.api(group, "Wish", within=30)
        await cluster.apply(body, owner="test")
        await eventually(lambda: seen.resources(kind="Wish", group=group, name="w"))
        await cluster.delete(
            ResourceRef(group="apiextensions.k8s.io", kind="CustomResourceDefinition", name=f"wishes.{group}")
        )
        await eventually(lambda: _none(seen, "Wish"))


async def test_a_connection_that_is_removed_is_forgotten(
    kubernetes_settings: Kubernetes, cluster: Cluster, namespace: str, seen: Seen, discover: Discover
) -> None:
    """Also one that was removed while no worker ran; the objects of others stay."""
    await cluster.apply(service(namespace, "a"), owner="test")
    for name in ("prod", "stage", "own"):
        await seen.connect(kubernetes_settings, name)
    async with discover() as worker:
        for name in ("prod", "stage", "own"):
            await eventually(functools.partial(seen.synced, name))
        await seen.disconnect("prod")
        await eventually(lambda: _none_of(seen, "prod"))
        await eventually(lambda: _forgotten(seen, "prod"))
        await worker.kill()
    await seen.disconnect("stage")
    async with discover():
        await eventually(lambda: _none_of(seen, "stage"))
        await eventually(lambda: _forgotten(seen, "stage"))
        assert await seen.resources(connection="own")


async def test_a_cluster_that_does_not_answer_is_reported_and_keeps_what_was_seen(
    kubernetes_settings: Kubernetes, namespace: str, cluster: Cluster, seen: Seen, discover: Discover
) -> None:
    """Unreachable and refused are different conditions; the first good answer ends both."""
    await cluster.apply(service(namespace, "a"), owner="test")
    await seen.connect(kubernetes_settings)
    async with discover():
        await eventually(seen.synced)
        before = set(await seen.resources())
        server = cluster.server
        nowhere = kubernetes_settings.kubeconfig.replace(server, "https://127.0.0.1:1")
        assert nowhere != kubernetes_settings.kubeconfig
        await seen.connect(Kubernetes(kubeconfig=nowhere, context=kubernetes_settings.context))
        await eventually(lambda: _condition(seen, "Reachable", "False"))
        await eventually(lambda: _condition(seen, "Synced", "False"))
        assert set(await seen.resources()) == before
        await seen.connect(kubernetes_settings)
        await eventually(seen.synced)
        await eventually(lambda: _condition(seen, "Reachable", "True"))


async def test_two_workers_share_and_do_not_disturb_each_other(
    kubernetes_settings: Kubernetes, cluster: Cluster, namespace: str, seen: Seen, discover: Discover
) -> None:
    """One watches; when it is killed the other takes over, and nothing is missed."""
    await seen.connect(kubernetes_settings)
    async with discover() as first, discover():
        await eventually(seen.synced)
        await cluster.apply(service(namespace, "a"), owner="test")
        await eventually(lambda: _is(seen, namespace, {"a"}))
        await first.kill()
        await cluster.apply(service(namespace, "b"), owner="test")
        await cluster.delete(ResourceRef(kind="Service", namespace=namespace, name="a"))
        await eventually(lambda: _is(seen, namespace, {"b"}))


async def _none(seen: Seen, kind: str) -> bool:
    return not await seen.resources(kind=kind)


async def _none_of(seen: Seen, connection: str) -> bool:
    return not await seen.resources(connection=connection)


async def _forgotten(seen: Seen, connection: str) -> bool:
    return await seen.status(connection) is None


async def _condition(seen: Seen, type: str, status: str) -> bool:
    result = await seen.status()
    return result is not None and (type, status) in [(one.type, one.status) for one in result.conditions]
