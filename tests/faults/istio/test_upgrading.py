"""Istio comes to another version: in place, or by a second control plane to which everything moves."""

from typing import Any

import pytest

from meshwright.core import kit
from meshwright.schemas.operations import InstallMesh, UninstallMesh, UpgradeMesh

pytestmark = pytest.mark.servers


async def installed(operator: Any, admission: Any, version: str = "1.30.3", **values: Any) -> None:
    """Istio with its control plane alone."""
    values = {**operator.values, "istiod": admission.values, **values}
    await operator.do(InstallMesh(version=version, profile="minimal", values=values))


async def image(operator: Any, name: str = "istiod") -> str:
    """The image of a control plane; empty when there is none."""
    result = await operator.find("Deployment", name, "istio-system", "apps")
    return result["spec"]["template"]["spec"]["containers"][0]["image"] if result else ""


async def shop(operator: Any, name: str, labels: dict[str, str], pods: dict[str, str] | None = None) -> None:
    """A namespace with one workload."""
    cluster = await operator.cluster()
    meta = {"name": name, "labels": labels}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    marks = {"app": "web", **(pods or {})}
    pod = {"metadata": {"labels": marks}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": pod},
    }
    await cluster.apply(body, owner="me")


async def labels(operator: Any, name: str) -> dict[str, str]:
    """The labels of a namespace, without the cluster's own."""
    result = (await operator.find("Namespace", name))["metadata"]["labels"]
    return {key: value for key, value in result.items() if "kubernetes.io" not in key}


async def test_in_place(operator: Any, admission: Any) -> None:
    """The images change and nothing else is lost; asked for again, nothing is done."""
    await installed(operator, admission)
    before = await operator.everything()
    result = await operator.do(UpgradeMesh(version="1.31.0"))
    assert result["version"] == "1.31.0"
    assert (await image(operator)).endswith(":1.31.0")
    assert await operator.everything() == before
    assert (await operator.do(UpgradeMesh(version="1.31.0")))["unchanged"]
    for version, revision in (("1.29.0", ""), ("1.33.0", ""), ("1.34.0", "canary")):
        with pytest.raises(kit.Reject) as refused:
            await operator.do(UpgradeMesh(version=version, revision=revision))
        assert refused.value.failure.code == "MW4005", version


async def test_by_revision_and_back(operator: Any, admission: Any) -> None:
    """Namespaces, pods of their own mind and tags move, workloads are restarted, the old control plane goes last."""
    before = await operator.everything()
    await installed(operator, admission, tags=["stable"])
    await shop(operator, "plain", {"istio-injection": "enabled", "team": "a"})
    await shop(operator, "tagged", {"istio.io/rev": "stable"})
    await shop(operator, "picky", {}, {"sidecar.istio.io/inject": "true"})
    await shop(operator, "other", {})
    half = await operator.do(UpgradeMesh(version="1.31.0", revision="next", values={"until": "moved"}))
    assert not half["retired"]
    assert (await image(operator), await image(operator, "istiod-next")) == (
        "registry.istio.io/release/pilot:1.30.3", "registry.istio.io/release/pilot:1.31.0",
    )  # fmt: skip
    assert await labels(operator, "plain") == {"istio.io/rev": "next", "team": "a"}
    assert await labels(operator, "tagged") == {"istio.io/rev": "stable"}
    assert half["moved"] == ["Namespace plain", "Deployment picky/web", "tag stable"]
    assert half["left"] == []
    group = "admissionregistration.k8s.io"
    tag = await operator.find("MutatingWebhookConfiguration", "istio-revision-tag-stable", "", group)
    assert tag["metadata"]["labels"]["istio.io/rev"] == "next"
    for name, restarted in (("plain", True), ("tagged", True), ("picky", True), ("other", False)):
        template = (await operator.find("Deployment", "web", name, "apps"))["spec"]["template"]["metadata"]
        assert ("annotations" in template) == restarted, name

    back = await operator.do(UpgradeMesh(revision="default", values={"until": "moved", "restart": False}))
    assert (back["version"], back["revision"]) == ("1.30.3", "")
    assert await labels(operator, "plain") == {"istio-injection": "enabled", "team": "a"}
    assert {each["workload"] for each in back["left"]} >= {"Deployment plain/web"}

    done = await operator.do(UpgradeMesh(version="1.31.0", revision="next"))
    assert done["retired"]
    assert await image(operator) == ""
    assert await operator.find("MutatingWebhookConfiguration", "istio-revision-tag-stable", "", group)
    assert await operator.find("MutatingWebhookConfiguration", "istio-sidecar-injector", "", group) is None
    await operator.do(UninstallMesh(definitions="unused"))
    left = await operator.everything() - before
    assert {each for each in left if "istio" in each} == set()
    assert await labels(operator, "tagged") == {}


async def test_an_upgrade_that_fails_takes_everything_back(operator: Any, admission: Any) -> None:
    """A chart that the API server refuses at the end: labels, tags and the new control plane are undone."""
    await installed(operator, admission, tags=["stable"])
    await shop(operator, "plain", {"istio-injection": "enabled"})
    before = await operator.everything()
    record = await operator.record()
    arguments = UpgradeMesh(version="1.31.0", revision="next", values={"until": "moved"})
    context = operator.context(operator.command(arguments))
    await operator.handle(context, arguments)
    assert await context.undo_all()
    assert await operator.everything() == before
    assert await operator.record() == record
    assert await labels(operator, "plain") == {"istio-injection": "enabled"}
    assert (await image(operator)).endswith(":1.30.3")
    group = "admissionregistration.k8s.io"
    tag = await operator.find("MutatingWebhookConfiguration", "istio-revision-tag-stable", "", group)
    assert tag["metadata"]["labels"]["istio.io/rev"] == "default"
    assert tag["webhooks"][0]["clientConfig"] == {
        "url": admission.values["istiodRemote"]["injectionURL"],
        "caBundle": admission.values["istiodRemote"]["injectionCABundle"],
    }
