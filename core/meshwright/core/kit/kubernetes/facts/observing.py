"""From Kubernetes objects to facts.

Invariant: pure functions of plain objects, of which any may lack any field; what a design has made itself is no
obstacle to it, so it is left out of what exists.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from meshwright.core.kit.kubernetes.facts.known import Existing, Mode, Service, ServicePort, Workload
from meshwright.core.kit.kubernetes.objects import (
    Body,
    annotations_of,
    at,
    labels_of,
    name_of,
    namespace_of,
    reference_of,
)
from meshwright.core.kit.kubernetes.target.ownership import words


def workloads(bodies: Iterable[Body], mode: Callable[[Body], Mode]) -> list[Workload]:
    """The workloads of objects; `mode` says how the new pods of one take part."""
    observed = []
    for body in bodies:
        template, wanted = at(body, "spec", "template") or {}, at(body, "spec", "replicas")
        observed.append(
            Workload(
                namespace=namespace_of(body),
                name=name_of(body),
                kind=str(body.get("kind", "")),
                labels=labels_of(template),
                annotations=annotations_of(template),
                service_account=str(at(template, "spec", "serviceAccountName") or "default"),
                replicas=wanted if isinstance(wanted, int) else 1,
                mode=mode(body),
            )
        )
    return sorted(observed, key=lambda each: (each.namespace, each.name, each.kind))


def services(
    bodies: Iterable[Body], pods: Iterable[Body], is_http: Callable[[Body, ServicePort], bool]
) -> list[Service]:
    """The services of objects. `pods` are workloads; `is_http` says of a port whether the mesh looks into it."""
    templates = [(namespace_of(each), at(each, "spec", "template") or {}) for each in pods]
    observed = []
    for body in bodies:
        namespace = namespace_of(body)
        selector = {str(key): str(value) for key, value in (at(body, "spec", "selector") or {}).items()}
        mine = [
            template
            for place, template in templates
            if place == namespace and selector and selector.items() <= labels_of(template).items()
        ]
        ports = []
        for each in at(body, "spec", "ports") or []:
            if (each.get("protocol") or "TCP") == "TCP":
                port = _port(each, mine)
                ports.append(msgspec.structs.replace(port, http=is_http(body, port)))
        observed.append(
            Service(namespace=namespace, name=name_of(body), labels=labels_of(body), ports=ports, selector=selector)
        )
    return sorted(observed, key=lambda each: (each.namespace, each.name))


def existing(bodies: Iterable[Body], manager: str) -> list[Existing]:
    """What others than the field manager of this design have made."""
    observed = []
    for body in bodies:
        entries = at(body, "metadata", "managedFields") or []
        managers = [str(each.get("manager")) for each in entries if not each.get("subresource")]
        if manager in managers and len(set(managers)) == 1:
            continue
        others = dict.fromkeys(words(each) for each in managers if each != manager)
        owner = ", ".join(others) or "somebody"
        observed.append(Existing(ref=reference_of(body), owner=owner, spec=body.get("spec") or {}))
    return sorted(observed, key=lambda each: each.ref)


def _port(body: Body, templates: Sequence[Body]) -> ServicePort:
    number = int(body.get("port") or 0)
    target = body.get("targetPort") or number
    numbers = {_numbered(each, target) for each in templates} if isinstance(target, str) else {int(target)}
    return ServicePort(
        number=number,
        name=str(body.get("name") or ""),
        app_protocol=str(body.get("appProtocol") or ""),
        target=target,
        container=numbers.pop() if len(numbers) == 1 else 0,
    )


def _numbered(template: Body, name: str) -> int:
    for container in at(template, "spec", "containers") or []:
        for port in container.get("ports") or []:
            if port.get("name") == name:
                return int(port.get("containerPort") or 0)
    return 0
