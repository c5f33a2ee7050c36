"""What routes lead to for single versions of a service: Services of Kubernetes, or MeshServices without it.

Invariant: a version has one name for all routes of a design, and what the design makes for it goes with the design.
"""

from meshwright.adapters.kuma.facts import KumaFacts
from meshwright.adapters.kuma.intents import values
from meshwright.adapters.kuma.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service, ServicePort
from meshwright.core.kit.kubernetes.facts.version_services import name_of_version, version_service
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import Resource


def version(facts: KumaFacts, service: Service, wanted: str) -> tuple[str, Resource | None]:
    """The name that a version goes by, and what the design makes for it. Raises CannotExpress."""
    if not facts.universal:
        return version_service(facts, service, wanted)
    if not service.selector:
        raise CannotExpress(
            f"the service {service} names one proxy alone, so its versions cannot be told apart",
            "make a MeshService for each version, and route between them as resources of the design",
        )
    name = name_of_version(service, wanted)
    chosen = dict(
        sorted({**service.selector, **(facts.version_labels(service, wanted) or {"version": wanted})}.items())
    )
    selector: Json = {"dataplaneTags": chosen}
    if service.name not in facts.by_tags:
        selector = {"dataplaneLabels": {"matchLabels": chosen}}
    spec: Json = {"selector": selector, "ports": [_port(each) for each in service.http_ports]}
    return name, values.policy(facts, "MeshService", "", name, spec)


def _port(port: ServicePort) -> Json:
    named = {"name": port.name} if port.name else {}
    return {**named, "port": port.number, "targetPort": port.target or port.number, "appProtocol": port.app_protocol}
