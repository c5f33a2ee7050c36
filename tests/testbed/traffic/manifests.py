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
    """A service and its versions, one pod each; with `sidecar` its pods have sidecars, too.

    `zones` says in which zone (a, b) a version's pod is; clients and all others are in a.
    """

    name: str
    versions: tuple[str, ...] = ("v1",)
    port: int = 9080
    sidecar: bool = False
    zones: dict[str, str] = {}


def of(namespace: str, services: Sequence[Service], clients: Sequence[str], gateways: Sequence[str]) -> list[Object]:
    """The objects of a world."""
    names = (*(each.name for each in services), *clients, *gateways)
    made = [_object("v1", "ServiceAccount", namespace, each) for each in names]
    made += [_deployment(namespace, each, each, {"app": each}, injected=True) for each in clients]
    for each in gateways:
        labels = {"app": each, "istio": each}
        ports = [{"name": "http", "port": 80, "targetPort": 80}]
        made.append(_object("v1", "Service", namespace, each, {"selector": labels, "ports": ports}))
        made.append(_deployment(namespace, each, each, labels))
    return [*made, *(each for service in services for each in _service(namespace, service))]


def _service(namespace: str, service: Service) -> list[Object]:
    ports = [{"name": "http", "port": service.port, "targetPort": PORT}]
    made = [_object("v1", "Service", namespace, service.name, {"selector": {"app": service.name}, "ports": ports})]
    for version in service.versions:
        name, labels = f"{service.name}-{version}", {"app": service.name, "version": version}
        zone = service.zones.get(version, "a")
        made.append(_deployment(namespace, name, service.name, labels, injected=service.sidecar, zone=zone))
    if service.sidecar:
        made.append(_inbound(namespace, service))
    return made


def _inbound(namespace: str, service: Service) -> Object:
    """Nothing redirects connections to the sidecar: it listens itself in the place of the process."""
    port = {"number": PORT, "protocol": "HTTP", "name": "http"}
    ingress = {"port": port, "defaultEndpoint": f"127.0.0.1:{PORT}", "captureMode": "NONE"}
    spec = {"workloadSelector": {"labels": {"app": service.name}}, "ingress": [ingress]}
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


def _object(version: str, kind: str, namespace: str, name: str, spec: dict[str, Any] | None = None) -> Object:
    made: Object = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
    return {**made, "spec": spec} if spec else made
