"""Which Linkerd meshes are in a cluster, whoever installed them, and what is wrong with each.

Invariant: a pure function of Kubernetes objects, by the labels that Linkerd itself goes by. A cluster has one Linkerd
as a rule, since its webhooks and roles are the cluster's; a second one is shown as what it is.
"""

import datetime
from collections.abc import Collection, Iterable
from typing import Any, Literal, TypeAlias

from meshwright.adapters.linkerd import checks, observing, planes, words
from meshwright.adapters.linkerd.checks import Check
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import DOMAIN
from meshwright.core.kit.kubernetes.listing import Wanted
from meshwright.schemas.base import Model
from meshwright.schemas.meshes import DetectedMesh

Body = dict[str, Any]
Installer: TypeAlias = Literal["meshwright", "helm", "linkerd", "manifests"]
KINDS = (
    Wanted("apps", "Deployment", labels=words.COMPONENT),
    Wanted("apps", "Deployment", labels=words.EXTENSION),
    Wanted("apps", "DaemonSet"),
    Wanted("admissionregistration.k8s.io", "MutatingWebhookConfiguration", labels=words.COMPONENT),
    Wanted("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", labels=words.COMPONENT),
    Wanted("", "ConfigMap", labels=words.COMPONENT),
    Wanted("", "Namespace"),
)
"""what detection looks at"""


class Detected(Model, frozen=True, kw_only=True):
    """One mesh as it is there."""

    namespace: str
    release: str = ""
    """as it was published: edge-26.6.3"""
    minor: str = ""
    """the minor version that this belongs to: 2.20"""
    installer: Installer = "manifests"
    enrolled: list[str] = []
    """namespaces whose new pods get a proxy"""
    extensions: list[str] = []
    trust_domain: str = DOMAIN
    trust_roots: str = ""
    """the certificates that its proxies trust, as PEM"""
    checks: list[Check] = []

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with it."""
        return all(each.result != checks.BAD for each in self.checks)


class Seen(Model, frozen=True, kw_only=True):
    """What the API server says of itself: the kinds that it serves, and the bundle of the Gateway API if it has one."""

    served: list[tuple[str, str]] = []
    bundle: str | None = None


def detect(bodies: Iterable[Body], seen: Seen) -> list[Detected]:
    """The meshes of a cluster."""
    everything = list(bodies)
    destinations = [each for each in everything if _component(each) == "destination" and each["kind"] == "Deployment"]
    found = [_detected(each, everything, seen) for each in destinations]
    return sorted(found, key=lambda each: each.namespace)


def summary(mesh: Detected) -> DetectedMesh:
    """A mesh in the words of all meshes."""
    return DetectedMesh(
        kind="linkerd",
        namespace=mesh.namespace,
        version=mesh.release,
        modes=["sidecar"],
        installer=mesh.installer,
        enrolled=mesh.enrolled,
        state="ready" if mesh.healthy else "degraded",
        conditions=checks.conditions(mesh.checks),
    )


def strays(bodies: Collection[Body]) -> list[str]:
    """Namespaces that ask for proxies while no control plane would give them any."""
    if any(_component(each) == "proxy-injector" for each in bodies):
        return []
    return [
        f"the namespace {name} asks for proxies of Linkerd ({words.INJECT}), which is not there: withdraw it, or"
        " install Linkerd"
        for name in enrolled(bodies)
    ]


def enrolled(bodies: Iterable[Body]) -> list[str]:
    """The namespaces whose new pods get a proxy."""
    places = [each for each in bodies if each.get("kind") == "Namespace"]
    return sorted(k8s.name_of(each) for each in places if observing.is_injected({}, k8s.annotations_of(each)))


def _detected(destination: Body, bodies: list[Body], seen: Seen) -> Detected:
    now = datetime.datetime.now(datetime.UTC)
    plane = planes.plane(destination)
    place = plane.namespace
    maps = {
        k8s.name_of(each): each
        for each in bodies
        if each.get("kind") == "ConfigMap" and k8s.namespace_of(each) == place
    }
    config = planes.config(maps.get(words.CONFIG))
    mine = [each for each in bodies if each.get("kind") == "Deployment" and _component(each) in words.COMPONENTS]
    releases = [name for each in mine if k8s.namespace_of(each) == place and (name := planes.release(each))]
    roots = str(k8s.at(maps.get(words.TRUST_ROOTS), "data", "ca-bundle.crt") or "")
    minor = planes.minor(plane.release)
    return Detected(
        namespace=place,
        release=plane.release,
        minor=minor,
        installer=_installer(destination),
        enrolled=enrolled(bodies),
        extensions=checks.extension_names(bodies),
        trust_domain=str(config.get("identityTrustDomain") or config.get("clusterDomain") or DOMAIN),
        trust_roots=roots,
        checks=[
            checks.gateway_api(seen.bundle, minor),
            checks.kinds(seen.served),
            checks.config([*maps.values()], place),
            *checks.identity(roots, now),
            *checks.webhooks(bodies, place, now),
            *checks.components(bodies, place),
            checks.same_release(bodies, place, releases),
            *checks.cni(bodies, bool(config.get("cniEnabled"))),
            *checks.extensions(bodies),
        ],
    )


def _installer(destination: Body) -> Installer:
    meta = destination.get("metadata") or {}
    managers = [str(each.get("manager")) for each in meta.get("managedFields") or [] if not each.get("subresource")]
    annotations = k8s.annotations_of(destination)
    if any(each.startswith("meshwright") for each in managers):
        return "meshwright"
    if annotations.get("meta.helm.sh/release-name"):
        return "helm"
    return "linkerd" if annotations.get(words.CREATED_BY, "").startswith("linkerd/cli") else "manifests"


def _component(body: Body) -> str:
    return k8s.labels_of(body).get(words.COMPONENT, "")
