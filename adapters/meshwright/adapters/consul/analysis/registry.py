"""Where the analyzers of Consul register themselves, and what they look at.

Invariant: entries behind Consul's own API are looked at in the coat that they have in a cluster (`manifests`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from meshwright.adapters.consul.cluster.words import GROUP
from meshwright.core.kit.analysis import Analyzers, Manifest, Manifests
from meshwright.core.kit.analysis.manifests import items, mapping
from meshwright.schemas.rules import CONSUL

DEFAULTS, PROXIES, MESH = (GROUP, "ServiceDefaults"), (GROUP, "ProxyDefaults"), (GROUP, "Mesh")
RESOLVER, SPLITTER, ROUTER = (GROUP, "ServiceResolver"), (GROUP, "ServiceSplitter"), (GROUP, "ServiceRouter")
INTENTIONS = (GROUP, "ServiceIntentions")
ENTRIES = (PROXIES, MESH, DEFAULTS, RESOLVER, SPLITTER, ROUTER, INTENTIONS)
NAMESPACE = ("", "Namespace")
WORKLOADS = tuple(("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet"))
KINDS = (*ENTRIES, (GROUP, "IngressGateway"), (GROUP, "TerminatingGateway"), NAMESPACE, *WORKLOADS)
"""all that is looked at"""
_ELSEWHERE = ("namespace", "partition", "peer", "samenessGroup", "datacenter")
analyzers = Analyzers(CONSUL)


def protocol(manifests: Manifests, service: str) -> str:
    """The protocol of a service; empty: nobody has said it, and Consul takes it for TCP."""
    for each in manifests.of(*DEFAULTS):
        if each.ref.name == service and each.spec.get("protocol"):
            return str(each.spec["protocol"])
    for each in manifests.of(*PROXIES):
        if told := mapping(each.spec.get("config")).get("protocol"):
            return str(told)
    return ""


def sources(manifests: Manifests) -> Iterator[tuple[Manifest, int, dict[str, Any]]]:
    """Of whom intentions speak: the entry, the place in it, and what it says."""
    for each in manifests.of(*INTENTIONS):
        for index, source in enumerate(items(each.spec.get("sources"))):
            yield each, index, dict(mapping(source))


def destination(intentions: Manifest) -> str:
    """Whom intentions are about; behind Consul's API their name says it."""
    return str(mapping(intentions.spec.get("destination")).get("name") or intentions.ref.name)


def is_elsewhere(said: Mapping[str, Any]) -> bool:
    """Whether a reference leads to another namespace, partition, peer or datacenter, of which nothing is known here."""
    return any(said.get(each) for each in _ELSEWHERE)
