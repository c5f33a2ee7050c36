"""What stands against a design in its cluster: services and versions that are not there, and what a mesh adds to that.

Invariant: pure functions of facts; every problem names the intent, what is in its way and what there is instead.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from meshwright.core.kit.kubernetes.facts.known import KubernetesFacts, Service
from meshwright.core.kit.lifecycle.expressing import versions
from meshwright.core.kit.lifecycle.obstacles import named_versions, obstacles
from meshwright.schemas.base import service_parts
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import AnyIntent, intent_kind

F = TypeVar("F", bound=KubernetesFacts)
_SHOWN = 10


def problems(
    facts: F,
    *,
    enrolment: Callable[[F, AnyIntent, Service, str], Iterable[str]],
    clashes: Callable[[F, AnyIntent], Iterable[str]],
) -> list[FieldError]:
    """Everything that stands against the design of these facts.

    `enrolment` says what is wrong with how a service takes part, which a field of an intent names; `clashes` what
    others have made that would decide instead of what the intent becomes, or together with it.
    """

    def told(intent: AnyIntent) -> Iterator[tuple[str, str]]:
        for field in ("service", "source"):
            if name := getattr(intent, field, None):
                yield from ((field, each) for each in _named(facts, intent, name, field, enrolment))
        if (service := facts.service_of(intent)) is not None:
            yield from _missing_versions(facts, intent, service)
        yield from (("", each) for each in clashes(facts, intent))

    return obstacles(facts.intents, told, facts.namespace)


def not_enrolled(intent: AnyIntent, service: Service) -> str:
    """Why what the pods of a service would have to do themselves is not done there."""
    return (
        f"the workloads of {service} are not enrolled, so nobody would enforce {intent_kind(intent)} there: enrol them"
        " first"
    )


def routed_already(facts: KubernetesFacts, service: Service) -> Iterator[str]:
    """The routes of the Gateway API that others have given a service."""
    for each in facts.those("HTTPRoute", "GRPCRoute"):
        for parent in each.spec.get("parentRefs") or []:
            place = str(parent.get("namespace") or each.ref.namespace), str(parent.get("name"))
            if parent.get("kind") == "Service" and place == (service.namespace, service.name):
                yield f"{each} routes {service} already: remove it, or import it into the design"


def _named(
    facts: F, intent: AnyIntent, name: str, field: str, enrolment: Callable[[F, AnyIntent, Service, str], Iterable[str]]
) -> Iterator[str]:
    service = facts.service(name)
    if service is None:
        namespace, short = service_parts(name, facts.namespace)
        there = sorted(each.name for each in facts.services if each.namespace == namespace)
        have = f"it has {', '.join(there[:_SHOWN])}" if there else "it has none, or is not there"
        where = f" in the namespace {namespace}" if namespace else ""
        yield f"there is no service {short}{where}: {have}"
    elif field == "source" and not facts.workloads_of(service):
        yield f"the service {service} has no workloads, so nobody calls in its name"
    else:
        yield from enrolment(facts, intent, service, field)


def _missing_versions(facts: KubernetesFacts, intent: AnyIntent, service: Service) -> Iterator[tuple[str, str]]:
    field, idle = named_versions(intent)
    for version in versions([intent]):
        labels = facts.version_labels(service, version)
        if not labels:
            have = ", ".join(facts.versions(service)) or "none that a label tells apart"
            yield field, f"no workload of {service} has the version {version}; there are: {have}"
        elif version not in idle:
            behind = [each for each in facts.workloads_of(service) if labels.items() <= each.labels.items()]
            if not any(each.replicas for each in behind):
                names = ", ".join(f"{each.kind} {each.name}" for each in behind)
                yield field, f"the version {version} of {service} has no pods: {names} is scaled to 0"
