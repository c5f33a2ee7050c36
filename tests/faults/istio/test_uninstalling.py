"""Istio goes with everything that it left, and what stays is told."""

from typing import Any

import pytest

from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing.installation import Installations
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import MutualTls
from meshwright.schemas.operations import AdoptMesh, ApplyDesign, InstallMesh, RemoveDesign, UninstallMesh

pytestmark = pytest.mark.servers


def wanted(operator: Any, admission: Any, **more: Any) -> InstallMesh:
    """An installation whose gateways are admitted although no istiod runs."""
    return InstallMesh(version="1.31.0", values={**operator.values, "istiod": admission.values}, **more)


async def made_by_istiod(operator: Any) -> None:
    """What an istiod that ran would have made."""
    cluster = await operator.cluster()
    root = {"labels": {"istio.io/config": "true"}, "name": "istio-ca-root-cert"}
    secret = {"name": "istio-ca-secret", "namespace": "istio-system"}
    lease = {"name": "istio-gateway-deployment-default", "namespace": "istio-system"}
    for body in (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**root, "namespace": "istio-system"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**root, "namespace": "default"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio-leader", "namespace": "istio-system"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": secret},
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {**lease, "name": "istio-leader"}},
    ):
        await cluster.apply(body, owner="pilot-discovery")


@pytest.mark.parametrize("profile", ["default", "ambient"])
async def test_nothing_is_left(operator: Any, admission: Any, profile: str) -> None:
    """With its unused definitions, everything is as before the installation, also what istiod made at run time."""
    before = await operator.everything()
    await operator.do(wanted(operator, admission, profile=profile))
    await made_by_istiod(operator)
    result = await operator.do(UninstallMesh(definitions="unused"))
    assert await operator.everything() == before
    assert result["kept"] == []
    assert await operator.record() is None
    with pytest.raises(kit.Reject) as refused:
        await operator.do(UninstallMesh())
    assert refused.value.failure.code == "MW4001"


async def test_what_a_person_made_stays_and_is_told(operator: Any, admission: Any) -> None:
    """Definitions with objects in them, a given certificate authority, and so the namespace that it lies in."""
    await operator.do(wanted(operator, admission, profile="minimal"))
    cluster = await operator.cluster()
    mine = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cacerts", "namespace": "istio-system"}}
    entry = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "mine", "namespace": "default"},
        "spec": {"hosts": ["example.org"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]},
    }
    await cluster.apply(mine, owner="me")
    await cluster.apply(entry, owner="me")
    result = await operator.do(UninstallMesh(definitions="unused"))
    kept = {each["resource"]: each["because"] for each in result["kept"]}
    assert kept.keys() == {
        "Namespace istio-system",
        "Secret istio-system/cacerts",
        "CustomResourceDefinition serviceentries.networking.istio.io",
    }
    assert "ServiceEntry default/mine" in kept["CustomResourceDefinition serviceentries.networking.istio.io"]
    assert "Secret istio-system/cacerts" in kept["Namespace istio-system"]
    assert await operator.find("Secret", "cacerts", "istio-system")
    assert await operator.find("ServiceEntry", "mine", "default", "networking.istio.io")


