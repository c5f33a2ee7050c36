"""What the cluster knows of a world of services and clients.

Invariant: every pod carries the name by which the test calls it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from testbed.objects import Object
from testbed.traffic.apps import PORT

NAME = "meshwright.test/pod"
"""the label by which the pods of a world are found"""


class Service(msgspec.Struct, frozen=True):
    """A service and its versions, one pod each; with `sidecar` its pods have sidecars, too, and call others by them.

    `zones` says in which zone (a, b) a version's pod is; clients and all others are in a. `twins` are versions that
    have a second pod. With the `protocol` tcp proxies pass bytes on and do not look at requests.
    """

    name: str
    versions: tuple[str, ...] = ("v1",)
    port: int = 9080
    sidecar: bool = False
    zones: dict[str, str] = {}
    twins: tuple[str, ...] = ()
    protocol: str = "http"

    @property
    def pods(self) -> dict[str, str]:
        """The names of its pods, each with its version; twins last."""
        twins = {f"{self.name}-{each}-twin": each for each in self.twins}
        return {f"{self.name}-{each}": each for each in self.versions} | twins


def of(namespace: str, services: Sequence[Service], clients: Sequence[str], gateways: Sequence[str]) -> list[Object]:
    """The objects of a world."""
    names = (*(each.name for each in services), *clients, *gateways)
    made = [_object("v1", "ServiceAccount", namespace, each) for each in names]
    made += [_deployment(namespace, each, each, {"app": each}, injected=True) for each in clients]
    for each in gateways:
        labels = {"app": each, "istio": each}
        ports = [{"name": "http", "port": 80, "targetPort": 80}]
        made.append(_object("v1", "Service", namespace, each, {"selector": labels, "ports": ports}))
        made.append(_gateway(_deployment(namespace, each, each, labels)))
    return [*made, *(each for service in services for each in _service(namespace, service))]


def _service(namespace: str, service: Service) -> list[Object]:
    ports = [{"name": service.protocol, "port": service.port, "targetPort": PORT}]
    made = [_object("v1", "Service", namespace, service.name, {"selector": {"app": service.name}, "ports": ports})]
    for name, version in service.pods.items():
        labels = {"app": service.name, "version": version}
        zone = service.zones.get(version, "a")
        made.append(_deployment(namespace, name, service.name, labels, injected=service.sidecar, zone=zone))
    if service.sidecar:
        made.append(_inbound(namespace, service))
    return made


def _inbound(namespace: str, service: Service) -> Object:
    """Nothing redirects connections to the sidecar: it listens itself in the place of the process.

    It passes on nothing that it does not know: such a Sidecar is in nobody's way who controls egress.
    """
    port = {"number": PORT, "protocol": service.protocol.upper(), "name": service.protocol}
    ingress = {"port": port, "defaultEndpoint": f"127.0.0.1:{PORT}", "captureMode": "NONE"}
    outbound = {"mode": "REGISTRY_ONLY"}
    selector = {"labels": {"app": service.name}}
    spec = {"workloadSelector": selector, "ingress": [ingress], "outboundTrafficPolicy": outbound}
    return _object("networking.istio.io/v1", "Sidecar", namespace, service.name, spec)


def _deployment(
    namespace: str, name: str, account: str, labels: dict[str, str], *, injected: bool = False, zone: str = "a"
) -> Object:
    own = {**labels, NAME: name, **({"istio.io/rev": "default"} if injected else {})}
    container = {"name": "app", "image": "example.invalid/app:1", "ports": [{"containerPort": PORT}]}
    spec = {
        "selector": {"matchLabels": {NAME: name}},
        "template": {
            "metadata": {"labels": own},
            "spec": {
                "serviceAccountName": account,
                "containers": [container],
                "nodeSelector": {"topology.kubernetes.io/zone": zone},
            },
        },
    }
    return _object("apps/v1", "Deployment", namespace, name, spec)


def _gateway(deployment: Object) -> Object:
    """Marked as Istio's own gateways are, which are found by it."""
    template = deployment["spec"]["template"]["metadata"]
    template["annotations"] = {"inject.istio.io/templates": "gateway"}
    deployment["metadata"]["labels"] = {"istio": template["labels"]["istio"]}
    return deployment


def _object(version: str, kind: str, namespace: str, name: str, spec: dict[str, Any] | None = None) -> Object:
    made: Object = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
    return {**made, "spec": spec} if spec else made
