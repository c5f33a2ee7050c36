"""Analysis of policies: those that lead nowhere, say the same thing twice, or are not enforced."""

from collections.abc import Iterator
from typing import NamedTuple

from meshwright.adapters.kuma import observing, words
from meshwright.adapters.kuma.analysis.registry import (
    IDENTITY,
    MESH,
    OF_REQUESTS,
    OUTBOUND,
    SECURING,
    SERVICE,
    analyzers,
)
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_PROTOCOL = ".service.kuma.io/protocol"


class Target(NamedTuple):
    """A service that a policy names, and where."""

    namespace: str
    name: str
    pointer: str
    section: str = ""
    """one port of it"""


@analyzers.analyzer("MW3952", needs=(SERVICE,))
def services_are_there(manifests: Manifests) -> Iterator[Observation]:
    """Services that policies and routes name."""
    for policy in _policies(manifests):
        for target in [*_targets(policy), *_backends(policy)]:
            if manifests.get(*SERVICE, target.namespace, target.name) is None:
                message = f"there is no Service {target.namespace}/{target.name}"
                yield Observation(code="MW3952", manifest=policy, message=message, pointer=target.pointer)


@analyzers.analyzer("MW3951", needs=(SERVICE,))
def requests_are_seen(manifests: Manifests) -> Iterator[Observation]:
    """Policies about requests to services that speak no HTTP."""
    for kind in OF_REQUESTS:
        for policy in manifests.of(*kind):
            for target in _targets(policy):
                service = manifests.get(*SERVICE, target.namespace, target.name)
                if service is not None and not _speaks_http(service):
                    message = f"no port of {target.namespace}/{target.name} says that it speaks HTTP"
                    yield Observation(code="MW3951", manifest=policy, message=message, pointer=target.pointer)


@analyzers.analyzer("MW3954")
def one_policy_for_a_service(manifests: Manifests) -> Iterator[Observation]:
    """Policies of one kind for the same service."""
    first: dict[tuple[str, str, str, str], Manifest] = {}
    for policy in sorted(_policies(manifests), key=lambda each: each.ref):
        for target in _targets(policy):
            key = policy.ref.kind, policy.ref.namespace, f"{target.namespace}/{target.name}", target.section
            if (other := first.setdefault(key, policy)) is not policy:
                message = f"{other.ref.kind} {other.ref.name} is for {target.namespace}/{target.name}, too"
                yield Observation(code="MW3954", manifest=policy, message=message, pointer=target.pointer)


@analyzers.analyzer("MW3955", needs=(MESH,), reads=(IDENTITY,))
def permissions_are_enforced(manifests: Manifests) -> Iterator[Observation]:
    """Permissions of meshes whose proxies have no identities."""
    secured = {_mesh(each) for each in manifests.of(*IDENTITY)}
    secured |= {each.ref.name for each in manifests.of(*MESH) if mapping(each.spec.get("mtls")).get("enabledBackend")}
    known = {each.ref.name for each in manifests.of(*MESH)}
    for kind in SECURING:
        for policy in manifests.of(*kind):
            if _mesh(policy) in known - secured:
                message = f"the proxies of the mesh {_mesh(policy)} have no identities, so nobody enforces it"
                yield Observation(code="MW3955", manifest=policy, message=message, pointer="#/spec")


def _policies(manifests: Manifests) -> list[Manifest]:
    return [each for kind in OUTBOUND for each in manifests.of(*kind)]


def _mesh(manifest: Manifest) -> str:
    labels = mapping(manifest.metadata.get("labels"))
    return str(labels.get(words.MESH) or words.DEFAULT_MESH)


def _targets(policy: Manifest) -> Iterator[Target]:
    for index, item in enumerate(items(policy.spec.get("to"))):
        if found := _target(mapping(item).get("targetRef"), policy, f"#/spec/to/{index}/targetRef"):
            yield found


def _backends(policy: Manifest) -> Iterator[Target]:
    for index, item in enumerate(items(policy.spec.get("to"))):
        for number, rule in enumerate(items(mapping(item).get("rules"))):
            for place, ref in enumerate(items(mapping(mapping(rule).get("default")).get("backendRefs"))):
                pointer = f"#/spec/to/{index}/rules/{number}/default/backendRefs/{place}"
                if found := _target(ref, policy, pointer):
                    yield found


def _target(ref: object, policy: Manifest, pointer: str) -> Target | None:
    """The service of a reference; None where it names none by its name."""
    said = mapping(ref)
    labels = mapping(said.get("labels"))
    name = said.get("name") or labels.get(words.DISPLAY_NAME)
    if said.get("kind") != "MeshService" or not name:
        return None
    place = said.get("namespace") or labels.get(words.PLACE) or policy.ref.namespace
    return Target(str(place), str(name), pointer, str(said.get("sectionName") or ""))


def _speaks_http(service: Manifest) -> bool:
    annotated = {key for key, value in service.annotations.items() if value in observing.HTTP}
    return any(
        mapping(port).get("appProtocol") in observing.HTTP or f"{mapping(port).get('port')}{_PROTOCOL}" in annotated
        for port in items(service.spec.get("ports"))
    )
