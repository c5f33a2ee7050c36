"""The workloads that take part in a mesh are those whose pods do."""

from typing import Any

from meshwright.core.kit.kubernetes.facts import members
from meshwright.core.kit.target import MeshRef

MESH = MeshRef(workspace="default", connection="prod", mesh="istio")


def pod(name: str, *, created: str = "2026-01-01T00:00:00Z", owner: str = "web", **labels: str) -> dict[str, Any]:
    """A pod of a Deployment."""
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "creationTimestamp": created,
            "labels": {"pod-template-hash": "5d9c", **labels},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{owner}-5d9c", "controller": True}] if owner else [],
        },
        "status": {"phase": "Running"},
    }


def service(name: str, namespace: str = "shop", **selector: str) -> dict[str, Any]:
    """A service that selects these labels."""
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector}}


def test_pods_of_one_controller_are_one_workload() -> None:
    """With its service and version, of which the newest pod tells."""
    pods = [
        pod("b", created="2026-02-02T00:00:00Z", app="web", version="v2"),
        pod("a", created="2026-01-01T00:00:00Z", app="web", version="v1"),
    ]
    (one,) = members(MESH, pods, [service("web", app="web")])
    assert (one.id, one.kind, one.name) == ("istio~shop~deployment~web", "deployment", "web")
    assert (one.mesh, one.connection, one.service, one.version) == ("istio", "prod", "web", "v2")


def test_what_clients_address_is_its_service() -> None:
    """Not the one of a single version, not one of another namespace, and not one that selects nothing."""
    services = [
        service("web-v1", app="web", version="v1"),
        service("web", app="web"),
        service("a", "other", app="web"),
        service("all"),
    ]
    (one,) = members(MESH, [pod("a", app="web", version="v1")], services)
    assert one.service == "web"
    (alone,) = members(MESH, [pod("a")], services)
    assert (alone.service, alone.version) == ("", "")


def test_pods_that_nobody_controls_or_that_have_ended_are_none() -> None:
    """They come and go by themselves."""
    over = pod("a")
    over["status"]["phase"] = "Succeeded"
    assert members(MESH, [over, pod("b", owner="")], []) == []
