"""Analysis of Istio's annotations: Kubernetes takes any, and Istio passes over those that it does not know.

Invariant: what is wrong with an annotation is said where it is written: in the template of a workload for its pods.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.schemas.strict import escape

_OF_PODS = (
    *("ambient.istio.io/bypass-inbound-capture", "ambient.istio.io/dns-capture", "ambient.istio.io/redirection"),
    *("inject.istio.io/templates", "istio.io/reroute-virtual-interfaces", "istio.io/rev"),
    *("prometheus.istio.io/merge-metrics", "proxy.istio.io/config", "proxy.istio.io/overrides"),
    *(
        f"readiness.status.sidecar.istio.io/{name}"
        for name in ("applicationPorts", "failureThreshold", "initialDelaySeconds", "periodSeconds")
    ),
    *(
        f"sidecar.istio.io/{name}"
        for name in (
            *("agentLogLevel", "bootstrapOverride", "componentLogLevel", "discoveryAddress", "extraStatTags"),
            *("inject", "interceptionMode", "logLevel", "nativeSidecar", "proxyCPU", "proxyCPULimit", "proxyImage"),
            *("proxyImageType", "proxyMemory", "proxyMemoryLimit", "rewriteAppHTTPProbers", "statsCompression"),
            *("statsEvictionInterval", "statsFlushInterval", "statsHistogramBins", "statsHistogramBuckets"),
            *("statsInclusionPrefixes", "statsInclusionRegexps", "statsInclusionSuffixes", "status"),
            *("userVolume", "userVolumeMount"),
        )
    ),
    "status.sidecar.istio.io/port",
    *(
        f"traffic.sidecar.istio.io/{name}"
        for name in (
            *("excludeInboundPorts", "excludeInterfaces", "excludeOutboundIPRanges", "excludeOutboundPorts"),
            *("includeInboundPorts", "includeOutboundIPRanges", "includeOutboundPorts", "kubevirtInterfaces"),
        )
    ),
)
_PLACES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_OF_PODS, ("Pod",)),
    **dict.fromkeys(("alpha.istio.io/canonical-serviceaccounts", "networking.istio.io/exportTo"), ("Service",)),
    **dict.fromkeys(("alpha.istio.io/kubernetes-serviceaccounts", "traffic.istio.io/nodeSelector"), ("Service",)),
    "istio.io/use-waypoint-canary-weight": ("Service", "ServiceEntry", "Namespace"),
    "networking.istio.io/traffic-distribution": ("Namespace", "Service", "ServiceEntry"),
    "topology.istio.io/controlPlaneClusters": ("Namespace",),
    "istio.io/dry-run": ("AuthorizationPolicy",),
    "kubernetes.io/ingress.class": ("Ingress",),
}
"""the kinds on which each annotation has an effect"""
_ANYWHERE = ("galley.istio.io/analyze-suppress", "gateway.istio.io/controller-version", "install.istio.io/")
_OUT_OF_USE = {
    "alpha.istio.io/canonical-serviceaccounts": "",
    "alpha.istio.io/kubernetes-serviceaccounts": "",
    "sidecar.istio.io/inject": "use the label of the same name",
    "traffic.sidecar.istio.io/kubevirtInterfaces": "use istio.io/reroute-virtual-interfaces",
    **dict.fromkeys(
        (
            *("sidecar.istio.io/discoveryAddress", "sidecar.istio.io/extraStatTags"),
            *("sidecar.istio.io/statsCompression", "sidecar.istio.io/statsInclusionPrefixes"),
            *("sidecar.istio.io/statsInclusionRegexps", "sidecar.istio.io/statsInclusionSuffixes"),
        ),
        "use proxy.istio.io/config",
    ),
}
_KINDS = (("", "Namespace"), ("", "Service"), ("", "Pod"), *shapes.TEMPLATED)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) < 2**32


def _are_ports(text: str) -> bool:
    return text in ("", "*") or all(_is_number(each.strip()) and int(each) < 65536 for each in text.split(","))


def _are_networks(text: str) -> bool:
    try:
        return text in ("", "*") or bool([ipaddress.ip_network(each.strip(), strict=False) for each in text.split(",")])
    except ValueError:
        return False


def _one_of(*texts: str) -> Callable[[str], bool]:
    return lambda text: text in texts


_quantity = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:m|[kMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?").fullmatch
_TRUTH = _one_of("1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False")
_VALUES: dict[str, tuple[Callable[[str], object], str]] = {
    **{
        f"readiness.status.sidecar.istio.io/{name}": (_is_number, "a number")
        for name in ("failureThreshold", "initialDelaySeconds", "periodSeconds")
    },
    "status.sidecar.istio.io/port": (lambda text: _is_number(text) and int(text) < 65536, "a port"),
    "sidecar.istio.io/interceptionMode": (_one_of("REDIRECT", "TPROXY", "NONE"), "REDIRECT, TPROXY or NONE"),
    "prometheus.istio.io/merge-metrics": (_TRUTH, "true or false"),
    **{
        f"sidecar.istio.io/{name}": (_quantity, "a quantity, such as 100m or 128Mi")
        for name in ("proxyCPU", "proxyCPULimit", "proxyMemory", "proxyMemoryLimit")
    },
    **{
        f"traffic.sidecar.istio.io/{name}": (_are_ports, "ports with commas between them")
        for name in ("excludeInboundPorts", "excludeOutboundPorts", "includeInboundPorts")
    },
    **{
        f"traffic.sidecar.istio.io/{name}": (_are_networks, "networks with commas between them")
        for name in ("excludeOutboundIPRanges", "includeOutboundIPRanges")
    },
}


@analyzers.analyzer("MW3207", "MW3208", "MW3209", "MW3210")
def annotations_have_an_effect(manifests: Manifests) -> Iterator[Observation]:
    """Each annotation of Istio: whether it is known, in its place, of use, and has a value that can be."""
    for group, kind in _KINDS:
        for each in manifests.of(group, kind):
            for name, value in each.annotations.items():
                yield from _judged(each, kind, str(name), str(value), "#/metadata/annotations")
    for pods in shapes.pods(manifests):
        if pods.manifest.ref.kind != "Pod":
            for name, value in pods.annotations.items():
                place = "#/spec/template/metadata/annotations"
                yield from _judged(pods.manifest, "Pod", str(name), str(value), place)


def _judged(manifest: Manifest, kind: str, name: str, value: str, place: str) -> Iterator[Observation]:
    domain = name.partition("/")[0]
    pointer, kinds = f"{place}/{escape(name)}", _PLACES.get(name)
    is_istios = kinds or domain == "istio.io" or domain.endswith(".istio.io")
    if not is_istios or name.startswith(_ANYWHERE):
        return
    if kinds is None:
        message = f"there is no annotation {name}"
        yield Observation(code="MW3207", manifest=manifest, message=message, pointer=pointer)
        return
    if name in _OUT_OF_USE and name not in manifest.labels:
        message = f"{name} is out of use" + (f": {_OUT_OF_USE[name]}" if _OUT_OF_USE[name] else "")
        yield Observation(code="MW3210", manifest=manifest, message=message, pointer=pointer)
    fits, wanted = _VALUES.get(name, (bool, ""))
    if kind not in kinds:
        message = f"{name} has an effect on {' and '.join(kinds)} only, not on a {kind}"
        yield Observation(code="MW3208", manifest=manifest, message=message, pointer=pointer)
    elif wanted and not fits(value):
        yield Observation(code="MW3209", manifest=manifest, message=f"{name} must be {wanted}", pointer=pointer)
