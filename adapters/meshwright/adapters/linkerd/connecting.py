"""What the adapter has to do in a cluster, and trying whether it may.

Invariant: what is listed here is enough for everything that the adapter does in a cluster that has Linkerd already; no
secret is read. Installing, upgrading and removing it takes more: what its charts hold, and secrets in its namespace.
"""

from collections.abc import Sequence

from meshwright.adapters.linkerd import words
from meshwright.core import kit
from meshwright.core.kit import pod_logs
from meshwright.core.kit.kubernetes import forwarding
from meshwright.core.kit.kubernetes.probing import try_connection
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.connections import ConnectionTest, Kubernetes

_READ = ["get", "list", "watch"]
_APPLY = [*_READ, "create", "patch", "delete"]
_WEBHOOKS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")


def _rule(because: str, verbs: Sequence[str], group: str, *resources: str) -> AccessRule:
    return AccessRule(groups=[group], resources=list(resources), verbs=list(verbs), because=because)


RIGHTS = [
    _rule("to know pods and the mesh's configuration", _READ, "", "pods", "configmaps", "namespaces"),
    _rule("to find control planes, workloads and their versions", _READ, "apps", "replicasets"),
    _rule("to find webhooks", _READ, "admissionregistration.k8s.io", *_WEBHOOKS),
    _rule("to check resources before they are sent", ["get"], "apiextensions.k8s.io", "customresourcedefinitions"),
    forwarding.rule("pods", because="to ask proxies what they have counted"),
    pod_logs.RULE,
    _rule("to respect disruption budgets", _READ, "policy", "poddisruptionbudgets"),
    _rule("to enrol namespaces, and for egress control to make theirs", [*_READ, "create", "patch", "delete"], "",
          "namespaces"),
    _rule("to enrol and restart workloads, and switch their access logs on", [*_READ, "create", "patch", "delete"],
          "apps", "deployments", "statefulsets", "daemonsets"),
    _rule("to annotate services, and make those of versions", _APPLY, "", "services"),
    _rule(
        "to apply designs",
        _APPLY,
        words.POLICY,
        *("servers", "authorizationpolicies", "meshtlsauthentications", "networkauthentications"),
        *("httplocalratelimitpolicies", "egressnetworks", "httproutes"),
    ),
    _rule("to apply designs", _APPLY, words.GATEWAYS, "httproutes", "grpcroutes", "tlsroutes"),
    _rule("to see what takes precedence over designs", _READ, words.PROFILES, "serviceprofiles"),
]  # fmt: skip


async def test(_: kit.Runtime, connection: kit.OpenConnection[Kubernetes]) -> ConnectionTest:
    """Who we are in a cluster, and whether we may do what the adapter does there."""
    return await try_connection(connection, RIGHTS)
