"""What the adapter has to do in a cluster.

Invariant: what is listed here is enough for everything that the adapter does in a cluster that has Consul already; no
secret is read. Installing, upgrading and removing it takes more: what its chart holds.
"""

from collections.abc import Sequence

from meshwright.adapters.consul.cluster import words
from meshwright.core.kit import pod_logs
from meshwright.core.kit.kubernetes import forwarding
from meshwright.schemas.adapters import AccessRule

_READ = ["get", "list", "watch"]
_APPLY = [*_READ, "create", "patch", "delete"]


def _rule(because: str, verbs: Sequence[str], group: str, *resources: str) -> AccessRule:
    return AccessRule(groups=[group], resources=list(resources), verbs=list(verbs), because=because)


RIGHTS = [
    _rule("to know pods, services and the servers' configuration", _READ, "", "pods", "configmaps", "services"),
    _rule("to find control planes, workloads and their versions", _READ, "apps", "replicasets"),
    _rule("to find the injector's webhook", _READ, "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    _rule("to check resources before they are sent", ["get"], "apiextensions.k8s.io", "customresourcedefinitions"),
    forwarding.rule("pods", because="to ask proxies what they have counted"),
    pod_logs.RULE,
    _rule("to respect disruption budgets", _READ, "policy", "poddisruptionbudgets"),
    _rule("to enrol namespaces", [*_READ, "patch"], "", "namespaces"),
    _rule("to enrol and restart workloads", [*_READ, "patch"], "apps", "deployments", "statefulsets", "daemonsets"),
    _rule(
        "to apply designs",
        _APPLY,
        words.GROUP,
        *("proxydefaults", "meshes", "servicedefaults", "serviceresolvers", "servicesplitters", "servicerouters"),
        *("serviceintentions", "ingressgateways", "terminatinggateways"),
    ),
]
