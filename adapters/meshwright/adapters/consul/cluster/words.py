"""The labels, annotations, groups and names by which Consul in Kubernetes goes.

https://developer.hashicorp.com/consul/docs/reference/k8s/annotation-label.
"""

GROUP, VERSION = "consul.hashicorp.com", "v1alpha1"
NAMESPACE = "consul"
"""of the control plane where nobody chose another"""
COMPONENT = "component"
SERVER, INJECTOR = "server", "connect-injector"
GATEWAYS = ("api-gateway", "ingress-gateway", "mesh-gateway", "terminating-gateway")
"""components that are gateways"""
INJECT = f"{GROUP}/connect-inject"
"""the annotation of pods that has the injector give them a proxy, or not"""
INJECTED = f"{GROUP}/connect-inject-status"
"""the label of pods that have one"""
RELEASE = f"{GROUP}/consul-k8s-version"
META = f"{GROUP}/service-meta-"
"""annotations of pods that become what Consul knows of an instance"""
TAGS = f"{GROUP}/service-tags"
SERVICE = f"{GROUP}/connect-service"
"""the annotation of pods that names their service otherwise than Kubernetes does"""
UPSTREAMS = f"{GROUP}/connect-service-upstreams"
TRANSPARENT = f"{GROUP}/transparent-proxy"
PROXY = "consul-dataplane"
"""the container of a proxy"""
CONFIG = "server-config"
"""the end of the name of the servers' ConfigMap"""
