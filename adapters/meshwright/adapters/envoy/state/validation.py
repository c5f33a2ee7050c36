"""Validating a design against a mesh: known services and versions, no conflicting intents.

Invariant: what is valid here compiles; problems are reported with a pointer into the design, before anything changes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from meshwright.adapters.envoy.admission import places, regexes
from meshwright.adapters.envoy.resources import compiler
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.xds import protojson
from meshwright.adapters.envoy.xds.encoding import Encoder
from meshwright.schemas.base import seconds
from meshwright.schemas.designs import Design, design_problems
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import (
    Allow,
    CircuitBreaker,
    HeaderMatch,
    HeaderRoute,
    Intent,
    Mirror,
    RateLimit,
    TrafficSplit,
    intent_kind,
)
from meshwright.schemas.workloads import AnyEnrolment, AnyMember, ProcessEnrolment, ProcessMember

_MANY_PER_SERVICE = (Allow, Mirror)
_Question: TypeAlias = tuple[str, str, HeaderMatch | None]
_SHORTEST_REFILL = 0.05
_SHORTEST_BOUND = 0.001
_HIGHEST_COUNT = 2**32 - 1
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")  # https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md


def problems(state: DesiredState, design: Design) -> list[FieldError]:
    """All problems of `design`; `state` is the mesh with the design already in it."""
    errors = design_problems(design)
    known = _known(state)
    for index, intent in enumerate(design.intents):
        errors += _unknown(intent, known, f"#/intents/{index}")
        errors += _limits(intent, f"#/intents/{index}")
    errors += _conflicts(state, design)
    for index, resource in enumerate(design.resources):
        errors += places.problems(resource, f"#/resources/{index}")
    if design.resources and not errors:
        errors += _misfits(state, design)
    return errors


def trust_domain_problems(text: str) -> list[FieldError]:
    """The problems of a trust domain: each certificate of the mesh contains it, so it must make a SPIFFE id."""
    if _TRUST_DOMAIN.fullmatch(text):
        return []
    detail = "a trust domain is 1 to 255 of a-z, 0-9, dot, dash and underscore, as in mesh.local"
    return [FieldError(detail=detail, pointer="#/trust_domain")]


def missing(state: DesiredState, intent: Intent) -> list[str]:
    """The services and versions that the intent names and the mesh does not have, as text."""
    return [each.detail for each in _unknown(intent, _known(state), "#")]


def left_behind(before: DesiredState, after: DesiredState, besides: str = "") -> list[FieldError]:
    """Intents of other designs that lose a service or version by this change."""
    return [
        FieldError(detail=f"the design {name} still needs it: {each.detail}")
        for name, applied in after.designs.items()
        if name != besides
        for intent in applied.intents
        for each in _unknown(intent, _known(after), "#")
        if not list(_unknown(intent, _known(before), "#"))
    ]


def withdrawal_problems(before: DesiredState, after: DesiredState, names: list[str]) -> list[FieldError]:
    """The problems of withdrawing these workloads."""
    unknown = [
        FieldError(detail=f"{name} is not in this mesh", pointer=f"#/workloads/{index}")
        for index, name in enumerate(names)
        if name not in before.workloads
    ]
    return unknown or left_behind(before, after)


def member_problems(members: Iterable[AnyEnrolment | AnyMember]) -> list[FieldError]:
    """The members that this mesh cannot have: it has only processes, and no namespaces."""
    errors = []
    for index, member in enumerate(members):
        if not isinstance(member, ProcessEnrolment | ProcessMember):
            detail = "this mesh is made of processes: it has no namespaces, Deployments, StatefulSets or DaemonSets"
            errors.append(FieldError(detail=detail, pointer=f"#/workloads/{index}/member"))
        elif member.namespace:
            detail = "this mesh has no namespaces: leave it out"
            errors.append(FieldError(detail=detail, pointer=f"#/workloads/{index}/namespace"))
    return errors


def _known(state: DesiredState) -> dict[str, set[str]]:
    return {service: set(versions) for service, versions in state.services().items()}


def _unknown(intent: Intent, known: dict[str, set[str]], pointer: str) -> Iterator[FieldError]:
    for field in ("service", "source"):
        service = getattr(intent, field, None)
        if service is not None and service not in known:
            have = ", ".join(sorted(known)) or "none"
            yield FieldError(
                detail=f"there is no service {service} in this mesh; it has {have}", pointer=f"{pointer}/{field}"
            )
    versions = known.get(getattr(intent, "service", None) or "")
    if versions is None:
        return
    for version, place in _versions(intent):
        if version not in versions:
            have = ", ".join(sorted(versions))
            yield FieldError(
                detail=f"the service has no version {version}; it has {have}", pointer=f"{pointer}/{place}"
            )


def _versions(intent: Intent) -> Iterator[tuple[str, str]]:
    if isinstance(intent, TrafficSplit):
        for index, backend in enumerate(intent.backends):
            yield backend.version, f"backends/{index}/version"
    elif isinstance(intent, HeaderRoute | Mirror):
        yield intent.version, "version"


def _limits(intent: Intent, pointer: str) -> Iterator[FieldError]:
    if isinstance(intent, RateLimit) and seconds(intent.per) < _SHORTEST_REFILL:
        yield FieldError(detail="Envoy refills a rate limit every 50ms at the soonest", pointer=f"{pointer}/per")
    for place in ("prefix", "regex"):
        if getattr(getattr(intent, "header", None), place, None) == "":
            detail = "Envoy compares with at least one character; for any value of the header give the regex .*"
            yield FieldError(detail=detail, pointer=f"{pointer}/header/{place}")
    expression = getattr(getattr(intent, "header", None), "regex", None)
    if expression and (words := regexes.problem(expression)):
        yield FieldError(detail=words, pointer=f"{pointer}/header/regex")
    for place, duration in _durations(intent):
        if duration is not None and 0 < seconds(duration) < _SHORTEST_BOUND:
            detail = "Envoy counts whole milliseconds, and less than one would be no bound at all"
            yield FieldError(detail=detail, pointer=f"{pointer}/{place}")
    for place, count in _counts(intent):
        if count is not None and count > _HIGHEST_COUNT:
            yield FieldError(detail=f"Envoy counts up to {_HIGHEST_COUNT}", pointer=f"{pointer}/{place}")


def _durations(intent: Intent) -> Iterator[tuple[str, str | None]]:
    for name in ("timeout", "per_try_timeout", "delay"):
        yield name, getattr(intent, name, None)
    if isinstance(intent, CircuitBreaker) and intent.outlier_detection:
        for name in ("interval", "ejection_time"):
            yield f"outlier_detection/{name}", getattr(intent.outlier_detection, name)


def _counts(intent: Intent) -> Iterator[tuple[str, int | None]]:
    if isinstance(intent, RateLimit):
        yield "requests", intent.requests
    elif isinstance(intent, CircuitBreaker):
        for name in ("max_connections", "max_pending_requests", "max_requests", "max_retries"):
            yield name, getattr(intent, name)
        if intent.outlier_detection:
            yield "outlier_detection/consecutive_errors", intent.outlier_detection.consecutive_errors


def _conflicts(state: DesiredState, design: Design) -> Iterator[FieldError]:
    """Conflicts: a service may have one intent per kind, over all designs of the mesh; one route per header match."""
    others = {
        _question(intent): name
        for name, applied in state.designs.items()
        if name != design.id
        for intent in applied.intents
        if not isinstance(intent, _MANY_PER_SERVICE)
    }
    asked = Counter[_Question]()
    for index, intent in enumerate(design.intents):
        if isinstance(intent, _MANY_PER_SERVICE):
            continue
        question = kind, service, header = _question(intent)
        asked[question] += 1
        where = f"for {service}" if service else "for the whole mesh"
        where += f" with the same match of the header {header.name}" if header else ""
        if asked[question] > 1:
            yield FieldError(detail=f"a second {kind} {where}: only one can hold", pointer=f"#/intents/{index}")
        elif question in others:
            owner = others[question]
            yield FieldError(
                detail=f"the design {owner} already holds a {kind} {where}: change or remove that one",
                pointer=f"#/intents/{index}",
            )


def _question(intent: Intent) -> _Question:
    """What only one intent can answer."""
    header = intent.header if isinstance(intent, HeaderRoute) else None
    return intent_kind(intent), getattr(intent, "service", None) or "", header


def _misfits(state: DesiredState, design: Design) -> Iterator[FieldError]:
    """Native resources that fit their type, but not the resource that they are merged into."""
    encoder, snapshot = Encoder(), compiler.compile_mesh(state)
    for index, native in enumerate(design.resources):
        for each in snapshot.named(native.type, native.name):
            try:
                encoder.packed(each)
            except protojson.InvalidResource as error:
                detail = f"it does not fit what it is laid over: {error}"
                yield FieldError(detail=detail, pointer=f"#/resources/{index}/body")
                break
