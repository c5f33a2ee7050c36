"""Services of single versions, for meshes whose routes lead to Services.

Problem: such a route cannot tell the pods of a version apart, and a version is no Service. Invariant: each version that
a route names has a Service of its own, with the labels that tell its pods apart: one that is there and means exactly
these pods is used, otherwise it comes and goes with the design.
"""

import re
from typing import Any

from meshwright.core.kit.kubernetes.facts.known import KubernetesFacts, Service, ServicePort
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def name_of_version(service: Service, version: str) -> str:
    """The name of the Service of a version, unless another is there that means the same. Raises CannotExpress."""
    name = f"{service.name}-{version}".lower().replace(".", "-").replace("_", "-")
    if not _LABEL.fullmatch(name):
        raise CannotExpress(
            f"{name} is no name for a Service: 63 lower-case letters, digits and hyphens, a letter first",
            "give the version or the service a shorter or plainer name",
        )
    return name


def standing(facts: KubernetesFacts, service: Service, version: str) -> Service | None:
    """A Service of somebody's that means exactly the pods of a version, on the same ports."""
    selector = {**service.selector, **_labels(facts, service, version)}
    ports = {each.number: each.target for each in service.http_ports}
    return next(
        (
            each
            for each in facts.services
            if each.namespace == service.namespace
            and each.selector == selector
            and ports.items() <= {one.number: one.target for one in each.ports}.items()
        ),
        None,
    )


def version_service(facts: KubernetesFacts, service: Service, version: str) -> tuple[str, Resource | None]:
    """The name of a version's Service, and it itself where the design brings it. Raises CannotExpress."""
    if not service.selector:
        raise CannotExpress(
            f"the service {service} has no selector, so the pods of its versions cannot be told apart",
            "make a Service for each version, and route between them as resources of the design",
        )
    name = name_of_version(service, version)
    there = standing(facts, service, version)
    if there is not None and (there.name != name or _is_anothers(facts, service.namespace, name)):
        return there.name, None
    selector = {**service.selector, **_labels(facts, service, version)}
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": service.namespace},
        "spec": {"selector": dict(sorted(selector.items())), "ports": [_port(each) for each in service.http_ports]},
    }
    return name, Resource(ref=ResourceRef(kind="Service", namespace=service.namespace, name=name), body=body)


def _labels(facts: KubernetesFacts, service: Service, version: str) -> dict[str, str]:
    return facts.version_labels(service, version) or {"version": version}


def _is_anothers(facts: KubernetesFacts, namespace: str, name: str) -> bool:
    return any((each.ref.namespace, each.ref.name) == (namespace, name) for each in facts.those("Service"))


def _port(port: ServicePort) -> dict[str, Any]:
    named = {"name": port.name} if port.name else {}
    protocol = {"appProtocol": port.app_protocol} if port.app_protocol else {}
    return {**named, "port": port.number, "targetPort": port.target or port.number, "protocol": "TCP", **protocol}


def taken(facts: KubernetesFacts, service: Service, version: str) -> str:
    """Why the name of a version's Service cannot be used; empty: it can, or the translation says why not."""
    try:
        name = name_of_version(service, version)
    except CannotExpress:
        return ""
    there = standing(facts, service, version)
    others = [
        each for each in facts.those("Service") if (each.ref.namespace, each.ref.name) == (service.namespace, name)
    ]
    if others and (there is None or there.name != name):
        return f"{others[0]} means other pods or ports than version {version} of {service}: give it another name"
    return ""
