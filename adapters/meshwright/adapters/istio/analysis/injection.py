"""Analysis of membership: which namespaces and pods are in the mesh, and which only seem to be."""

from collections.abc import Iterator

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import mapping

INJECTION, REVISION, AMBIENT = "istio-injection", "istio.io/rev", "istio.io/dataplane-mode"
_POD_INJECTION = "sidecar.istio.io/inject"
_OURS = {shapes.ROOT_NAMESPACE, "kube-system", "kube-public", "kube-node-lease"}
_PROXY, _PROXY_USER = "istio-proxy", 1337


def _is_injected(namespace: Manifest) -> bool:
    labels = namespace.labels
    if INJECTION in labels:
        return labels[INJECTION] == "enabled"
    return REVISION in labels


@analyzers.analyzer("MW3201", "MW3203")
def namespaces_have_one_label(manifests: Manifests) -> Iterator[Observation]:
    """The labels for injection and ambient mode."""
    for namespace in manifests.of("", "Namespace"):
        if namespace.ref.name in _OURS:
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


@analyzers.analyzer("MW3202", "MW3204", "MW3205", needs=[("", "Namespace")])
def pods_have_their_proxy(manifests: Manifests) -> Iterator[Observation]:
    """Pods of namespaces with injection, users that collide with the proxy's, and images that nobody replaces."""
    injected = {each.ref.name for each in manifests.of("", "Namespace") if _is_injected(each)}
    for each in shapes.pods(manifests):
        names = {str(container.get("name")) for container in shapes.containers(each.spec)}
        choice = str(each.labels.get(_POD_INJECTION, each.manifest.annotations.get(_POD_INJECTION, ""))).lower()
        in_mesh = each.namespace in injected and choice != "false"
        if each.manifest.ref.kind == "Pod" and in_mesh and not each.spec.get("hostNetwork") and _PROXY not in names:
            message = f"pod {each.manifest.ref.name} has no container {_PROXY}"
            yield Observation(code="MW3202", manifest=each.manifest, message=message, pointer="#/metadata/name")
        if _runs_as_proxy(each) and (in_mesh or choice == "true"):
            message = f"{each.manifest.ref.kind} {each.manifest.ref.name} runs as user {_PROXY_USER}"
            yield Observation(code="MW3204", manifest=each.manifest, message=message, pointer=each.pointer)
        automatic = any(container.get("image") == "auto" for container in shapes.containers(each.spec))
        if automatic and not in_mesh and choice != "true":
            message = f"{each.manifest.ref.kind} {each.manifest.ref.name} has the image auto, and is not injected"
            yield Observation(
                code="MW3205", manifest=each.manifest, message=message, pointer=f"{each.pointer}/containers"
            )


def _runs_as_proxy(each: shapes.Pods) -> bool:
    if mapping(each.spec.get("securityContext")).get("runAsUser") == _PROXY_USER:
        return True
    return any(
        mapping(container.get("securityContext")).get("runAsUser") == _PROXY_USER
        for container in shapes.containers(each.spec)
        if container.get("name") not in (_PROXY, "istio-init")
    )
