"""What the adapter has to do in a cluster, and trying whether it may.

Invariant: what is listed here is enough for everything that the adapter does in a cluster that has Kuma already; no
secret is read. Installing, upgrading and removing it takes more: what its chart holds.
"""

from collections.abc import Sequence

from meshwright.adapters.kuma import words
from meshwright.core import kit
from meshwright.core.kit import pod_logs
from meshwright.core.kit.kubernetes import forwarding
from meshwright.core.kit.kubernetes.probing import try_connection
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.connections import ConnectionTest, Kubernetes

_READ = ["get", "list", "watch"]
_APPLY = [*_READ, "create", "patch", "delete"]
_WEBHOOKS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
_POLICIES = (
    *("meshhttproutes", "meshretries", "meshtimeouts", "meshcircuitbreakers", "meshloadbalancingstrategies"),
    *("meshfaultinjections", "meshratelimits", "meshtrafficpermissions", "meshtlses", "meshaccesslogs"),
    *("meshpassthroughs", "meshidentities", "meshgateways", "meshgatewayinstances"),
)
_SEEN = ("meshes", "zones", "zoneinsights", "dataplanes", "dataplaneinsights", "meshservices", "meshtcproutes")


def _rule(because: str, verbs: Sequence[str], group: str, *resources: str) -> AccessRule:
    return AccessRule(groups=[group], resources=list(resources), verbs=list(verbs), because=because)


RIGHTS = [
    _rule("to know pods and the mesh's configuration", _READ, "", "pods", "namespaces"),
    _rule("to find control planes, workloads and their versions", _READ, "apps", "replicasets"),
    _rule("to find webhooks", _READ, "admissionregistration.k8s.io", *_WEBHOOKS),
    _rule("to check resources before they are sent", ["get"], "apiextensions.k8s.io", "customresourcedefinitions"),
    forwarding.rule("pods", because="to ask proxies what they have counted"),
    pod_logs.RULE,
    _rule("to respect disruption budgets", _READ, "policy", "poddisruptionbudgets"),
    _rule("to enrol namespaces", [*_READ, "patch"], "", "namespaces"),
    _rule("to enrol and restart workloads", [*_READ, "patch"], "apps", "deployments", "statefulsets", "daemonsets"),
    _rule("to make services of versions", _APPLY, "", "services"),
    _rule("to see meshes, zones and proxies", _READ, words.GROUP, *_SEEN),
    _rule("to apply designs", _APPLY, words.GROUP, *_POLICIES),
    _rule("to see what routes services already", _READ, "gateway.networking.k8s.io", "httproutes", "grpcroutes"),
]


async def test(_: kit.Runtime, connection: kit.OpenConnection[Kubernetes]) -> ConnectionTest:
    """Who we are in a cluster, and whether we may do what the adapter does there."""
    return await try_connection(connection, RIGHTS)
