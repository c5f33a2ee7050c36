"""Facts are read from Kubernetes objects as Istio reads them."""

from typing import Any

import msgspec

from meshwright.adapters.istio import observing
from meshwright.adapters.istio.facts import IngressGateway, may_be_http
from meshwright.core.kit.kubernetes.facts import Mode, ServicePort, Workload
from meshwright.core.kit.kubernetes.facts import observing as observed
from rig.istio.meshes import bookinfo


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


def _workloads(bodies: list[dict[str, Any]], enrolled: dict[str, Mode]) -> list[Workload]:
    return observed.workloads(bodies, lambda body: observing.mode_of(body, enrolled))


def test_workloads_may_decide_for_themselves() -> None:
    """Labels of pods count before those of their namespace."""
    bodies = [
        deployment("a", {}),
        deployment("b", {"sidecar.istio.io/inject": "false"}, serviceAccountName="bee"),
        {**deployment("c", {"istio.io/dataplane-mode": "none"})},
    ]
    sidecars = _workloads(bodies, {"shop": "sidecar"})
    assert [(each.name, each.mode, each.service_account) for each in sidecars] == [
        ("a", "sidecar", "default"),
        ("b", "none", "bee"),
        ("c", "sidecar", "default"),
    ]
    assert [each.mode for each in _workloads(bodies, {"shop": "ambient"})] == ["ambient", "ambient", "none"]


def test_a_service_uses_the_waypoint_that_it_or_its_namespace_names() -> None:
    """None is a word of its own."""
    (place,) = observing.namespaces([labelled("shop", istio_io__use_waypoint="waypoint")], {})
    facts = bookinfo("ambient", waypoint=True)
    assert place.waypoint == "shop/waypoint"
    assert facts.waypoint_of(facts.services[0]) == facts.waypoints[0]
    for said, used in (("waypoint", facts.waypoints[0]), ("none", None), ("other", None)):
        own = msgspec.structs.replace(facts.services[0], labels={"istio.io/use-waypoint": said})
        assert facts.waypoint_of(own) == used


def test_what_a_port_carries_is_told_by_its_protocol_or_its_name() -> None:
    """What nobody names is looked into."""
    http = [ServicePort(number=80, name=name) for name in ("", "http-web", "odd", "grpc")]
    others = [
        ServicePort(number=80, name="tcp-x"),
        ServicePort(number=80, name="http", app_protocol="kubernetes.io/tls"),
    ]
    assert [may_be_http(each) for each in [*http, *others]] == [True, True, True, True, False, False]


def test_gateways_and_waypoints_are_told_apart() -> None:
    """Proxies at the edge by their template, waypoints by their class."""
    edge = deployment("gw", {"istio": "ingress"}, annotations={"inject.istio.io/templates": "gateway"})
    exit_ = deployment("out", {"istio": "egressgateway"}, annotations={"inject.istio.io/templates": "gateway"})
    result = observing.ingress_gateways([edge, exit_, deployment("web", {"app": "web"})])
    assert result == [IngressGateway(namespace="shop", name="gw", labels={"istio": "ingress"})]
    gateway = {"metadata": {"name": "w", "namespace": "shop"}, "spec": {"gatewayClassName": "istio-waypoint"}}
    other = {"metadata": {"name": "g", "namespace": "shop"}, "spec": {"gatewayClassName": "istio"}}
    assert [each.name for each in observing.waypoints([gateway, other])] == ["w"]


def test_a_provider_of_json_logs_is_found() -> None:
    """By the mesh's encoding, or a log format with labels."""
    provider = {"name": "json", "envoyFileAccessLog": {"logFormat": {"labels": {"code": "%RESPONSE_CODE%"}}}}
    assert observing.json_log({"extensionProviders": [provider]}) == "json"
    assert observing.json_log({"accessLogEncoding": "JSON"}) == "envoy"
    assert observing.json_log({"accessLogFile": "/dev/stdout"}) == ""
