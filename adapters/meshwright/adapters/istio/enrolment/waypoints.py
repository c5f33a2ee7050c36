"""Waypoints: the proxies through which the traffic of ambient namespaces goes.

Invariant: a waypoint that is there is used as it is; one that we make carries what it is for. Nobody's traffic is sent
to a waypoint that no proxy stands for. One is removed only if nobody but us has written it, and nobody uses it.
"""

from collections.abc import Collection
from typing import Any

from meshwright.adapters.istio.enrolment import marks
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.target import fields
from meshwright.schemas.references import ResourceRef

GATEWAY = ("gateway.networking.k8s.io", "Gateway")
CLASS = "istio-waypoint"
OWNER = "meshwright"
_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
USERS = (
    ("", "Namespace"), ("", "Service"), ("", "Pod"),
    ("networking.istio.io", "ServiceEntry"), ("networking.istio.io", "WorkloadEntry"),
)  # fmt: skip
"""what can name a waypoint by its labels"""
_CLASS_OF_WAYPOINTS = ResourceRef(group=GATEWAY[0], kind="GatewayClass", name=CLASS)


def reference(namespace: str, name: str) -> ResourceRef:
    """A waypoint's Gateway."""
    return ResourceRef(group=GATEWAY[0], kind=GATEWAY[1], namespace=namespace, name=name)


def body(namespace: str, name: str, revision: str = "") -> dict[str, Any]:
    """The Gateway of a waypoint for the services of a namespace."""
    labels = {"istio.io/waypoint-for": "service", **({marks.REVISION: revision} if revision else {})}
    return {
        "apiVersion": f"{GATEWAY[0]}/v1",
        "kind": GATEWAY[1],
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "gatewayClassName": CLASS,
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }


async def make(cluster: k8s.Cluster, namespace: str, name: str, revision: str) -> None:
    """Make a waypoint, unless it is there. Raises KubernetesError."""
    if await cluster.find(reference(namespace, name)) is None:
        await cluster.apply(body(namespace, name, revision), owner=OWNER)


async def remains(cluster: k8s.Cluster, namespace: str, name: str) -> str:
    """What is left of an earlier waypoint of this name; empty: nothing, or the waypoint is there.

    Istiod takes a Service that is about to be deleted for the new waypoint's, and calls that programmed too early.
    Raises KubernetesError.
    """
    if await cluster.find(reference(namespace, name)) is not None:
        return ""
    for each in await listing.listed(cluster, "", "Service", namespace, labels=f"{_GATEWAY_NAME}={name}"):
        owners = k8s.at(each, "metadata", "ownerReferences") or []
        if any((owner.get("kind"), owner.get("name")) == (GATEWAY[1], name) for owner in owners):
            return f"{k8s.reference_of(each)} of an earlier one is still there"
    return ""


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


async def needed_because(cluster: k8s.Cluster, live: dict[str, Any], leaving: Collection[str] = ()) -> str:
    """Why a waypoint is not ours to remove once some namespaces have left it; empty: it is.

    Raises KubernetesError.
    """
    others = sorted({str(each.get("manager") or "somebody") for each in fields.entries(live)} - {OWNER})
    if OWNER not in fields.appliers(live):
        return f"it was made by {', '.join(others) or 'somebody else'}, not by Meshwright"
    if others:
        return f"{', '.join(others)} manages it too"
    ref = k8s.reference_of(live)
    for group, kind in USERS:
        try:
            named = await listing.listed(cluster, group, kind, labels=f"{marks.WAYPOINT}={ref.name}")
        except k8s.Forbidden:  # what cannot be seen may be there
            return f"we may not list objects of kind {kind}, which could use it"
        users = [k8s.reference_of(each) for each in named if _uses(each, ref)]
        if users := [each for each in users if each.kind != "Namespace" or each.name not in leaving]:
            return f"{users[0]} uses it{f' (and {len(users) - 1} more)' if len(users) > 1 else ''}"
    return ""


def _uses(body: dict[str, Any], waypoint: ResourceRef) -> bool:
    own = k8s.reference_of(body)
    labels = k8s.at(body, "metadata", "labels") or {}
    return marks.waypoint_of(labels, own.namespace or own.name) == f"{waypoint.namespace}/{waypoint.name}"
