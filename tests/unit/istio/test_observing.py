"""Facts are read from Kubernetes objects as Istio reads them."""

from typing import Any

from meshwright.adapters.istio import observing
from meshwright.adapters.istio.facts import IngressGateway, ServicePort


def labelled(name: str, **labels: str) -> dict[str, Any]:
    """A namespace."""
    spelled = {key.replace("__", "/").replace("_", "-").replace("istio-io", "istio.io"): v for key, v in labels.items()}
    return {"metadata": {"name": name, "labels": spelled}}


def deployment(name: str, labels: dict[str, str], *, annotations: dict[str, str] | None = None, **spec: Any) -> Any:
    """A workload in `shop`."""
    template = {"metadata": {"labels": labels, "annotations": annotations or {}}, "spec": spec}
    return {"kind": "Deployment", "metadata": {"name": name, "namespace": "shop"}, "spec": {"template": template}}


def test_namespaces_are_enrolled_as_their_labels_say() -> None:
    """The injection label counts before the revision's; tags are followed to their revisions."""
    bodies = [
        labelled("a", istio_injection="enabled"),
        labelled("b", istio_io__rev="prod"),
        labelled("c", istio_io__dataplane_mode="ambient"),
        labelled("d", istio_injection="disabled"),
        labelled("e"),
    ]
    result = observing.namespaces(bodies, {"prod": "1-30"})
    assert [(each.name, each.mode, each.revision) for each in result] == [
        ("a", "sidecar", "default"),
        ("b", "sidecar", "1-30"),
        ("c", "ambient", ""),
        ("d", "none", ""),
        ("e", "none", ""),
    ]


def test_workloads_may_decide_for_themselves() -> None:
    """Labels of pods count before those of their namespace."""
    bodies = [
        deployment("a", {}),
        deployment("b", {"sidecar.istio.io/inject": "false"}, serviceAccountName="bee"),
        {**deployment("c", {"istio.io/dataplane-mode": "none"})},
    ]
    sidecars = observing.workloads(bodies, {"shop": "sidecar"})
    assert [(each.name, each.mode, each.service_account) for each in sidecars] == [
        ("a", "sidecar", "default"),
        ("b", "none", "bee"),
        ("c", "sidecar", "default"),
    ]
    assert [each.mode for each in observing.workloads(bodies, {"shop": "ambient"})] == ["ambient", "ambient", "none"]


def test_named_target_ports_are_those_of_the_pods() -> None:
    """Where pods of one service disagree, nobody guesses."""
    service = {
        "metadata": {"name": "web", "namespace": "shop", "labels": {"istio.io/use-waypoint": "none"}},
        "spec": {
            "selector": {"app": "web"},
            "ports": [
                {"port": 80, "name": "http-web", "targetPort": "web"},
                {"port": 81, "appProtocol": "grpc", "name": "odd"},
                {"port": 53, "protocol": "UDP", "name": "dns"},
            ],
        },
    }
    pods = [
        deployment(f"web-{n}", {"app": "web"}, containers=[{"ports": [{"name": "web", "containerPort": port}]}])
        for n, port in enumerate((8080, 8080))
    ]
    (result,) = observing.services([service], pods, {"shop": "shop/waypoint"})
    assert result.ports == [
        ServicePort(number=80, name="http-web", protocol="http", target=8080),
        ServicePort(number=81, name="odd", protocol="grpc", target=81),
    ]
    assert result.waypoint == ""
    pods.append(deployment("web-3", {"app": "web"}, containers=[{"ports": [{"name": "web", "containerPort": 9}]}]))
    (result,) = observing.services([service], pods, {})
    assert result.ports[0].target == 0


def test_gateways_and_waypoints_are_told_apart() -> None:
    """Proxies at the edge by their template, waypoints by their class."""
    edge = deployment("gw", {"istio": "ingress"}, annotations={"inject.istio.io/templates": "gateway"})
    exit_ = deployment("out", {"istio": "egressgateway"}, annotations={"inject.istio.io/templates": "gateway"})
    result = observing.ingress_gateways([edge, exit_, deployment("web", {"app": "web"})])
    assert result == [IngressGateway(namespace="shop", name="gw", labels={"istio": "ingress"})]
    gateway = {"metadata": {"name": "w", "namespace": "shop"}, "spec": {"gatewayClassName": "istio-waypoint"}}
    other = {"metadata": {"name": "g", "namespace": "shop"}, "spec": {"gatewayClassName": "istio"}}
    assert [each.name for each in observing.waypoints([gateway, other])] == ["w"]


def test_what_the_design_has_made_itself_is_no_obstacle() -> None:
    """What others stand for too is one, and they are named."""

    def made(name: str, *managers: str) -> dict[str, Any]:
        fields = [{"manager": each} for each in managers]
        meta = {"name": name, "namespace": "shop", "managedFields": fields}
        return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta, "spec": {}}

    mine = "meshwright:default.prod.canary"
    bodies = [made("a", mine), made("b", mine, "kubectl"), made("c", "meshwright:default.prod.other")]
    result = observing.existing(bodies, mine)
    assert [(each.ref.name, each.owner) for each in result] == [("b", "kubectl"), ("c", "design other of mesh prod")]


def test_a_provider_of_json_logs_is_found() -> None:
    """By the mesh's encoding, or a log format with labels."""
    provider = {"name": "json", "envoyFileAccessLog": {"logFormat": {"labels": {"code": "%RESPONSE_CODE%"}}}}
    assert observing.json_log({"extensionProviders": [provider]}) == "json"
    assert observing.json_log({"accessLogEncoding": "JSON"}) == "envoy"
    assert observing.json_log({"accessLogFile": "/dev/stdout"}) == ""
