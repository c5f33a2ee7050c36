"""What stands against a design on a mesh: services and versions that are not there, services without sidecars.

Invariant: a pure function of facts; every problem names the intent and what is in its way.
"""

from collections.abc import Iterator

import msgspec

from meshwright.adapters.consul.facts import ConsulFacts, Service, has_version, versions
from meshwright.core.kit.lifecycle import expressing
from meshwright.core.kit.lifecycle.obstacles import named_versions, obstacles
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import AnyIntent, intent_kind

_SHOWN = 10


class Remedies(msgspec.Struct, frozen=True, kw_only=True):
    """How what is missing is told, and brought, where this Consul is."""

    service: str = "no service {name} is registered in Consul"
    sidecar: str = "register one with connect.sidecar_service"
    version: str = "give instances a version in Meta, or a tag"


def problems(facts: ConsulFacts, remedies: Remedies = Remedies()) -> list[FieldError]:  # noqa: B008 - it is frozen
    """Everything that stands against the design of these facts."""
    return obstacles(facts.intents, lambda intent: _missing(facts, intent, remedies))


def _missing(facts: ConsulFacts, intent: AnyIntent, remedies: Remedies) -> Iterator[tuple[str, str]]:
    """What an intent names and the mesh has not, with the field that names it."""
    for field in ("service", "source"):
        name = getattr(intent, field, None)
        if not name:
            continue
        service = facts.service(name)
        if service is None:
            yield field, remedies.service.format(name=name)
        elif not service.proxies:
            yield (
                field,
                f"no instance of {name} has a sidecar, so nobody would do what {intent_kind(intent)} asks:"
                f" {remedies.sidecar}",
            )
        elif field == "service":
            yield from _missing_versions(intent, service, remedies)


def _missing_versions(intent: AnyIntent, service: Service, remedies: Remedies) -> Iterator[tuple[str, str]]:
    field, idle = named_versions(intent)
    for version in expressing.versions([intent]):
        behind = [each for each in service.instances if has_version(each, version)]
        if not behind:
            have = ", ".join(versions(service)[:_SHOWN]) or f"none: {remedies.version}"
            yield field, f"no instance of {service.name} has the version {version}; there are: {have}"
        elif version not in idle and not any(each.passing for each in behind):
            names = ", ".join(each.id for each in behind[:_SHOWN])
            yield field, f"no instance of version {version} of {service.name} is healthy: {names}"
