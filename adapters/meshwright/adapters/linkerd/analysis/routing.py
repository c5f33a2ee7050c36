"""Analysis of routes: those that Linkerd ignores, and those that lead nowhere."""

from collections.abc import Iterator

from meshwright.adapters.linkerd import versions
from meshwright.adapters.linkerd.analysis.registry import PROFILE, ROUTES, SERVICE, analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_NEWEST = "2.20"
"""what it does not know, none does"""
_ANNOTATIONS = ("retry.linkerd.io/", "timeout.linkerd.io/", "balancer.linkerd.io/")
Place = tuple[str, str]


@analyzers.analyzer("MW3801", reads=(PROFILE,))
def profiles_take_precedence(manifests: Manifests) -> Iterator[Observation]:
    """Services with a profile and with what it makes Linkerd ignore."""
    profiled = {_of_profile(each): each for each in manifests.of(*PROFILE)}
    for route in _routes(manifests):
        for index, parent in enumerate(items(route.spec.get("parentRefs"))):
            if profile := profiled.get(_service(mapping(parent), route)):
                message = f"the ServiceProfile {profile.ref.namespace}/{profile.ref.name} makes Linkerd ignore it"
                yield Observation(
                    code="MW3801", manifest=route, message=message, pointer=f"#/spec/parentRefs/{index}/name"
                )
    for service in manifests.of(*SERVICE):
        said = [key for key in service.annotations if key.startswith(_ANNOTATIONS)]
        if said and (profile := profiled.get((service.ref.namespace, service.ref.name))):
            message = f"the ServiceProfile {profile.ref.name} makes Linkerd ignore {', '.join(sorted(said))}"
            yield Observation(code="MW3801", manifest=service, message=message, pointer="#/metadata/annotations")


@analyzers.analyzer("MW3802")
def fields_are_known(manifests: Manifests) -> Iterator[Observation]:
    """Fields for which Linkerd ignores a route."""
    for route in _routes(manifests):
        if any(mapping(each).get("kind") == "Service" for each in items(route.spec.get("parentRefs"))):
            for field in versions.unknown_fields(route.body, _NEWEST):
                message = f"Linkerd does not carry out {field}, and ignores the whole route"
                yield Observation(code="MW3802", manifest=route, message=message, pointer="#/spec/rules")


@analyzers.analyzer("MW3808", needs=(SERVICE,))
def backends_are_there(manifests: Manifests) -> Iterator[Observation]:
    """Services to which routes lead."""
    for route in _routes(manifests):
        if not any(mapping(each).get("kind") == "Service" for each in items(route.spec.get("parentRefs"))):
            continue
        for index, rule in enumerate(items(route.spec.get("rules"))):
            for number, backend in enumerate(items(mapping(rule).get("backendRefs"))):
                place = _service({"kind": "Service", **mapping(backend)}, route)
                if place != ("", "") and manifests.get(*SERVICE, *place) is None:
                    pointer = f"#/spec/rules/{index}/backendRefs/{number}/name"
                    message = f"there is no Service {'/'.join(place)}"
                    yield Observation(code="MW3808", manifest=route, message=message, pointer=pointer)


def _routes(manifests: Manifests) -> list[Manifest]:
    return [each for kind in ROUTES for each in manifests.of(*kind)]


def _service(ref: dict[str, object], route: Manifest) -> Place:
    """The service that a reference of a route means; empty: none."""
    if ref.get("kind") != "Service":
        return "", ""
    return str(ref.get("namespace") or route.ref.namespace), str(ref.get("name") or "")


def _of_profile(profile: Manifest) -> Place:
    """The service of a profile, which is named after its host."""
    name, _, rest = profile.ref.name.partition(".")
    return rest.partition(".")[0] or profile.ref.namespace, name
