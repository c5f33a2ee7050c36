"""Workloads of tests, as people write them."""

from typing import Any

from rig.kubernetes.operating import Operator


def deployment(namespace: str, name: str, *, pods: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A Deployment with one container; `pods` are more labels of its pods."""
    pod = {
        "metadata": {"labels": {"app": name, **(pods or {})}},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": pod, **spec},
    }


async def make_namespace(operator: Operator, name: str, labels: dict[str, str] | None = None, **more: Any) -> None:
    """A namespace with one Deployment, `web`; `more` is its."""
    cluster = await operator.cluster()
    meta = {"name": name, "labels": labels or {}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    await cluster.apply(deployment(name, "web", **more), owner="me")


async def labels_of(operator: Operator, name: str) -> dict[str, str]:
    """The labels of a namespace, without the cluster's own."""
    result = (await operator.find("Namespace", name))["metadata"]["labels"]
    return {key: value for key, value in result.items() if "kubernetes.io" not in key}
