"""Every profile of Istio is installed from its real charts, and one is brought to another."""

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
