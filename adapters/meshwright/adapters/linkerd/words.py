"""The labels, annotations, groups and names by which Linkerd itself goes.

https://linkerd.io/2-edge/reference/proxy-configuration.
"""

POLICY = "policy.linkerd.io"
GATEWAYS = "gateway.networking.k8s.io"
PROFILES = "linkerd.io"
NAMESPACE = "linkerd"
"""of the control plane where nobody chose another"""
COMPONENT = "linkerd.io/control-plane-component"
PLANE = "linkerd.io/control-plane-ns"
EXTENSION = "linkerd.io/extension"
CNI = "linkerd.io/cni-resource"
CREATED_BY = "linkerd.io/created-by"
INJECT = "linkerd.io/inject"
INJECTED = ("enabled", "ingress")
"""values of the annotation that have the injector give pods a proxy"""
PROXY_VERSION = "linkerd.io/proxy-version"
TRUST_ROOT = "linkerd.io/trust-root-sha256"
INBOUND_POLICY = "config.linkerd.io/default-inbound-policy"
OPAQUE_PORTS = "config.linkerd.io/opaque-ports"
ACCESS_LOG = "config.linkerd.io/access-log"
PROXY = "linkerd-proxy"
"""the container of a proxy"""
CONFIG = "linkerd-config"
TRUST_ROOTS = "linkerd-identity-trust-roots"
COMPONENTS = ("destination", "identity", "proxy-injector")
"""of a control plane, each a Deployment"""
EGRESS_NAMESPACE = "linkerd-egress"
"""whose EgressNetworks count for all namespaces, unless the control plane was told another"""
