"""What translators know of a Consul mesh: its services with their versions and proxies, and the entries of others.

Invariant: facts are plain values that tests can write down; nothing here asks a server. `reading` makes them of
Consul's answers.
"""

from typing import Any

from meshwright.adapters.consul.control_plane.entries import is_l7
from meshwright.core import kit
from meshwright.schemas.base import Model
from meshwright.schemas.intents import AnyIntent, Resource
from meshwright.schemas.references import ResourceRef

VERSION_KEYS = ("version", "app_version")
"""keys of a service's `Meta` that tell its versions apart, best first; else its tags do"""
INGRESS_PORT = 8080


class Instance(Model, frozen=True, kw_only=True):
    """One registered instance of a service."""

    id: str
    meta: dict[str, str] = {}
    tags: list[str] = []
    passing: bool = True


class Service(Model, frozen=True, kw_only=True):
    """What clients address. `proxies` is how many of its instances have a sidecar."""

    name: str
    instances: list[Instance] = []
    proxies: int = 0
    upstreams: list[str] = []
    """the services that its sidecars are told to reach"""
    transparent: bool = False
    """whether its sidecars reach all services, by transparent proxying"""


class Existing(Model, frozen=True, kw_only=True):
    """A config entry that is there already, and that this design has not made. `owner` is for people."""

    ref: ResourceRef
    owner: str
    body: dict[str, Any] = {}
    taken: bool = False
    """whether the design has taken it over already; `body` is what it was before"""

    def __str__(self) -> str:
        return f"{self.ref} (of {self.owner})"


class ConsulFacts(kit.Facts, frozen=True, kw_only=True):
    """One Consul mesh as it is, and the design that is to be translated."""

    datacenter: str = ""
    services: list[Service] = []
    gateways: list[str] = []
    """the services that are ingress gateways"""
    ingress_port: int = INGRESS_PORT
    existing: list[Existing] = []
    design: str = ""
    take_over: bool = False
    """whether the design may have what others have made"""
    intents: list[AnyIntent] = []
    """of the whole design: what they say of one entry becomes one resource"""

    def plain(self, intent: Any) -> Any:
        """An intent with names as Consul has them."""
        return intent

    def dressed(self, entry: Resource) -> Resource:
        """An entry as the resource that it is where this Consul is."""
        return entry

    def service(self, name: str) -> Service | None:
        """The service that an intent names."""
        return next((each for each in self.services if each.name == name), None)

    def entry(self, kind: str, name: str) -> Existing | None:
        """What others have made of this kind and name."""
        return next((each for each in self.existing if (each.ref.kind, each.ref.name) == (kind, name)), None)

    def kept(self, kind: str, name: str) -> dict[str, Any]:
        """What others have said in an entry that the design has taken over, or may: it stays beside what is new."""
        there = self.entry(kind, name)
        return there.body if there and (self.take_over or there.taken) else {}

    def protocol(self, service: str) -> str:
        """The protocol of a service as others have set it; empty: nobody has, and Consul takes it for TCP."""
        own = self.entry("service-defaults", service)
        if own and own.body.get("Protocol"):
            return str(own.body["Protocol"])
        common = self.entry("proxy-defaults", "global")
        return str(((common.body if common else {}).get("Config") or {}).get("protocol") or "")

    def is_routed(self, service: str) -> bool:
        """Whether Consul sees the requests of a service, by what others have set."""
        return is_l7(self.protocol(service))

    def callers(self, service: str) -> list[Service]:
        """The services whose sidecars send to this one."""
        return [
            each
            for each in self.services
            if each.proxies and each.name != service and (each.transparent or service in each.upstreams)
        ]


def version_filter(service: Service, version: str) -> str:
    """The expression that selects the instances of a version and no others; empty: no instance has it."""
    for key in VERSION_KEYS:
        if any(each.meta.get(key) == version for each in service.instances):
            return f'Service.Meta.{key} == "{version}"'
    if any(version in each.tags for each in service.instances):
        return f'"{version}" in Service.Tags'
    return ""


def has_version(instance: Instance, version: str) -> bool:
    """Whether an instance is of a version."""
    return any(instance.meta.get(key) == version for key in VERSION_KEYS) or version in instance.tags


def versions(service: Service) -> list[str]:
    """The versions of a service, for people."""
    named = [next((each.meta[key] for key in VERSION_KEYS if key in each.meta), "") for each in service.instances]
    return sorted({each for each in named if each} or {tag for each in service.instances for tag in each.tags})
