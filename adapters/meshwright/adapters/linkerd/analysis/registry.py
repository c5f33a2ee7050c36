"""Where the analyzers of Linkerd register themselves, and what they look at."""

from meshwright.adapters.linkerd import words
from meshwright.core.kit.analysis import Analyzers
from meshwright.schemas.rules import LINKERD

NAMESPACE, SERVICE = ("", "Namespace"), ("", "Service")
ROUTES = ((words.GATEWAYS, "HTTPRoute"), (words.GATEWAYS, "GRPCRoute"), (words.POLICY, "HTTPRoute"))
SERVER = (words.POLICY, "Server")
AUTHORIZATION = (words.POLICY, "AuthorizationPolicy")
LIMIT = (words.POLICY, "HTTPLocalRateLimitPolicy")
AUTHENTICATIONS = ((words.POLICY, "MeshTLSAuthentication"), (words.POLICY, "NetworkAuthentication"))
PROFILE = (words.PROFILES, "ServiceProfile")
WORKLOADS = tuple(("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet"))
KINDS = (NAMESPACE, SERVICE, *ROUTES, SERVER, AUTHORIZATION, LIMIT, *AUTHENTICATIONS, PROFILE, *WORKLOADS)
"""all that is looked at"""
analyzers = Analyzers(LINKERD)
