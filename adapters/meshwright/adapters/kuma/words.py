"""The labels, groups and names by which Kuma itself goes.

https://kuma.io/docs/latest/reference/kubernetes-annotations.
"""

GROUP = "kuma.io"
API = f"{GROUP}/v1alpha1"
NAMESPACE = "kuma-system"
"""of the control plane where nobody chose another"""
PLANE = "kuma-control-plane"
"""the label `app` of the control plane, and its container's configuration"""
PLANES = f"app={PLANE}"
CNI = "app.kubernetes.io/name=kuma-cni"
INJECTION = "kuma.io/sidecar-injection"
INJECTED = ("enabled", "true")
"""values of the label that have the injector give pods a proxy"""
MESH = "kuma.io/mesh"
DISPLAY_NAME = "kuma.io/display-name"
PLACE = "k8s.kuma.io/namespace"
SERVICE = "kuma.io/service"
SIDECAR = "kuma-sidecar"
"""the container of a proxy"""
DEFAULT_MESH = "default"
LABELS_ONLY = "3.0"
"""since then resources are named by labels alone, and there is no gateway of Kuma's own"""
GATEWAY = "MeshGateway"
"""the kind that is gone since then"""
