"""What the adapter has to do in a cluster, and trying whether it may.

Invariant: what is listed here is enough for everything but installing, upgrading and removing Istio itself, which make
and remove roles, webhooks and definitions and therefore need an administrator; those operations check for themselves.
"""

from collections.abc import Sequence

from meshwright.adapters.istio.facts import ROOT
from meshwright.core import kit
from meshwright.core.kit import pod_logs
from meshwright.core.kit.kubernetes import forwarding, port_forward
from meshwright.core.kit.kubernetes.probing import try_connection
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.connections import ConnectionTest, Kubernetes

_READ = ["get", "list", "watch"]
_APPLY = [*_READ, "create", "patch", "delete"]


def _rule(because: str, verbs: Sequence[str], group: str, *resources: str) -> AccessRule:
    return AccessRule(groups=[group], resources=list(resources), verbs=list(verbs), because=because)


RIGHTS = [
    _rule("to know services, pods and the mesh's configuration", _READ, "", "services", "pods", "configmaps"),
    _rule("to find control planes, workloads and their versions", _READ, "apps", "replicasets"),
    _rule("to find webhooks and tags", _READ, "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    _rule("to find webhooks", _READ, "admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    _rule("to check resources before they are sent", ["get"], "apiextensions.k8s.io", "customresourcedefinitions"),
    _rule("to know whether Istio takes gateways", _READ, "gateway.networking.k8s.io", "gatewayclasses"),
    forwarding.rule("pods", because="to ask proxies what they have counted"),
    pod_logs.RULE,
    _rule("to respect disruption budgets", _READ, "policy", "poddisruptionbudgets"),
    port_forward.rule(namespace=ROOT, because="to ask istiod what its proxies have taken"),
    port_forward.rule(because="to ask a proxy for its certificates and configuration"),
    _rule("to know whether a waypoint is still used", _READ, "networking.istio.io", "workloadentries"),
    _rule("to enrol namespaces", [*_READ, "patch"], "", "namespaces"),
    _rule("to enrol and restart workloads", [*_READ, "patch"], "apps", "deployments", "statefulsets", "daemonsets"),
    _rule(
        "to apply designs",
        _APPLY,
        "networking.istio.io",
        *("destinationrules", "envoyfilters", "gateways", "serviceentries", "sidecars", "virtualservices"),
    ),
    _rule(
        "to apply designs",
        _APPLY,
        "security.istio.io",
        *("authorizationpolicies", "peerauthentications", "requestauthentications"),
    ),
    _rule("to apply designs", _APPLY, "telemetry.istio.io", "telemetries"),
    _rule(
        "to apply designs and waypoints", _APPLY, "gateway.networking.k8s.io", "gateways", "httproutes", "grpcroutes"
    ),
]


async def test(_: kit.Runtime, connection: kit.OpenConnection[Kubernetes]) -> ConnectionTest:
    """Who we are in a cluster, and whether we may do what the adapter does there."""
    return await try_connection(connection, RIGHTS)
