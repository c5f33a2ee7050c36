"""Analysis of what selects workloads: Sidecars, Telemetries and policies that meet, or meet nobody."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from meshwright.adapters.istio.analysis import injection, shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_FOR_WORKLOADS = (
    (shapes.SECURITY, "AuthorizationPolicy"),
    (shapes.SECURITY, "PeerAuthentication"),
    (shapes.SECURITY, "RequestAuthentication"),
    (shapes.NETWORKING, "Sidecar"),
    (shapes.TELEMETRY, "Telemetry"),
)
_DEFAULT_PROVIDERS = "defaultProviders"
_REDIRECTION = "ambient.istio.io/redirection"
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
    everyone = [each for each in manifests.of(group, kind) if not shapes.is_attached(each)]
    for one in everyone:
        own = shapes.selector(one)
        rivals = [each for each in everyone if each.ref != one.ref and each.ref.namespace == one.ref.namespace]
        if own is None:
            same = [each for each in rivals if shapes.selector(each) is None]
            if same:
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
def policies_have_workloads(manifests: Manifests) -> Iterator[Observation]:
    """The pods that each policy, Sidecar and Telemetry selects."""
    pods = shapes.pods(manifests)
    for group, kind in _FOR_WORKLOADS:
        for policy in manifests.of(group, kind):
            chosen = shapes.selector(policy)
            where = None if policy.ref.namespace == shapes.ROOT_NAMESPACE else policy.ref.namespace
            of_namespace = kind == "AuthorizationPolicy" and where
            if shapes.is_attached(policy) or not (chosen or of_namespace):
                continue
            if not any(where in (None, each.namespace) and each.has(chosen or {}) for each in pods):
                written = ", ".join(f"{key}={value}" for key, value in (chosen or {}).items())
                message = f"no pod has the labels {written}" if chosen else f"no pod is in namespace {where}"
                yield Observation(code="MW3405", manifest=policy, message=message, pointer=_selector_of(policy))


def _selector_of(policy: Manifest) -> str:
    for key, labels in (("selector", "matchLabels"), ("workloadSelector", "labels")):
        if key in policy.spec:
            return f"#/spec/{key}/{labels}"
    return "#/metadata/namespace"


@analyzers.analyzer("MW3408", reads=[("", "Namespace")])
def sidecars_have_proxies(manifests: Manifests) -> Iterator[Observation]:
    """Sidecars whose pods are in ambient mode."""
    ambient = {each.ref.name for each in manifests.of("", "Namespace") if injection.is_ambient(each)}
    pods = shapes.pods(manifests)
    for sidecar in manifests.of(shapes.NETWORKING, "Sidecar"):
        chosen = shapes.selector(sidecar)
        mine = [each for each in pods if chosen and each.namespace == sidecar.ref.namespace and each.has(chosen)]
        redirected = any(each.labels.get(injection.AMBIENT) == "ambient" or _is_redirected(each) for each in mine)
        if redirected or (sidecar.ref.namespace in ambient and (mine or chosen is None)):
            message = f"the pods that it is for in {sidecar.ref.namespace} are in ambient mode"
            yield Observation(code="MW3408", manifest=sidecar, message=message, pointer="#/spec")


def _is_redirected(pods: shapes.Pods) -> bool:
    return pods.annotations.get(_REDIRECTION) == "enabled"


@analyzers.analyzer("MW3411", reads=[("", "ConfigMap")])
def telemetries_have_providers(manifests: Manifests) -> Iterator[Observation]:
    """Access logs without a provider, where the mesh has none by default."""
    if any(
        _DEFAULT_PROVIDERS in str(mapping(each.body.get("data")).get("mesh")) for each in manifests.of("", "ConfigMap")
    ):
        return
    for telemetry in manifests.of(shapes.TELEMETRY, "Telemetry"):
        for index, log in enumerate(map(mapping, items(telemetry.spec.get("accessLogging")))):
            if not log.get("disabled") and not items(log.get("providers")):
                message = f"access log {index} names no provider, and the mesh has none by default"
                pointer = f"#/spec/accessLogging/{index}"
                yield Observation(code="MW3411", manifest=telemetry, message=message, pointer=pointer)


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
        (shapes.EXTENSIONS, "WasmPlugin"),
    )
    for group, kind in kinds:
        for policy in manifests.of(group, kind):
            chosen = shapes.selector(policy)
            if chosen is None or shapes.is_attached(policy):
                continue
            for each in pods:
                if each.namespace == policy.ref.namespace and each.has(chosen):
                    message = f"the selector has no effect on the Gateway {each.labels[_GATEWAY_NAME]}"
                    yield Observation(code="MW3407", manifest=policy, message=message, pointer="#/spec/selector")
