"""Hosts: which Service or ServiceEntry a host name means.

Invariant: a name is looked up as Istio does it: a short one in the namespace of the rule that has it, then the full
name of a Service, then the hosts of ServiceEntries, wildcards included, where they are visible.
"""

from meshwright.adapters.istio.analysis import shapes
from meshwright.core.kit.analysis import Manifest, Manifests
from meshwright.core.kit.analysis.manifests import items, mapping

DOMAIN = "svc.cluster.local"
_EXPORT = "networking.istio.io/exportTo"


class Hosts:
    """The hosts that the resources define."""

    def __init__(self, manifests: Manifests) -> None:
        self._services = {full_name(each.ref.name, each.ref.namespace): each for each in manifests.of("", "Service")}
        self._entries = [
            (host, each) for each in manifests.of(shapes.NETWORKING, "ServiceEntry") for host in shapes.hosts(each)
        ]

    def find(self, host: str, namespace: str) -> Manifest | None:
        """The Service or ServiceEntry behind a host, as a rule of that namespace means it."""
        service = self._services.get(full_name(host, namespace))
        if service is not None:
            return service if _is_exported(service, namespace) else None
        visible = [(own, each) for own, each in self._entries if _is_visible(each, namespace)]
        return next(
            (each for own, each in visible if matches(own, host) or matches(own, full_name(host, namespace))), None
        )


def full_name(host: str, namespace: str) -> str:
    """The name under which Istio knows a host that a rule of this namespace names."""
    parts = host.split(".")
    if "*" in host:
        return host
    if len(parts) == 1:
        return f"{host}.{namespace}.{DOMAIN}"
    return host


def matches(pattern: str, host: str) -> bool:
    """Whether a host is one of a pattern's, which may begin with a wildcard label (`*.example.com`)."""
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) or host == pattern
    return pattern == host


def overlap(one: str, other: str) -> bool:
    """Whether some host is of both patterns."""
    return matches(one, other) or matches(other, one)


def ports(manifest: Manifest) -> list[int]:
    """The ports of a Service or ServiceEntry."""
    key = "port" if manifest.ref.kind == "Service" else "number"
    return [shapes.number(mapping(each).get(key)) for each in items(manifest.spec.get("ports"))]


def _is_exported(service: Manifest, namespace: str) -> bool:
    names = [each.strip() for each in str(service.annotations.get(_EXPORT) or shapes.EVERYWHERE).split(",")]
    own = service.ref.namespace
    return any(each in (shapes.EVERYWHERE, namespace) or (each == "." and own == namespace) for each in names)


def _is_visible(entry: Manifest, namespace: str) -> bool:
    return bool(shapes.exported_to(entry) & {shapes.EVERYWHERE, namespace})
