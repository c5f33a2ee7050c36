"""Analysis of membership: which namespaces and pods are in the mesh, and which only seem to be."""

import re
from collections.abc import Iterator

import msgspec

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import mapping

INJECTION, REVISION, AMBIENT = "istio-injection", "istio.io/rev", "istio.io/dataplane-mode"
_POD_INJECTION, _PROXY_IMAGE = "sidecar.istio.io/inject", "sidecar.istio.io/proxyImage"
_PROXY, _PROXY_USER = "istio-proxy", 1337


def _is_injected(namespace: Manifest) -> bool:
    labels = namespace.labels
    if INJECTION in labels:
        return labels[INJECTION] == "enabled"
    return REVISION in labels


def is_ambient(namespace: Manifest) -> bool:
    """Whether the pods of a namespace are in ambient mode."""
    return namespace.labels.get(AMBIENT) == "ambient" and not _is_injected(namespace)


@analyzers.analyzer("MW3201", "MW3203")
def namespaces_have_one_label(manifests: Manifests) -> Iterator[Observation]:
    """The labels for injection and ambient mode."""
    for namespace in manifests.of("", "Namespace"):
        if namespace.ref.name in shapes.SYSTEM_NAMESPACES:
            continue
        labels = namespace.labels
        counted = [each for each in (INJECTION, REVISION, AMBIENT) if each in labels]
        if labels.get(INJECTION) not in (None, "enabled"):
            counted = [INJECTION]
        if len(counted) > 1:
            written = ", ".join(f"{each}={labels[each]}" for each in counted)
            message = f"namespace {namespace.ref.name} has {written}"
            yield Observation(code="MW3203", manifest=namespace, message=message, pointer="#/metadata/labels")
        if not counted:
            message = f"namespace {namespace.ref.name} is neither in the mesh nor marked as staying out"
            yield Observation(code="MW3201", manifest=namespace, message=message, pointer="#/metadata/name")


class Membership:
    """Which pods are in the mesh, as far as namespaces and labels say it."""

    def __init__(self, manifests: Manifests) -> None:
        self._namespaces = {each.ref.name: each for each in manifests.of("", "Namespace")}

    def is_injected(self, pods: shapes.Pods) -> bool:
        """Whether the pods get a sidecar."""
        namespace, choice = self._namespaces.get(pods.namespace), _choice(pods)
        return choice == "true" or (choice != "false" and namespace is not None and _is_injected(namespace))

    def is_outside(self, pods: shapes.Pods) -> bool:
        """Whether the pods are known to be outside; those of a namespace that is not known are not."""
        namespace, choice = self._namespaces.get(pods.namespace), _choice(pods)
        if choice or namespace is None:
            return choice == "false"
        return not _is_injected(namespace) and not is_ambient(namespace)


def _choice(pods: shapes.Pods) -> str:
    return str(pods.labels.get(_POD_INJECTION, pods.annotations.get(_POD_INJECTION, ""))).lower()


@analyzers.analyzer("MW3202", "MW3205", needs=[("", "Namespace")])
def pods_have_their_proxy(manifests: Manifests) -> Iterator[Observation]:
    """Pods that should have a sidecar, and images that nobody replaces."""
    membership = Membership(manifests)
    for each in shapes.pods(manifests):
        names = {str(container.get("name")) for container in shapes.containers(each.spec)}
        injected, name = membership.is_injected(each), f"{each.manifest.ref.kind} {each.manifest.ref.name}"
        lacking = injected and _PROXY not in names and not each.spec.get("hostNetwork")
        if each.manifest.ref.kind == "Pod" and lacking and each.namespace not in shapes.SYSTEM_NAMESPACES:
            message = f"pod {each.manifest.ref.name} has no container {_PROXY}"
            yield Observation(code="MW3202", manifest=each.manifest, message=message, pointer="#/metadata/name")
        automatic = any(container.get("image") == "auto" for container in shapes.containers(each.spec))
        if automatic and not injected:
            message = f"{name} has the image auto, and is not injected"
            yield Observation(
                code="MW3205", manifest=each.manifest, message=message, pointer=f"{each.pointer}/containers"
            )


@analyzers.analyzer("MW3204")
def pods_run_as_others(manifests: Manifests) -> Iterator[Observation]:
    """Containers that run as the user of the proxy, unless they are known to be outside the mesh."""
    membership = Membership(manifests)
    for each in shapes.pods(manifests):
        if _runs_as_proxy(each) and not membership.is_outside(each):
            message = f"{each.manifest.ref.kind} {each.manifest.ref.name} runs as user {_PROXY_USER}"
            yield Observation(code="MW3204", manifest=each.manifest, message=message, pointer=each.pointer)


@analyzers.analyzer("MW3206", needs=[("", "ConfigMap")])
def proxies_are_of_one_release(manifests: Manifests) -> Iterator[Observation]:
    """The images of running proxies, beside the one that is injected now."""
    injected = {each.ref.name: _injected_image(each) for each in manifests.of("", "ConfigMap")}
    for namespace in manifests.of("", "Namespace"):
        revision = namespace.labels.get(REVISION, "default")
        name = "istio-sidecar-injector" + ("" if revision == "default" else f"-{revision}")
        image = injected.get(name, "")
        if not _is_injected(namespace) or not image:
            continue
        others = [each for each in manifests.of("", "Pod", namespace.ref.name) if _has_other_image(each, image)]
        if others:
            names = ", ".join(each.ref.name for each in others[:5]) + (" …" if len(others) > 5 else "")
            message = f"{len(others)} pods have another proxy than {image}: {names}"
            yield Observation(
                code="MW3206", manifest=namespace, message=message, pointer="#/metadata/name", related=others[:5]
            )


def _injected_image(injector: Manifest) -> str:
    """The image of the proxies that an injector adds; empty when it does not say."""
    try:
        values = mapping(msgspec.json.decode(str(mapping(injector.body.get("data")).get("values") or "null")))
    except msgspec.DecodeError:
        return ""
    settings = mapping(values.get("global"))
    image = str(mapping(settings.get("proxy")).get("image") or "")
    return image if "/" in image or not image else f"{settings.get('hub')}/{image}:{settings.get('tag')}"


def _has_other_image(pod: Manifest, image: str) -> bool:
    if pod.annotations.get(_PROXY_IMAGE):
        return False
    images = [str(each.get("image")) for each in shapes.containers(pod.spec) if each.get("name") == _PROXY]
    return any(each != image and not re.fullmatch(rf"{re.escape(image)}-(debug|distroless)", each) for each in images)


def _runs_as_proxy(each: shapes.Pods) -> bool:
    if mapping(each.spec.get("securityContext")).get("runAsUser") == _PROXY_USER:
        return True
    return any(
        mapping(container.get("securityContext")).get("runAsUser") == _PROXY_USER
        for container in shapes.containers(each.spec)
        if container.get("name") not in (_PROXY, "istio-init")
    )
