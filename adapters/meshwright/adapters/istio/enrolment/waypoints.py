"""Waypoints: the proxies through which the traffic of ambient namespaces goes.

Invariant: a waypoint that is there is used as it is; one that we make carries what it is for.
"""

from typing import Any

from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.references import ResourceRef

GATEWAY = ("gateway.networking.k8s.io", "Gateway")
CLASS = "istio-waypoint"
OWNER = "meshwright"


def reference(namespace: str, name: str) -> ResourceRef:
    """A waypoint's Gateway."""
    return ResourceRef(group=GATEWAY[0], kind=GATEWAY[1], namespace=namespace, name=name)


def body(namespace: str, name: str, revision: str = "") -> dict[str, Any]:
    """The Gateway of a waypoint for the services of a namespace."""
    marks = {"istio.io/waypoint-for": "service", **({"istio.io/rev": revision} if revision else {})}
    return {
        "apiVersion": f"{GATEWAY[0]}/v1",
        "kind": GATEWAY[1],
        "metadata": {"name": name, "namespace": namespace, "labels": marks},
        "spec": {
            "gatewayClassName": CLASS,
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }


async def make(cluster: k8s.Cluster, namespace: str, name: str, revision: str) -> None:
    """Make a waypoint, unless it is there. Raises KubernetesError."""
    if await cluster.find(reference(namespace, name)) is None:
        await cluster.apply(body(namespace, name, revision), owner=OWNER)
