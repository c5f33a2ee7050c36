"""Waypoints: the proxies through which the traffic of ambient namespaces goes.

Invariant: a waypoint that is there is used as it is; one that we make carries what it is for. Nobody's traffic is sent
to a waypoint that no proxy stands for.
"""

from typing import Any

from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.references import ResourceRef

GATEWAY = ("gateway.networking.k8s.io", "Gateway")
CLASS = "istio-waypoint"
OWNER = "meshwright"
_CLASS_OF_WAYPOINTS = ResourceRef(group=GATEWAY[0], kind="GatewayClass", name=CLASS)


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


async def obstacle(cluster: k8s.Cluster, namespace: str, name: str) -> str:
    """Why a waypoint does not take traffic yet; empty: it does, or no control plane is there to say so.

    Raises KubernetesError.
    """
    if await cluster.find(_CLASS_OF_WAYPOINTS) is None:
        return ""
    live = await cluster.find(reference(namespace, name))
    conditions = k8s.at(live, "status", "conditions") or []
    state = next((each for each in conditions if each.get("type") == "Programmed"), None)
    if state is None:
        return "istiod has not seen it yet"
    return "" if state.get("status") == "True" else str(state.get("message") or state.get("reason") or "no reason told")
