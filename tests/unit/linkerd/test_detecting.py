"""Linkerd is detected from its own rendered installation, and what is wrong is told in the categories of its checks."""

from collections.abc import Callable
from typing import Any

import pytest

from meshwright.adapters.linkerd import checks, detecting
from meshwright.adapters.linkerd.detecting import Detected, Seen
from rig.linkerd.schemas import running

SEEN = Seen(served=sorted(checks.KINDS), bundle="v1.4.1")
Body = dict[str, Any]


def only(bodies: list[Body], seen: Seen = SEEN) -> Detected:
    """The one mesh of a cluster."""
    (result,) = detecting.detect(bodies, seen)
    return result


def named(bodies: list[Body], kind: str, name: str) -> Body:
    """One of these objects."""
    (result,) = [each for each in bodies if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return result


def namespace(name: str, inject: str = "", **labels: str) -> Body:
    """A namespace."""
    annotations = {"linkerd.io/inject": inject} if inject else {}
    return {"kind": "Namespace", "metadata": {"name": name, "annotations": annotations, "labels": labels}}


def test_an_installation_is_detected_with_its_release_and_its_namespaces() -> None:
    """By labels alone; the edge is told as the minor version that intents go by."""
    bodies = [*running(), namespace("shop", "enabled"), namespace("edge", "ingress"), namespace("old", "disabled")]
    mesh = only(bodies)
    assert (mesh.namespace, mesh.release, mesh.minor) == ("linkerd", "edge-26.6.3", "2.20")
    assert mesh.enrolled == ["edge", "shop"]
    assert [each.line for each in mesh.checks if each.result != checks.GOOD] == []
    shown = detecting.summary(mesh)
    assert (shown.state, shown.version, shown.modes) == ("ready", "edge-26.6.3", ["sidecar"])
    assert {each.type for each in shown.conditions} >= {"LinkerdExistence", "LinkerdIdentity", "WebhooksAndApisvcTls"}


def test_a_cluster_without_linkerd_has_none() -> None:
    """Namespaces that ask for its proxies are told, since their pods get none."""
    bodies = [namespace("shop", "enabled")]
    assert detecting.detect(bodies, SEEN) == []
    (note,) = detecting.strays(bodies)
    assert "the namespace shop" in note


def _stop(bodies: list[Body]) -> None:
    named(bodies, "Deployment", "linkerd-identity")["status"] = {"availableReplicas": 0}


def _age(bodies: list[Body]) -> None:
    named(bodies, "Deployment", "linkerd-proxy-injector")["spec"]["template"]["spec"]["containers"][0]["image"] = (
        "cr.l5d.io/linkerd/controller:edge-26.5.1"
    )


def _unhook(bodies: list[Body]) -> None:
    bodies.remove(named(bodies, "MutatingWebhookConfiguration", "linkerd-proxy-injector-webhook-config"))


def _break_anchor(bodies: list[Body]) -> None:
    named(bodies, "ConfigMap", "linkerd-identity-trust-roots")["data"]["ca-bundle.crt"] = "none"


def _rely_on_cni(bodies: list[Body]) -> None:
    config = named(bodies, "ConfigMap", "linkerd-config")["data"]
    config["values"] = config["values"].replace("cniEnabled: false", "cniEnabled: true")


@pytest.mark.parametrize(
    ("change", "category", "words"),
    [
        (_stop, "linkerd-existence", "0 of 1 replicas"),
        (_age, "control-plane-version", "edge-26.5.1, edge-26.6.3"),
        (_unhook, "webhooks-and-apisvc-tls", "it is missing"),
        (_break_anchor, "linkerd-identity", "none that can be read"),
        (_rely_on_cni, "cni-plugin", "it is missing"),
    ],
)
def test_what_is_wrong_is_told_in_its_category(change: Callable[[list[Body]], None], category: str, words: str) -> None:
    """One thing broken, one category bad, with its detail and a hint; the mesh is degraded."""
    bodies = running()
    change(bodies)
    bad = [each for each in only(bodies).checks if each.result == checks.BAD]
    assert {each.category for each in bad} == {category}
    assert words in bad[0].line
    assert all(each.hint for each in bad)
    assert detecting.summary(only(bodies)).state == "degraded"


@pytest.mark.parametrize(
    ("bundle", "result", "words"),
    [
        (None, checks.DOUBTFUL, "missing"),
        ("v1.1.0", checks.BAD, "1.2.1 to 1.5.1"),
        ("v1.6.1", checks.DOUBTFUL, "1.2.1 to 1.5.1"),
        ("v1.5.1", checks.GOOD, ""),
        ("v0.0.0-dev", checks.BAD, "v0.0.0-dev"),
    ],
)
def test_the_gateway_api_is_judged_by_what_the_release_takes(bundle: str | None, result: str, words: str) -> None:
    """Too old is bad, too new only where fields are used that it does not know."""
    check = checks.gateway_api(bundle, "2.20")
    assert check.result == result
    assert words in check.line


def test_an_extension_is_told_with_what_does_not_run_of_it() -> None:
    """By the label of its namespace and of its Deployments."""
    tap = {
        "kind": "Deployment",
        "metadata": {"name": "tap", "namespace": "linkerd-viz", "labels": {"linkerd.io/extension": "viz"}},
        "status": {},
    }
    bodies = [*running(), namespace("linkerd-viz", **{"linkerd.io/extension": "viz"}), tap]
    mesh = only(bodies)
    assert mesh.extensions == ["viz"]
    (bad,) = [each for each in mesh.checks if each.result == checks.BAD]
    assert (bad.category, bad.detail) == ("linkerd-viz", "tap: 0 of 1 replicas are available")
