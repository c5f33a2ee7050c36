"""Designs on a real API server with Consul's real definitions: read, translated, taken, pruned, refused by name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from meshwright.adapters.consul import adapter
from meshwright.adapters.consul.cluster import status
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas import intents as wishes
from meshwright.schemas.connections import Kubernetes
from rig.consul.bookinfo import SAMPLES, bookinfo
from rig.kubernetes.designs import Designs, designing

pytestmark = pytest.mark.servers
GROUP = "consul.hashicorp.com"
KINDS = ("ServiceDefaults", "ServiceResolver", "ServiceSplitter", "ServiceRouter", "ServiceIntentions", "ProxyDefaults")
SPLIT = SAMPLES[1]


@pytest.fixture
async def mesh(
    consul_in_cluster: object, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> AsyncIterator[Designs]:
    """The sample application, enrolled."""
    async with designing(adapter, kubernetes_settings, cluster, namespace, tmp_path) as result:
        await result.install(bookinfo(namespace))
        yield result


async def _spec(mesh: Designs, kind: str, name: str) -> dict[str, Any]:
    body = await mesh.find(kind, name, GROUP)
    assert body is not None
    spec: dict[str, Any] = body["spec"]
    return spec


async def test_the_rendered_installation_is_detected_and_well(mesh: Designs) -> None:
    """As the cluster has it, nothing is wrong with it."""
    (found,) = await status.detect(mesh.cluster)
    assert [each.message for each in found.conditions if each.status != "True"] == []
    assert (found.plane.consul, found.plane.datacenter) == ("2.1.0-dev", "dc1")


async def test_every_intent_is_taken_and_leaves_nothing(mesh: Designs) -> None:
    """All samples in one design: applied, planned again without a change, and gone with it."""
    plan = await mesh.apply("canary", *SAMPLES)
    assert {each.ref.kind for each in plan.dry_run.changes} == set(KINDS)
    assert (await _spec(mesh, "ServiceDefaults", "reviews"))["protocol"] == "http"
    again = await mesh.plan("canary", *SAMPLES)
    assert (again.problems, again.dry_run.changes) == ([], [])
    await mesh.apply("canary")
    for kind in KINDS:
        assert [each async for each in mesh.cluster.list(GROUP, kind, mesh.namespace)] == []


async def test_what_others_have_said_counts_wherever_it_stands(
    mesh: Designs, cluster: k8s.Cluster, request: pytest.FixtureRequest
) -> None:
    """A protocol that is set already is not set again; an entry in another namespace is not made a second time."""
    other = f"{mesh.namespace}-other"
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}}, owner="somebody")
    await mesh.put(f"{GROUP}/v1alpha1", "ServiceDefaults", "reviews", {"protocol": "http2"})
    splits = [{"weight": 100, "service": "reviews"}]
    meta = {"name": "reviews", "namespace": other}
    body = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "ServiceSplitter", "metadata": meta, "spec": {"splits": splits}}
    await cluster.apply(body, owner="somebody")
    plan = await mesh.plan("canary", SPLIT)
    assert any("somebody" in each.detail and "ServiceSplitter" in each.detail for each in plan.problems)
    assert "ServiceDefaults" not in {each.ref.kind for each in plan.dry_run.changes}
    await cluster.delete(k8s.reference_of(body))
    await mesh.apply("canary", SPLIT)
    assert (await _spec(mesh, "ServiceDefaults", "reviews")) == {"protocol": "http2"}
    await mesh.apply("canary")
    await cluster.delete(k8s.reference_of({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}}))


async def test_what_is_missing_is_told_with_what_brings_it(mesh: Designs) -> None:
    """A service that is not there, a version that nobody is, and what the Enterprise edition alone can do."""
    backends = [wishes.Backend(version="v9", weight=100)]
    plan = await mesh.plan(
        "canary",
        wishes.TrafficSplit(service="reviews", backends=backends),
        wishes.Timeout(service="nobody", timeout="1s"),
        wishes.RateLimit(service="ratings", requests=5),
    )
    told = " ".join(each.detail for each in plan.problems)
    assert "no instance of reviews has the version v9; there are: v1, v2, v3" in told
    assert "there is no service nobody" in told
    assert any("Enterprise edition" in each.because for each in plan.unsupported)