async def test_a_namespace_that_was_there_before_stays_and_is_told(operator: Any, admission: Any) -> None:
    """Empty as it was, with the labels that it had."""
    cluster = await operator.cluster()
    meta = {"name": "istio-system", "labels": {"team": "a"}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    before = await operator.everything()
    await operator.do(wanted(operator, admission, profile="minimal"))
    result = await operator.do(UninstallMesh(definitions="unused"))
    assert [(each["resource"], each["because"].partition(",")[0]) for each in result["kept"]] == [
        ("Namespace istio-system", "it was there before Istio was installed")
    ]
    assert await operator.everything() == before
    assert (await operator.find("Namespace", "istio-system"))["metadata"]["labels"]["team"] == "a"


async def test_definitions_go_only_when_asked(operator: Any, admission: Any) -> None:
    """Without a word all stay, and are told; told to, they go with their objects."""
    before = await operator.everything()
    await operator.do(wanted(operator, admission, profile="minimal"))
    result = await operator.do(UninstallMesh())
    assert len(result["kept"]) == 15
    assert len(await operator.everything() - before) == 15
    await operator.do(wanted(operator, admission, profile="minimal"))
    await operator.do(UninstallMesh(definitions="all"))
    assert await operator.everything() == before


async def test_namespaces_are_withdrawn_so_that_pods_can_start(operator: Any, admission: Any) -> None:
    """A label that leads to an injector that is gone would keep every new pod from starting."""
    await operator.do(wanted(operator, admission, profile="minimal"))
    cluster = await operator.cluster()
    for name, labels in (
        ("one", {"istio-injection": "enabled"}),
        ("two", {"istio.io/rev": "default", "team": "a"}),
        ("three", {"istio.io/rev": "other"}),
    ):
        meta = {"name": name, "labels": labels}
        await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    await operator.do(UninstallMesh())
    left = {name: (await operator.find("Namespace", name))["metadata"]["labels"] for name in ("one", "two", "three")}
    marks = {name: {key for key in labels if "kubernetes.io" not in key} for name, labels in left.items()}
    assert marks == {"one": set(), "two": {"team"}, "three": {"istio.io/rev"}}


async def test_a_removal_that_is_taken_back_leaves_istio_as_it_was(operator: Any, admission: Any) -> None:
    """Undone after its last step but one, everything is there again, and an installation has nothing to do."""
    await operator.do(wanted(operator, admission, profile="ambient"))
    await made_by_istiod(operator)
    before = await operator.everything()
    arguments = UninstallMesh(definitions="unused")
    context = operator.context(operator.command(arguments))
    await operator.handle(context, arguments)
    assert await context.undo_all()
    lost = before - await operator.everything()
    assert lost == {"Secret istio-system/istio-ca-secret"}, "what istiod makes anew by itself"
    again = await operator.do(wanted(operator, admission, profile="ambient"))
    assert again["unchanged"]


async def test_istio_is_not_taken_from_under_a_design(operator: Any, admission: Any) -> None:
    """While a design is applied nothing is removed and the refusal names it; afterwards Istio goes."""
    await operator.do(wanted(operator, admission, profile="minimal"))
    design = Design(id="strict", namespace="default", intents=[MutualTls(mode="strict")])
    await operator.do(ApplyDesign(design=design))
    before = await operator.everything()
    with pytest.raises(kit.Reject, match="strict is applied to") as refused:
        await operator.do(UninstallMesh())
    assert refused.value.failure.code == "MW4010"
    assert await operator.everything() == before
    await operator.do(RemoveDesign(design="strict"))
    await operator.do(UninstallMesh(definitions="unused"))


async def test_an_adopted_istio_goes_as_the_one_of_others_that_it_is(operator: Any, admission: Any) -> None:
    """Adopted with its mode from whoever installed it, then removed: what it brought goes by the labels of its charts,
    and only the namespace stays, which may have been there before.
    """
    before = await operator.everything()
    await operator.do(wanted(operator, admission, profile="ambient"))
    await made_by_istiod(operator)
    ref = kit.MeshRef(workspace="default", connection="k", mesh="prod")
    await (await Installations.open(operator.runtime)).put(ref, None)
    await kit.forget_mesh(operator.runtime, ref)

    result = await operator.do(AdoptMesh())
    assert (result["detected"]["modes"], result["detected"]["installer"]) == (["sidecar", "ambient"], "meshwright")
    record = await operator.record()
    assert (record.profile, record.installer, record.components) == ("ambient", "meshwright", [])
    with pytest.raises(kit.Reject, match="by another Meshwright"):
        await operator.do(wanted(operator, admission, profile="ambient"))
    removed = await operator.do(UninstallMesh(definitions="unused"))
    assert removed["leftovers"] > 10
    assert await operator.everything() - before == {"Namespace istio-system"}
    assert await operator.record() is None
