"""Istio is installed from its real charts on a real API server with nodes that play, and removed."""

from typing import Any

import pytest

from meshwright.core import kit
from meshwright.schemas.operations import InstallMesh, UninstallMesh

pytestmark = pytest.mark.servers


def wanted(operator: Any, admission: Any, **more: Any) -> InstallMesh:
    """An installation whose gateways are admitted although no istiod runs."""
    values = {**operator.values, "istiod": admission.values, **more.pop("values", {})}
    return InstallMesh(version="1.31.0", values=values, **more)


async def test_istio_comes_once_and_goes_without_a_trace(operator: Any, admission: Any) -> None:
    """All that its charts bring is there and ready; asked for again nothing is done; removed, all is as before."""
    before = await operator.everything()
    result = await operator.do(wanted(operator, admission, profile="minimal"))
    record = await operator.record()
    assert {each["chart"] for each in result["components"]} - {""} == {"base", "istiod"}
    for component in record.components:
        for ref in component.inventory:
            assert await (await operator.cluster()).find(ref), ref
    istiod = await operator.find("Deployment", "istiod", "istio-system", "apps")
    assert istiod["status"]["availableReplicas"] == 1
    again = await operator.do(wanted(operator, admission, profile="minimal"))
    assert again["unchanged"]
    await operator.do(UninstallMesh(definitions="unused"))
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
