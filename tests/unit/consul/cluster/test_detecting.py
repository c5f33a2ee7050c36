"""A Consul in a cluster is detected from its own rendered installation, and what is wrong is told with what to do."""

from collections.abc import Callable
from typing import Any

import pytest

from meshwright.adapters.consul.cluster import detecting
from meshwright.adapters.consul.cluster.detecting import Detected
from rig.consul.schemas import running

Body = dict[str, Any]


def only(bodies: list[Body], served: tuple[str, ...] = detecting.DEFINED) -> Detected:
    """The one mesh of a cluster."""
    (result,) = detecting.detect(bodies, served)
    return result


def named(bodies: list[Body], kind: str, end: str) -> Body:
    """One of these objects."""
    (result,) = [each for each in bodies if each["kind"] == kind and each["metadata"]["name"].endswith(end)]
    return result


def _command(bodies: list[Body], flag: str, value: str) -> None:
    container = named(bodies, "Deployment", "connect-injector")["spec"]["template"]["spec"]["containers"][0]
    container["command"][2] = container["command"][2].replace(flag, value)


def _image(bodies: list[Body], kind: str, end: str, tag: str) -> None:
    container = named(bodies, kind, end)["spec"]["template"]["spec"]["containers"][0]
    container["image"] = f"hashicorp/{end}:{tag}"


def test_an_installation_is_detected_with_its_versions_and_how_it_injects() -> None:
    """By labels alone; where pods have to ask for their proxies themselves, no namespace is enrolled as such."""
    bodies = [*running(), {"kind": "Namespace", "metadata": {"name": "shop"}}]
    mesh = only(bodies)
    assert (mesh.plane.namespace, mesh.plane.datacenter) == ("consul", "dc1")
    assert (mesh.plane.release, mesh.plane.consul) == ("2.1.0-dev", "2.1.0-dev")
    assert [each.message for each in mesh.conditions if each.status != "True"] == []
    assert mesh.enrolled == []
    assert mesh.plane.injecting.takes({"consul.hashicorp.com/connect-inject": "true"})
    assert not mesh.plane.injecting.takes({})
    shown = detecting.summary(mesh)
    assert (shown.kind, shown.state, shown.version, shown.modes) == ("consul", "ready", "2.1.0-dev", ["sidecar"])


def test_namespaces_that_the_injector_chooses_are_enrolled() -> None:
    """With injection by default the webhook's selector and the injector's lists decide."""
    bodies = running()
    _command(bodies, "-default-inject=false", "-default-inject=true")
    webhooks = named(bodies, "MutatingWebhookConfiguration", "connect-injector")["webhooks"]
    (pods,) = [each for each in webhooks if each["rules"][0]["resources"] == ["pods"]]
    pods["namespaceSelector"] = {"matchLabels": {"mesh": "on"}}
    for name, label in (("shop", "on"), ("bank", "off"), ("kube-system", "on")):
        bodies.append({"kind": "Namespace", "metadata": {"name": name, "labels": {"mesh": label}}})
    mesh = only(bodies)
    assert mesh.enrolled == ["shop"]
    assert mesh.plane.injecting.mark == {"mesh": "on"}


def test_a_cluster_without_consul_has_none() -> None:
    """Nothing is made up."""
    assert detecting.detect([{"kind": "Namespace", "metadata": {"name": "consul"}}], ()) == []


def _stop_servers(bodies: list[Body]) -> None:
    named(bodies, "StatefulSet", "server")["status"] = {"updatedReplicas": 1, "readyReplicas": 0}


def _stop_injector(bodies: list[Body]) -> None:
    named(bodies, "Deployment", "connect-injector")["status"] = {"updatedReplicas": 1, "availableReplicas": 0}


def _unhook(bodies: list[Body]) -> None:
    bodies.remove(named(bodies, "MutatingWebhookConfiguration", "connect-injector"))


def _distrust(bodies: list[Body]) -> None:
    for each in named(bodies, "MutatingWebhookConfiguration", "connect-injector")["webhooks"]:
        del each["clientConfig"]["caBundle"]


def _skew(bodies: list[Body]) -> None:
    _image(bodies, "StatefulSet", "server", "1.21.3")


def _age(bodies: list[Body]) -> None:
    _image(bodies, "Deployment", "connect-injector", "1.3.9")
    _image(bodies, "StatefulSet", "server", "1.17.9")


def _add_gateway(bodies: list[Body]) -> None:
    labels = {"app": "consul", "component": "ingress-gateway"}
    meta = {"name": "door", "namespace": "consul", "labels": labels}
    bodies.append({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": meta, "spec": {}, "status": {}})


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (_stop_servers, "ServersReady", "0 of 1 replicas"),
        (_stop_injector, "InjectorReady", "new pods get no proxy"),
        (_unhook, "WebhookReady", "install or upgrade the chart again"),
        (_distrust, "WebhookReady", "webhook-cert-manager"),
        (_skew, "VersionsFit", "made for Consul 2.1, and the servers are 1.21.3"),
        (_age, "VersionsFit", "older than 1.4"),
        (_add_gateway, "GatewaysReady", "consul/door"),
    ],
)
def test_what_is_wrong_is_told_by_its_condition(change: Callable[[list[Body]], None], kind: str, words: str) -> None:
    """One thing broken, one condition false, with what it means; the mesh is degraded."""
    bodies = running()
    change(bodies)
    mesh = only(bodies)
    (bad,) = [each for each in mesh.conditions if each.status != "True"]
    assert bad.type == kind
    assert words in bad.message
    assert detecting.summary(mesh).state == "degraded"


def test_servers_may_be_elsewhere_and_definitions_may_be_missing() -> None:
    """What is outside of the cluster is not judged; the version is that for which consul-k8s is made."""
    bodies = running()
    bodies.remove(named(bodies, "StatefulSet", "server"))
    _image(bodies, "Deployment", "connect-injector", "1.4.2")
    mesh = only(bodies)
    assert mesh.healthy
    assert mesh.plane.consul == "1.18"
    (bad,) = [each for each in only(running(), ("Mesh",)).conditions if each.status != "True"]
    assert "ServiceDefaults" in bad.message
