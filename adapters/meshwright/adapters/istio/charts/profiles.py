"""Which charts a profile consists of, in which order, and with which values.

Problem: Istio is five charts that must agree on revision, images and namespaces. Invariant: these are pure functions;
what a person gave for a chart wins over what is derived here, and order is that in which a component needs the others.
"""

from collections.abc import Callable
from typing import Any

from meshwright.adapters.istio.charts.values import Values
from meshwright.core.kit.kubernetes.installing.components import Component, merged
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.base import Model

DEFAULT_PROFILE = "default"
PROFILES = ("default", "minimal", "ambient")
DEFAULT_NAMESPACE = "istio-system"
GATEWAY = "istio-ingressgateway"
GATEWAY_NAMESPACE = "istio-ingress"
DEFAULT_REVISION = "default"
"""what Istio writes where a revision has no name"""
RELEASE_HUB = "registry.istio.io/release"
DEFAULT_TRUST_DOMAIN = "cluster.local"


class InstallSpec(Model, frozen=True, kw_only=True):
    """What an installation shall be. `revision` is empty for the one without a name."""

    version: str = ""
    revision: str = ""
    profile: str = DEFAULT_PROFILE
    namespace: str = DEFAULT_NAMESPACE
    trust_domain: str = ""
    values: Values = Values()
    default_revision: str = DEFAULT_REVISION
    """the revision whose validation stands for objects that name none"""

    @property
    def gateway_namespace(self) -> str:
        """Where the ingress gateway lives."""
        return self.values.gateway_namespace or GATEWAY_NAMESPACE


def is_ambient(profile: str) -> bool:
    """Whether workloads are enrolled without sidecars."""
    return profile == "ambient"


def charts_of(profile: str) -> list[str]:
    """The charts of a profile, in their order."""
    if is_ambient(profile):
        return ["base", "istiod", "cni", "ztunnel"]
    return ["base", "istiod"] if profile == "minimal" else ["base", "istiod", "gateway"]


def components(spec: InstallSpec) -> list[Component]:
    """The components of an installation, in the order in which they are applied."""
    return [_MAKERS[chart](spec) for chart in charts_of(spec.profile)]


def istiod_release(revision: str) -> str:
    """The name of the release of a control plane."""
    return f"istiod-{revision}" if revision else "istiod"


def shown(revision: str) -> str:
    """A revision as Istio's labels have it."""
    return revision or DEFAULT_REVISION


def _base(spec: InstallSpec) -> Component:
    derived = {"global": {"istioNamespace": spec.namespace}, "defaultRevision": spec.default_revision}
    return Component(
        chart="base", release="istio-base", namespace=spec.namespace, values=merged(derived, spec.values.base)
    )


def _istiod(spec: InstallSpec) -> Component:
    derived: dict[str, Any] = {**_profile(spec), "global": _global(spec), "revision": spec.revision}
    derived |= {"revisionTags": spec.values.tags} if spec.values.tags else {}
    derived |= {"meshConfig": {"trustDomain": spec.trust_domain}} if spec.trust_domain else {}
    if is_ambient(spec.profile) and spec.namespace != DEFAULT_NAMESPACE:
        derived["trustedZtunnelNamespace"] = spec.namespace
    release = istiod_release(spec.revision)
    return Component(
        chart="istiod", release=release, namespace=spec.namespace, values=merged(derived, spec.values.istiod)
    )


def _cni(spec: InstallSpec) -> Component:
    derived = {**_profile(spec), "global": _global(spec, "istioNamespace")}
    return Component(
        chart="cni", release="istio-cni", namespace=spec.namespace, values=merged(derived, spec.values.cni)
    )


def _ztunnel(spec: InstallSpec) -> Component:
    images = {key: value for key, value in _global(spec).items() if key in ("hub", "tag")}
    platform = {"global": {"platform": spec.values.platform}} if spec.values.platform else {}
    derived = {**images, **platform, "istioNamespace": spec.namespace, "revision": spec.revision}
    return Component(
        chart="ztunnel", release="ztunnel", namespace=spec.namespace, values=merged(derived, spec.values.ztunnel)
    )


def _gateway(spec: InstallSpec) -> Component:
    derived: dict[str, Any] = {"revision": spec.revision} if spec.revision else {}
    derived |= {"platform": spec.values.platform} if spec.values.platform else {}
    return Component(
        chart="gateway", release=GATEWAY, namespace=spec.gateway_namespace, values=merged(derived, spec.values.gateway)
    )


_MAKERS: dict[str, Callable[[InstallSpec], Component]] = {
    "base": _base,
    "istiod": _istiod,
    "cni": _cni,
    "ztunnel": _ztunnel,
    "gateway": _gateway,
}


def _profile(spec: InstallSpec) -> dict[str, Any]:
    return {"profile": "ambient"} if is_ambient(spec.profile) else {}


def _global(spec: InstallSpec, *without: str) -> dict[str, Any]:
    tag = spec.values.tag or spec.version
    values = {
        "istioNamespace": spec.namespace,
        "hub": spec.values.hub or (RELEASE_HUB if tag else ""),
        "tag": tag,
        "platform": spec.values.platform,
    }
    return {key: value for key, value in values.items() if value and key not in without}


def revisions(record: Installation) -> list[str]:
    """Those of the control planes of an installation, the one in force first."""
    others = [each.revision for each in record.components if each.chart == "istiod"]
    return list(dict.fromkeys([record.revision, *others]))
