"""Where the analyzers of Consul register themselves, and what they look at.

Invariant: entries behind Consul's own API are looked at in the coat that they have in a cluster (`manifests`).
"""

from meshwright.adapters.consul.cluster.words import GROUP
from meshwright.core.kit.analysis import Analyzers, Manifests
from meshwright.core.kit.analysis.manifests import mapping
from meshwright.schemas.rules import CONSUL

DEFAULTS, PROXIES, MESH = (GROUP, "ServiceDefaults"), (GROUP, "ProxyDefaults"), (GROUP, "Mesh")
RESOLVER, SPLITTER, ROUTER = (GROUP, "ServiceResolver"), (GROUP, "ServiceSplitter"), (GROUP, "ServiceRouter")
INTENTIONS = (GROUP, "ServiceIntentions")
ENTRIES = (PROXIES, MESH, DEFAULTS, RESOLVER, SPLITTER, ROUTER, INTENTIONS)
NAMESPACE = ("", "Namespace")
WORKLOADS = tuple(("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet"))
KINDS = (*ENTRIES, (GROUP, "IngressGateway"), (GROUP, "TerminatingGateway"), NAMESPACE, *WORKLOADS)
"""all that is looked at"""
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
