"""Where the analyzers of Kuma register themselves, and what they look at."""

from meshwright.adapters.kuma import words
from meshwright.core.kit.analysis import Analyzers
from meshwright.schemas.rules import KUMA

NAMESPACE, SERVICE, MESH = ("", "Namespace"), ("", "Service"), (words.GROUP, "Mesh")
IDENTITY = (words.GROUP, "MeshIdentity")
ROUTE = (words.GROUP, "MeshHTTPRoute")
OUTBOUND = (
    ROUTE,
    *((words.GROUP, kind) for kind in ("MeshRetry", "MeshTimeout", "MeshCircuitBreaker", "MeshLoadBalancingStrategy")),
)
OF_REQUESTS = (ROUTE, (words.GROUP, "MeshRetry"))
SECURING = ((words.GROUP, "MeshTrafficPermission"), (words.GROUP, "MeshTLS"))
WORKLOADS = tuple(("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet"))
KINDS = (NAMESPACE, SERVICE, MESH, IDENTITY, *OUTBOUND, *SECURING, *WORKLOADS)
"""all that is looked at"""
analyzers = Analyzers(KUMA)
