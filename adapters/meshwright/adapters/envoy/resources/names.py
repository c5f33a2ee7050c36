"""The names by which resources refer to each other, and the types of the discovery protocol.

Invariant: a name is made in one place, so a route and its cluster cannot disagree.
"""

from meshwright.schemas.references import ResourceRef

PREFIX = "type.googleapis.com/"
CLUSTER = PREFIX + "envoy.config.cluster.v3.Cluster"
LISTENER = PREFIX + "envoy.config.listener.v3.Listener"
ROUTES = PREFIX + "envoy.config.route.v3.RouteConfiguration"
SECRET = PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret"

NATIVE_TYPES = (CLUSTER, LISTENER, ROUTES)
"""the types of native resources in a design; secrets belong to the control plane"""

OUTBOUND = "outbound"
INBOUND = "inbound"
PLAIN = "inbound-plain"
"""inbound calls without TLS, in the statistics"""
APP = "app"
IDENTITY = "identity"
TRUST_BUNDLE = "trust-bundle"

FAULT_DELAY = "meshwright.fault.delay"
FAULT_ABORT = "meshwright.fault.abort"
ACCESS = "envoy.filters.http.rbac"
ACCESS_LOG = "meshwright.access-log"
MEMBERS = "meshwright.members"
RATE_LIMIT = "envoy.filters.http.local_ratelimit"
ROUTER = "envoy.filters.http.router"

FILTERS = (FAULT_DELAY, FAULT_ABORT, ACCESS, RATE_LIMIT, ROUTER)
"""the HTTP filters of the mesh"""
XDS = "xds"
RESERVED = (APP, XDS)
"""clusters that routes of a design cannot use: the workload behind its sidecar, and the control plane"""


def type_url(ref: ResourceRef) -> str:
    """The type of a resource in the discovery protocol."""
    return f"{PREFIX}{ref.group}.{ref.kind}"


def cluster(service: str, version: str) -> str:
    """The cluster of one version of a service."""
    return f"{service}|{version}"
