"""Which charts a profile consists of, in which order, and with which values.

Problem: Istio is five charts that must agree on revision, images and namespaces. Invariant: these are pure functions;
what a person gave for a chart wins over what is derived here, and order is that in which a component needs the others.
"""

from collections.abc import Callable
from typing import Any

from meshwright.adapters.istio.charts.values import Values
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


class Wish(Model, frozen=True, kw_only=True):
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


class Component(Model, frozen=True, kw_only=True):
    """One chart of an installation as it is to be rendered."""

    chart: str
    release: str
    namespace: str
    values: dict[str, Any] = {}

    @property
    def owner(self) -> str:
        """As whom its objects are applied."""
        return f"install-{self.release}"


def is_ambient(profile: str) -> bool:
    """Whether workloads are enrolled without sidecars."""
    return profile == "ambient"


def charts_of(profile: str) -> list[str]:
    """The charts of a profile, in their order."""
    if is_ambient(profile):
        return ["base", "istiod", "cni", "ztunnel"]
    return ["base", "istiod"] if profile == "minimal" else ["base", "istiod", "gateway"]


def components(wish: Wish) -> list[Component]:
    """The components of an installation, in the order in which they are applied."""
    return [_MAKERS[chart](wish) for chart in charts_of(wish.profile)]


def istiod_release(revision: str) -> str:
    """The name of the release of a control plane."""
    return f"istiod-{revision}" if revision else "istiod"


def shown(revision: str) -> str:
    """A revision as Istio's labels have it."""
    return revision or DEFAULT_REVISION


def _base(wish: Wish) -> Component:
    derived = {"global": {"istioNamespace": wish.namespace}, "defaultRevision": wish.default_revision}
    return Component(
        chart="base", release="istio-base", namespace=wish.namespace, values=merged(derived, wish.values.base)
    )


def _istiod(wish: Wish) -> Component:
    derived: dict[str, Any] = {**_profile(wish), "global": _global(wish), "revision": wish.revision}
    derived |= {"revisionTags": wish.values.tags} if wish.values.tags else {}
    derived |= {"meshConfig": {"trustDomain": wish.trust_domain}} if wish.trust_domain else {}
    if is_ambient(wish.profile) and wish.namespace != DEFAULT_NAMESPACE:
        derived["trustedZtunnelNamespace"] = wish.namespace
    release = istiod_release(wish.revision)
    return Component(
        chart="istiod", release=release, namespace=wish.namespace, values=merged(derived, wish.values.istiod)
    )


def _cni(wish: Wish) -> Component:
    derived = {**_profile(wish), "global": _global(wish, "istioNamespace")}
    return Component(
        chart="cni", release="istio-cni", namespace=wish.namespace, values=merged(derived, wish.values.cni)
    )


def _ztunnel(wish: Wish) -> Component:
    images = {key: value for key, value in _global(wish).items() if key in ("hub", "tag")}
    platform = {"global": {"platform": wish.values.platform}} if wish.values.platform else {}
    derived = {**images, **platform, "istioNamespace": wish.namespace, "revision": wish.revision}
    return Component(
        chart="ztunnel", release="ztunnel", namespace=wish.namespace, values=merged(derived, wish.values.ztunnel)
    )


def _gateway(wish: Wish) -> Component:
    derived: dict[str, Any] = {"revision": wish.revision} if wish.revision else {}
    derived |= {"platform": wish.values.platform} if wish.values.platform else {}
    return Component(
        chart="gateway", release=GATEWAY, namespace=wish.gateway_namespace, values=merged(derived, wish.values.gateway)
    )


_MAKERS: dict[str, Callable[[Wish], Component]] = {
    "base": _base,
    "istiod": _istiod,
    "cni": _cni,
    "ztunnel": _ztunnel,
    "gateway": _gateway,
}


def _profile(wish: Wish) -> dict[str, Any]:
    return {"profile": "ambient"} if is_ambient(wish.profile) else {}


def _global(wish: Wish, *without: str) -> dict[str, Any]:
    tag = wish.values.tag or wish.version
    values = {
        "istioNamespace": wish.namespace,
        "hub": wish.values.hub or (RELEASE_HUB if tag else ""),
        "tag": tag,
        "platform": wish.values.platform,
    }
    return {key: value for key, value in values.items() if value and key not in without}


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Values laid over others, as Helm does it: objects are joined, everything else is replaced."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
