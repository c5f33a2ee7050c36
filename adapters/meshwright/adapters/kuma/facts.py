"""What translators know of a Kuma mesh: how it names things, who has which identity, and what stands there already.

Invariant: facts are plain values that tests can write down; nothing here reads a cluster or a control plane.
"""

import re
from collections.abc import Mapping
from typing import Any

from meshwright.adapters.kuma import words
from meshwright.core.kit.kubernetes.facts import KubernetesFacts, Service, ServicePort, Workload
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.base import Model
from meshwright.schemas.intents import MutualTls

Json = dict[str, Any]
TRUST_DOMAIN = "{{ .Mesh }}.{{ .Zone }}.mesh.local"
PATH = "/ns/{{ .Namespace }}/sa/{{ .ServiceAccount }}"
"""what Kuma makes of an identity that says nothing else"""
_FIELD = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")


class Identity(Model, frozen=True, kw_only=True):
    """A MeshIdentity: which proxies it is for, and what their identities are, as templates."""

    labels: dict[str, str] = {}
    trust_domain: str = TRUST_DOMAIN
    path: str = PATH


class KumaFacts(KubernetesFacts, frozen=True, kw_only=True):
    """One Kuma mesh as it is, and the design that is to be translated."""

    mesh: str = words.DEFAULT_MESH
    """what Kuma calls it"""
    plane: str = words.NAMESPACE
    """the namespace of its control plane, whose policies count for all others"""
    zone: str = "default"
    identities: list[Identity] = []
    mtls: bool = False
    """whether proxies have certificates by the mesh itself (Mesh.mtls), as before 3.0"""
    universal: bool = False
    """whether there is no Kubernetes: nothing has a namespace, and a proxy is known by its tags as well"""
    by_tags: list[str] = []
    """the services that select their proxies by tags, and not by labels"""
    mesh_services: bool = True
    """whether policies can name services as MeshService"""

    @property
    def labels_only(self) -> bool:
        """Whether this Kuma names resources by labels alone."""
        return numbers(self.version) >= numbers(words.LABELS_ONLY)

    @property
    def brings_identity(self) -> bool:
        """Whether the design gives the proxies of the whole mesh an identity that they have not."""
        wanted = any(isinstance(each, MutualTls) and each.service is None for each in self.intents)
        return wanted and not self.identities and not self.has_mtls and not self.universal

    @property
    def has_mtls(self) -> bool:
        """Whether certificates come by the mesh itself."""
        return self.mtls and not self.labels_only

    @property
    def goes_by_service(self) -> bool:
        """Whether an identity is that of a service, as certificates by the mesh itself have it."""
        return self.has_mtls and not self.identities

    @property
    def is_secured(self) -> bool:
        """Whether proxies have identities, or will have them by the design."""
        return bool(self.identities) or self.has_mtls or self.brings_identity

    def destination(self, namespace: str, name: str) -> Json:
        """How a policy names a service that is called."""
        if self.labels_only:
            place = {words.PLACE: namespace} if namespace else {}
            return {"kind": "MeshService", "labels": {words.DISPLAY_NAME: name, **place}}
        return {"kind": "MeshService", "name": name, **({"namespace": namespace} if namespace else {})}

    def own_proxies(self, service: Service) -> Json:
        """How a policy names the proxies of a service's own pods. Raises CannotExpress."""
        if not service.selector:
            raise CannotExpress(
                f"the service {service} has no selector, so its proxies cannot be named",
                "give the service a selector, or write the policy as a resource of the design",
            )
        chosen = dict(sorted(service.selector.items()))
        if service.name in self.by_tags:
            return {"kind": "MeshSubset", "tags": chosen}
        return {"kind": "Dataplane", "labels": chosen}

    def spiffe_ids(self, service: Service, workload: Workload) -> list[str]:
        """The identities of a workload behind a service. Raises CannotExpress."""
        if self.goes_by_service:
            if self.universal:
                return [f"spiffe://{self.mesh}/{workload.labels.get(words.SERVICE) or service.name}"]
            return sorted(f"spiffe://{self.mesh}/{_tag(service, each)}" for each in service.ports)
        fitting = [each for each in self._identities if each.labels.items() <= workload.labels.items()]
        if not fitting:
            raise CannotExpress(
                f"the proxies of {service} have no identity, by which alone callers are told apart",
                "ask for mutual-tls of the whole mesh in the same design",
            )
        chosen = max(fitting, key=lambda each: len(each.labels))
        if self.universal:
            raise CannotExpress(
                "which identity a proxy has outside of Kubernetes only its control plane knows",
                "allow the identities by a MeshTrafficPermission as a resource of the design",
            )
        values = {"Namespace": workload.namespace, "ServiceAccount": workload.service_account}
        return [f"spiffe://{self._domain(chosen)}{_filled(chosen.path, values)}"]

    @property
    def trust_domains(self) -> list[str]:
        """Those of the identities of the mesh. Raises CannotExpress."""
        return [self.mesh] if self.goes_by_service else sorted({self._domain(each) for each in self._identities})

    @property
    def _identities(self) -> list[Identity]:
        return self.identities or ([Identity()] if self.brings_identity else [])

    def _domain(self, identity: Identity) -> str:
        return _filled(identity.trust_domain, {"Mesh": self.mesh, "Zone": self.zone})


def section(service: Service, port: ServicePort) -> Json:
    """One port of a service among several."""
    return {"sectionName": port.name or str(port.number)} if len(service.ports) > 1 else {}


def _tag(service: Service, port: ServicePort) -> str:
    return f"{service.name}_{service.namespace}_svc_{port.number}"


def _filled(template: str, values: Mapping[str, str]) -> str:
    """A template of an identity with its values. Raises CannotExpress."""
    text = _FIELD.sub(lambda match: values.get(match[1], match[0]), template)
    if "{{" in text:
        raise CannotExpress(
            f"the identities of this mesh are made by a template that only its control plane can fill ({template})",
            "allow the identities by a MeshTrafficPermission as a resource of the design",
        )
    return text
