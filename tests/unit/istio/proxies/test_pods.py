"""The pods in which proxies run, and those that were to have one."""

from typing import Any

import pytest

from meshwright.adapters.istio.proxies import pods, reading
from meshwright.adapters.istio.proxies.replicas import Replica
from meshwright.adapters.istio.proxies.syncz import ProxySync

SIDECAR = {"name": "istio-proxy", "image": "registry.istio.io/release/proxyv2:1.30.3-distroless"}
OWN = {"name": "app", "image": "app:1"}


def pod(name: str = "web-5d9c-x", *, phase: str = "Running", **fields: Any) -> dict[str, Any]:
    """A pod of a Deployment with a sidecar."""
    owner = {"kind": "ReplicaSet", "name": "web-5d9c", "controller": True}
    meta = {
        "name": name,
        "namespace": "shop",
        "labels": {"pod-template-hash": "5d9c"},
        "annotations": {"istio.io/rev": "default"},
        "ownerReferences": [owner],
        **fields.pop("metadata", {}),
    }
    return {"metadata": meta, "spec": {"containers": [OWN, SIDECAR], **fields}, "status": {"phase": phase}}


def test_a_pod_says_what_its_proxy_stands_beside() -> None:
    """Its controller, the revision and version of its proxy."""
    (one,) = pods.proxy_pods([pod()])
    assert (one.controller, one.workload, one.revision, one.version) == ("deployment", "web", "default", "1.30.3")
    assert (one.mode, one.running) == ("sidecar", True)


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("StatefulSet", "db", ("statefulset", "db")),
        ("DaemonSet", "agent", ("daemonset", "agent")),
        ("ReplicaSet", "bare", (None, "")),
        ("Job", "once", (None, "")),
    ],
)
def test_only_controllers_are_workloads(kind: str, name: str, expected: tuple[str | None, str]) -> None:
    """A ReplicaSet of nobody's and a Job are none."""
    owners = [{"kind": kind, "name": name, "controller": True}]
    (one,) = pods.proxy_pods([pod(metadata={"ownerReferences": owners, "labels": {"pod-template-hash": "5d9c"}})])
    assert (one.controller, one.workload) == expected


@pytest.mark.parametrize(
    ("metadata", "mode"),
    [
        ({"labels": {"app": "ztunnel"}}, "ztunnel"),
        ({"labels": {"gateway.istio.io/managed": "istio.io-mesh-controller"}}, "waypoint"),
        ({"labels": {"gateway.networking.k8s.io/gateway-name": "edge"}}, "gateway"),
        ({"annotations": {"inject.istio.io/templates": "gateway"}}, "gateway"),
        ({}, "sidecar"),
    ],
)
def test_what_a_proxy_is_for(metadata: dict[str, Any], mode: str) -> None:
    """By the marks that Istio itself gives."""
    (one,) = pods.proxy_pods([pod(metadata=metadata)])
    assert one.mode == mode


def test_a_native_sidecar_is_a_proxy_and_what_is_over_is_none() -> None:
    """It is an init container that goes on; jobs that have ended, and pods that are going, do not count."""
    native = pod(containers=[OWN], initContainers=[SIDECAR])
    over = [pod(phase="Succeeded"), pod(phase="Failed"), pod(metadata={"deletionTimestamp": "2026-11-28T00:00:00Z"})]
    assert len(pods.proxy_pods([native, *over, pod(containers=[OWN]), {}])) == 1


def test_pods_without_a_sidecar_are_named_unless_they_are_to_have_none() -> None:
    """Those of the host's network, and those that opted out, are as they should be."""
    no = {"sidecar.istio.io/inject": "false"}
    bodies = [
        pod("bare", containers=[OWN]),
        pod("hosted", containers=[OWN], hostNetwork=True),
        pod("opted", containers=[OWN], metadata={"name": "opted", "labels": no}),
        pod("annotated", containers=[OWN], metadata={"name": "annotated", "annotations": no}),
        pod("done", containers=[OWN], phase="Succeeded"),
        pod("fine"),
    ]
    assert pods.without_proxy(bodies) == ["shop/bare"]


def test_a_proxy_that_no_istiod_knows_is_disconnected_once_all_were_asked() -> None:
    """Not on the account of a replica that could not be asked, nor when it is another revision's or has not begun."""
    sync = ProxySync(proxy="web-a.shop", proxy_type="sidecar", cluster_sent="1", cluster_acked="1")
    bodies = [
        pod("web-a"),
        pod("web-b"),
        pod("web-c", phase="Pending"),
        pod("web-d", metadata={"annotations": {"istio.io/rev": "canary"}}),
    ]
    known = {(each.namespace, each.name): each for each in pods.proxy_pods(bodies)}
    asked = Replica(namespace="istio-system", name="istiod-1", proxies=[sync])
    silent = Replica(namespace="istio-system", name="istiod-2", problem="no answer")
    states = {each.name: each.state for each in reading.proxies("prod", "default", [asked], known)}
    assert states == {"web-a": "synced", "web-b": "disconnected"}
    (one,) = reading.proxies("prod", "default", [asked, silent], known)
    assert (one.name, one.control_plane, one.workload) == ("web-a", "istiod-1", "prod~shop~deployment~web")
    assert not reading.Reading(replicas=[asked, silent]).complete
    (other,) = reading.proxies("prod", "canary", [], {("shop", "web-d"): known["shop", "web-d"]})
    assert (other.name, other.state, other.revision) == ("web-d", "disconnected", "canary")
