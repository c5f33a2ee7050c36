"""Istio is installed from its real charts and brought to other settings, on a real API server with nodes that play."""

from typing import Any

import pytest

from meshwright.core import kit
from meshwright.schemas.operations import InstallMesh

pytestmark = pytest.mark.servers


def wanted(operator: Any, admission: Any, **more: Any) -> InstallMesh:
    """An installation whose gateways are admitted although no istiod runs."""
    values = {**operator.values, "istiod": admission.values, **more.pop("values", {})}
    return InstallMesh(version="1.31.0", values=values, **more)


@pytest.mark.parametrize("profile", ["minimal", "default", "ambient"])
async def test_a_profile_is_installed_whole_and_once(operator: Any, admission: Any, profile: str) -> None:
    """Everything that its charts bring is there and ready; asked for again, nothing is done."""
    result = await operator.do(wanted(operator, admission, profile=profile))
    record = await operator.record()
    assert {each["chart"] for each in result["components"]} - {""} == {
        "minimal": {"base", "istiod"},
        "default": {"base", "istiod", "gateway"},
        "ambient": {"base", "istiod", "cni", "ztunnel"},
    }[profile]
    for component in record.components:
        for ref in component.inventory:
            assert await (await operator.cluster()).find(ref), ref
    istiod = await operator.find("Deployment", "istiod", "istio-system", "apps")
    assert istiod["status"]["availableReplicas"] == 1
    assert istiod["spec"]["template"]["spec"]["containers"][0]["image"].startswith("registry.istio.io/release/pilot:")
    again = await operator.do(wanted(operator, admission, profile=profile))
    assert again["unchanged"]
    assert await operator.record() == record or (await operator.record()).components == record.components


async def test_another_profile_brings_what_it_needs_and_takes_the_rest_away(operator: Any, admission: Any) -> None:
    """From the default profile to ambient: node agents come, the gateway and its namespace go."""
    await operator.do(wanted(operator, admission, profile="default"))
    await operator.do(wanted(operator, admission, profile="ambient"))
    assert await operator.find("DaemonSet", "ztunnel", "istio-system", "apps")
    assert await operator.find("Deployment", "istio-ingressgateway", "istio-ingress", "apps") is None


async def test_an_installation_that_fails_leaves_nothing(operator: Any, admission: Any) -> None:
    """A chart that the API server refuses in the middle: what came before it is taken back."""
    values = {"ztunnel": {"podAnnotations": {"a": {"not": "text"}}}}
    before = await operator.everything()
    with pytest.raises(kit.Reject) as refused:
        await operator.do(wanted(operator, admission, profile="ambient", values=values))
    assert refused.value.failure.code == "MW2002"
    assert "ztunnel" in refused.value.failure.what
    assert await operator.everything() == before
    assert await operator.record() is None


async def test_an_istio_of_somebody_else_is_not_touched(operator: Any, admission: Any) -> None:
    """It is named with its owner and the ways to go on; nothing is changed."""
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": "default", "labels": {"app": "istiod", "istio.io/rev": "default"}},
        "spec": {
            "selector": {"matchLabels": {"app": "istiod"}},
            "template": {
                "metadata": {"labels": {"app": "istiod"}},
                "spec": {"containers": [{"name": "discovery", "image": "pilot:1.29.0"}]},
            },
        },
    }
    cluster = await operator.cluster()
    await cluster.apply(deployment, owner="Helm")
    before = await operator.everything()
    with pytest.raises(kit.Reject, match="revision default is installed in default already") as refused:
        await operator.do(wanted(operator, admission))
    assert refused.value.failure.code == "MW4003"
    assert await operator.everything() == before


async def test_charts_that_the_worker_does_not_allow_are_refused(operator: Any, admission: Any) -> None:
    """Neither a folder beside the allowed one nor a server inside the network."""
    for charts in ("relative/charts", "http://example.org/charts", "https://127.0.0.1/charts", "oci://10.0.0.1/charts"):
        with pytest.raises(kit.Reject, match="#/values/charts"):
            await operator.do(wanted(operator, admission, values={"charts": charts}))
