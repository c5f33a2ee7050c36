"""Facts are read from Kubernetes objects alike for every mesh."""

from typing import Any

from meshwright.core.kit.kubernetes.facts import ServicePort, observing


def deployment(name: str, labels: dict[str, str], **spec: Any) -> Any:
    """A workload in `shop`."""
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {"kind": "Deployment", "metadata": {"name": name, "namespace": "shop"}, "spec": {"template": template}}


def test_named_target_ports_are_those_of_the_pods() -> None:
    """Where pods of one service disagree, nobody guesses."""
    service = {
        "metadata": {"name": "web", "namespace": "shop", "labels": {"tier": "front"}},
        "spec": {
            "selector": {"app": "web"},
            "ports": [
                {"port": 80, "name": "http-web", "targetPort": "web"},
                {"port": 81, "appProtocol": "grpc", "name": "odd"},
                {"port": 53, "protocol": "UDP", "name": "dns"},
            ],
        },
    }

    def looked(_: dict[str, Any], port: ServicePort) -> bool:
        return port.number == 80

    pods = [
        deployment(f"web-{n}", {"app": "web"}, containers=[{"ports": [{"name": "web", "containerPort": port}]}])
        for n, port in enumerate((8080, 8080))
    ]
    (result,) = observing.services([service], pods, looked)
    assert result.ports == [
        ServicePort(number=80, name="http-web", target="web", container=8080),
        ServicePort(number=81, name="odd", app_protocol="grpc", target=81, container=81, http=False),
    ]
    assert [each.number for each in result.http_ports] == [80]
    assert result.labels == {"tier": "front"}
    pods.append(deployment("web-3", {"app": "web"}, containers=[{"ports": [{"name": "web", "containerPort": 9}]}]))
    (result,) = observing.services([service], pods, looked)
    assert result.ports[0].container == 0


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
