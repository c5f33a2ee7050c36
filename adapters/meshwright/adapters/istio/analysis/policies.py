"""Analysis of what selects workloads: Sidecars, Telemetries and policies that meet, or meet nobody."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"


@analyzers.analyzer("MW3401", "MW3402")
def sidecars_do_not_meet(manifests: Manifests) -> Iterator[Observation]:
    """One Sidecar for each workload, and one without selector for each namespace."""
    yield from _alone(manifests, shapes.NETWORKING, "Sidecar", "MW3401", "MW3402")


@analyzers.analyzer("MW3403", "MW3404")
def telemetries_do_not_meet(manifests: Manifests) -> Iterator[Observation]:
    """One Telemetry for each workload, and one without selector for each namespace."""
    yield from _alone(manifests, shapes.TELEMETRY, "Telemetry", "MW3403", "MW3404")


def _alone(manifests: Manifests, group: str, kind: str, selecting: str, general: str) -> Iterator[Observation]:
    pods = shapes.pods(manifests)
    everyone = manifests.of(group, kind)
    for one in everyone:
        own = shapes.selector(one)
        rivals = [each for each in everyone if each.ref != one.ref and each.ref.namespace == one.ref.namespace]
        if own is None:
            same = [each for each in rivals if shapes.selector(each) is None and not each.spec.get("targetRefs")]
            if same and not one.spec.get("targetRefs"):
                message = f"{_names(same)} in the same namespace has no selector either"
                yield Observation(code=general, manifest=one, message=message, pointer="#/metadata/name", related=same)
            continue
        for rival in rivals:
            other = shapes.selector(rival)
            both = [
                each
                for each in pods
                if other is not None and each.namespace == one.ref.namespace and each.has(own) and each.has(other)
            ]
            if both:
                message = f"{_names([rival])} selects {both[0].manifest.ref.kind} {both[0].manifest.ref.name} as well"
                yield Observation(code=selecting, manifest=one, message=message, pointer="#/spec", related=[rival])


def _names(manifests: list[Manifest]) -> str:
    return ", ".join(str(each.ref) for each in manifests)


@analyzers.analyzer("MW3405", needs=shapes.PODS)
def policies_protect_somebody(manifests: Manifests) -> Iterator[Observation]:
    """The pods that each AuthorizationPolicy selects."""
    pods = shapes.pods(manifests)
    for policy in manifests.of(shapes.SECURITY, "AuthorizationPolicy"):
        chosen = shapes.selector(policy)
        where = None if policy.ref.namespace == shapes.ROOT_NAMESPACE else policy.ref.namespace
        attached = policy.spec.get("targetRef") or policy.spec.get("targetRefs")
        if attached or not (chosen or where):
            continue
        if not any(where in (None, each.namespace) and each.has(chosen or {}) for each in pods):
            written = ", ".join(f"{key}={value}" for key, value in (chosen or {}).items())
            message = f"no pod has the labels {written}" if chosen else f"no pod is in namespace {where}"
            pointer = "#/spec/selector/matchLabels" if chosen else "#/metadata/namespace"
            yield Observation(code="MW3405", manifest=policy, message=message, pointer=pointer)


@analyzers.analyzer("MW3406", needs=[("", "Namespace")])
def policies_name_namespaces(manifests: Manifests) -> Iterator[Observation]:
    """The namespaces that each AuthorizationPolicy names as sources."""
    namespaces = {each.ref.name for each in manifests.of("", "Namespace")}
    for policy in manifests.of(shapes.SECURITY, "AuthorizationPolicy"):
        for name, pointer in _named_namespaces(policy):
            if not any(fnmatchcase(each, name) for each in namespaces):
                message = f"there is no namespace {name}"
                yield Observation(code="MW3406", manifest=policy, message=message, pointer=pointer)


def _named_namespaces(policy: Manifest) -> Iterator[tuple[str, str]]:
    for at, rule in enumerate(map(mapping, items(policy.spec.get("rules")))):
        for place, source in enumerate(map(mapping, items(rule.get("from")))):
            for key in ("namespaces", "notNamespaces"):
                for index, name in enumerate(items(mapping(source.get("source")).get(key))):
                    yield str(name), f"#/spec/rules/{at}/from/{place}/source/{key}/{index}"


@analyzers.analyzer("MW3407")
def gateways_are_named(manifests: Manifests) -> Iterator[Observation]:
    """Policies that select the pods of a Kubernetes Gateway by label."""
    pods = [each for each in shapes.pods(manifests) if _GATEWAY_NAME in each.labels]
    kinds = (
        (shapes.SECURITY, "AuthorizationPolicy"),
        (shapes.SECURITY, "RequestAuthentication"),
        (shapes.TELEMETRY, "Telemetry"),
        ("extensions.istio.io", "WasmPlugin"),
    )
    for group, kind in kinds:
        for policy in manifests.of(group, kind):
            chosen = shapes.selector(policy)
            if chosen is None or policy.spec.get("targetRef") or policy.spec.get("targetRefs"):
                continue
            for each in pods:
                if each.namespace == policy.ref.namespace and each.has(chosen):
                    message = f"the selector has no effect on the Gateway {each.labels[_GATEWAY_NAME]}"
                    yield Observation(code="MW3407", manifest=policy, message=message, pointer="#/spec/selector")
