"""Ambient beside a real istiod: waypoints that it makes proxies for, and policies that it attaches to them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from meshwright.adapters.istio.operations import enrolling
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import intents as wishes
from meshwright.schemas.designs import Design
from meshwright.schemas.operations import (
    ApplyDesign,
    EnrolWorkloads,
    InstallMesh,
    RemoveDesign,
    UninstallMesh,
    WithdrawWorkloads,
)
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import NamespaceMember
from rig.kubernetes.operating import Operator
from rig.kubernetes.workloads import labels_of, make_namespace
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.fixtures import skip_unless_built
from testbed.istiod import Istiod

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(600)]
GATEWAYS = "gateway.networking.k8s.io"
DEFINITIONS = Path(__file__).parents[4] / "shared" / "crds" / "gateway-api-standard"
WITH_WAYPOINT = EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", mode="ambient", waypoint="way")])


@pytest.fixture
async def ambient(operator: Operator, kubernetes_server: KubernetesServer) -> AsyncIterator[tuple[Operator, Istiod]]:
    """Istio in its profile ambient with a real istiod and the Gateway API, and a namespace with a service."""
    skip_unless_built(programs.ISTIOD)
    if not DEFINITIONS.is_dir():
        pytest.skip(f"needs the definitions of the Gateway API in {DEFINITIONS.parent.name} of the folder shared")
    cluster = await operator.cluster()
    for path in sorted(DEFINITIONS.glob("*.yaml")):
        for body in yaml.safe_load_all(path.read_text()):
            if body and body["kind"] == "CustomResourceDefinition":
                await cluster.apply(body, owner="me")
    await operator.do(InstallMesh(version="1.31.0", profile="ambient", values=operator.values))
    istiod = Istiod(kubernetes_server, install=False, environment={"PILOT_ENABLE_AMBIENT": "true"})
    await asyncio.to_thread(istiod.start)
    await make_namespace(operator, "shop")
    meta = {"name": "web", "namespace": "shop"}
    spec = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}
    await cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}, owner="me")
    yield operator, istiod
    await asyncio.to_thread(istiod.close)


async def test_the_life_of_an_ambient_namespace(ambient: tuple[Operator, Istiod]) -> None:
    """Enrolled when its waypoint is programmed, guarded there by a design, withdrawn, and all of Istio removed."""
    operator, istiod = ambient

    async def is_gone() -> bool:
        return await operator.find("Deployment", "way", "shop", "apps") is None

    result = await operator.do(WITH_WAYPOINT)
    assert result["restarted"] == [], "ambient takes workloads as they are"
    assert await labels_of(operator, "shop") == {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "way"}
    way = await operator.find("Gateway", "way", "shop", GATEWAYS)
    conditions = {each["type"]: each["status"] for each in way["status"]["conditions"]}
    assert (conditions["Accepted"], conditions["Programmed"]) == ("True", "True")
    proxy = await operator.find("Deployment", "way", "shop", "apps")
    assert proxy["metadata"]["labels"]["gateway.networking.k8s.io/gateway-name"] == "way"

    intents: list[wishes.AnyIntent] = [
        wishes.Allow(source="web", service="web", methods=["GET"]),
        wishes.Timeout(service="web", timeout="1s"),
    ]
    design = Design(id="guard", namespace="shop", intents=intents)
    applied = await operator.do(ApplyDesign(design=design))
    cluster = await operator.cluster()
    assert {each["kind"] for each in applied["inventory"]} == {"AuthorizationPolicy", "VirtualService"}
    policies = [ResourceRef(**each) for each in applied["inventory"] if each["kind"] == "AuthorizationPolicy"]
    targets = [(await cluster.get(each))["spec"].get("targetRefs") for each in policies]
    assert [{"kind": "Service", "group": "", "name": "web"}] in targets, "the waypoint tells methods apart"
    assert (await operator.do(ApplyDesign(design=design)))["unchanged"]
    await operator.do(RemoveDesign(design="guard"))

    leaving = WithdrawWorkloads(workloads=[NamespaceMember(namespace="shop")])
    context = operator.context(operator.command(leaving))
    assert (await operator.handle(context, leaving))["removed"] == ["Gateway shop/way"]
    assert await labels_of(operator, "shop") == {}
    await eventually(is_gone, timeout=60)
    assert await context.undo_all(), "its proxy is there again before the labels lead to it"
    assert await operator.find("Deployment", "way", "shop", "apps")
    assert (await operator.do(leaving))["removed"] == ["Gateway shop/way"]
    await eventually(is_gone, timeout=60)
    await asyncio.to_thread(istiod.close)  # it would go on, as its pod in the cluster would not
    result = await operator.do(UninstallMesh(definitions="unused"))
    left = {each for each in await operator.everything() if "istio" in each}
    assert left == set(), result["kept"]


async def test_a_waypoint_that_does_not_come_up_takes_no_traffic(
    ambient: tuple[Operator, Istiod], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota forbids its proxy: the reason is told, the waypoint goes again and the namespace is as it was."""
    monkeypatch.setattr(enrolling, "WAYPOINT_SECONDS", 3.0)
    operator, _ = ambient
    cluster = await operator.cluster()
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": "shop"},
        "spec": {"hard": {"services": "1"}},
    }
    await cluster.apply(quota, owner="me")
    with pytest.raises(kit.Reject) as refused:
        await operator.do(WITH_WAYPOINT)
    assert refused.value.failure.code == "MW4013"
    assert await labels_of(operator, "shop") == {}
    assert await operator.find("Gateway", "way", "shop", GATEWAYS) is None
    await cluster.delete(k8s.reference_of(quota))
