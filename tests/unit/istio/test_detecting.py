"""Every Istio in a cluster is detected from its objects, and what is wrong with it is told with what to do."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshwright.adapters.istio import detecting
from meshwright.adapters.istio.detecting import Detected

INSTALLS = Path(__file__).parents[4] / "shared" / "installs"
ISTIO = ("istiod", "istio-cni", "ztunnel", "istio-gateway")
OTHERS = ("linkerd-control-plane", "consul", "kuma", "cilium")


def installed(*names: str) -> list[dict[str, Any]]:
    """The real objects of installations, as charts render them."""
    if not INSTALLS.is_dir():
        pytest.skip("needs rendered installations in the folder shared beside the checkout")
    return [
        each for name in names for each in yaml.safe_load_all((INSTALLS / f"{name}.yaml").read_text()) if each
    ]  # fmt: skip


def running(bodies: list[dict[str, Any]], version: str = "1.30.3") -> list[dict[str, Any]]:
    """The same objects as a cluster has them when all is well."""
    result = copy.deepcopy(bodies)
    for each in result:
        if each["kind"] == "Deployment":
            each["status"] = {"availableReplicas": each["spec"].get("replicas", 1)}
        if each["kind"] == "DaemonSet":
            each["status"] = {"desiredNumberScheduled": 3, "numberReady": 3}
        for container in each.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            container["image"] = container["image"].replace(":latest", f":{version}")
        for hook in each.get("webhooks", []):
            hook["clientConfig"]["caBundle"] = "YQ=="
    return result


def revisioned(bodies: list[dict[str, Any]], revision: str) -> list[dict[str, Any]]:
    """The same control plane under another revision."""
    result = copy.deepcopy(bodies)
    for each in result:
        if "istio.io/rev" in each["metadata"].get("labels", {}):
            each["metadata"]["labels"]["istio.io/rev"] = revision
            each["metadata"]["name"] += f"-{revision}"
    return result


def namespace(name: str, **labels: str) -> dict[str, Any]:
    """A namespace with labels."""
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def only(bodies: list[dict[str, Any]]) -> Detected:
    """The one mesh of a cluster."""
    (result,) = detecting.detect(bodies)
    return result


def wrong(bodies: list[dict[str, Any]]) -> dict[str, str]:
    """What is not as it should be, with words."""
    return {f"{each.type} {each.reason}": each.message for each in only(bodies).conditions if each.status != "True"}


def test_the_real_installation_is_detected_with_all_its_parts() -> None:
    """Version, revision, both modes, the CNI plugin and ztunnel."""
    shop = namespace("shop", **{"istio-injection": "enabled"})
    mesh = namespace("mesh", **{"istio.io/dataplane-mode": "ambient"})
    result = only([*running(installed(*ISTIO)), shop, mesh])
    assert (result.namespace, result.revision, result.version) == ("istio-system", "default", "1.30.3")
    assert (result.modes, result.sidecar_namespaces, result.ambient_namespaces) == (
        ["sidecar", "ambient"],
        ["shop"],
        ["mesh"],
    )
    assert result.cni and result.ztunnel
    assert (result.cni.name, result.ztunnel.name) == ("istio-cni-node", "ztunnel")
    assert result.healthy


def test_other_meshes_are_none_of_istios() -> None:
    """The installations of other meshes are not mistaken for it."""
    assert detecting.detect(installed(*OTHERS)) == []


def test_each_revision_is_a_mesh_and_tags_belong_to_one() -> None:
    """A canary beside the default one, with a tag that points to it."""
    first = running(installed("istiod"), "1.29.2")
    second = revisioned(running(installed("istiod")), "canary")
    labels = {"istio.io/rev": "canary", "istio.io/tag": "prod"}
    tag = {"kind": "MutatingWebhookConfiguration", "metadata": {"name": "istio-revision-tag-prod", "labels": labels}}
    shop = namespace("shop", **{"istio.io/rev": "prod"})
    result = detecting.detect([*first, *second, tag, shop])
    assert [(each.revision, each.version, each.tags, each.sidecar_namespaces) for each in result] == [
        ("canary", "1.30.3", ["prod"], ["shop"]),
        ("default", "1.29.2", [], []),
    ]


def test_what_is_wrong_is_told_with_what_to_do() -> None:
    """Each part that is missing or not ready has a condition of its own."""
    healthy = running(installed(*ISTIO))
    assert wrong(healthy) == {}
    bare = [each for each in healthy if "Webhook" not in each["kind"]]
    assert set(wrong(bare)) == {"InjectionReady NoWebhook", "ValidationReady NoWebhook"}
    starting = installed(*ISTIO)
    assert {"ControlPlaneReady Unavailable", "InjectionReady NoCertificate", "ZtunnelReady NotOnAllNodes"} <= set(
        wrong(starting)
    )
    no_cni = [each for each in healthy if each["metadata"]["name"] != "istio-cni-node"]
    assert "install the cni chart" in wrong(no_cni)["CniReady Missing"]
    old = [*running(installed("istiod")), *running(installed("ztunnel", "istio-cni"), "1.27.0")]
    assert "ztunnel is 1.27.0 and istiod 1.30.3" in wrong(old)["ZtunnelReady VersionSkew"]
    twice = namespace("shop", **{"istio-injection": "enabled", "istio.io/rev": "default"})
    assert "shop" in wrong([*healthy, twice])["NamespacesEnrolled TwoLabels"]
    lost = namespace("mesh", **{"istio.io/dataplane-mode": "ambient"})
    assert "no ztunnel" in wrong([*running(installed("istiod")), lost])["NamespacesEnrolled NoZtunnel"]


def test_a_waypoint_that_is_not_programmed_is_named() -> None:
    """Services behind it would not be reached."""
    waypoint = {
        "kind": "Gateway",
        "metadata": {"name": "waypoint", "namespace": "shop"},
        "spec": {"gatewayClassName": "istio-waypoint"},
        "status": {"conditions": [{"type": "Programmed", "status": "False"}]},
    }
    bodies = [*running(installed("istiod")), waypoint]
    assert "shop/waypoint" in wrong(bodies)["WaypointsReady NotProgrammed"]
    assert only(bodies).waypoints == ["shop/waypoint"]


def test_namespaces_of_a_revision_that_is_gone_are_named() -> None:
    """Their pods would start without sidecars."""
    bodies = [*running(installed("istiod")), namespace("shop", **{"istio.io/rev": "old"})]
    (result,) = detecting.strays(bodies)
    assert "shop follows the revision old" in result


@pytest.mark.parametrize(
    ("meta", "installer"),
    [
        ({"annotations": {"meta.helm.sh/release-name": "istiod"}}, "helm"),
        ({"labels": {"app": "istiod", "install.operator.istio.io/owning-resource": "installed-state"}}, "istioctl"),
        ({"ownerReferences": [{"kind": "IstioRevision"}]}, "operator"),
        ({"managedFields": [{"manager": "meshwright:default.prod.install-istiod"}]}, "meshwright"),
        ({"managedFields": [{"manager": "kubectl"}]}, "manifests"),
    ],
)
def test_whoever_installed_it_is_known_by_what_it_left(meta: dict[str, Any], installer: str) -> None:
    """An upgrade goes the way of the installation."""
    plane = {"kind": "Deployment", "metadata": {"name": "istiod", "labels": {"app": "istiod"}, **meta}, "spec": {}}
    assert only([plane]).installer == installer
