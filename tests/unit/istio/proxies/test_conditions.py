"""What is wrong with the proxies of a mesh, and what to do."""

import datetime
from typing import Any

from meshwright.adapters.istio.proxies.conditions import conditions
from meshwright.adapters.istio.proxies.reading import Reading
from meshwright.adapters.istio.proxies.replicas import Replica
from meshwright.schemas.meshes import Condition
from meshwright.schemas.workloads import Proxy

NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)


def proxy(name: str, **fields: Any) -> Proxy:
    """A synced proxy of version 1.30.3."""
    known: dict[str, Any] = {
        "mesh": "prod",
        "namespace": "shop",
        "version": "1.30.3",
        "revision": "default",
        "state": "synced",
    }
    return Proxy(**{**known, "id": f"prod~shop~{name}", "name": name, "observed_at": NOW, **fields})


def told(
    *proxies: Proxy, versions: dict[str, str] | None = None, waypoints: tuple[str, ...] = (), **fields: Any
) -> dict[str, Condition]:
    """The conditions by their types; without a word there is one control plane of version 1.30.3."""
    reading = Reading(proxies=list(proxies), **fields)
    planes = {"default": "1.30.3"} if versions is None else versions
    return {each.type: each for each in conditions("prod", reading, planes, waypoints)}


def test_a_mesh_whose_proxies_are_synced_says_how_many() -> None:
    """And nothing else."""
    (one,) = told(proxy("a"), proxy("b", state="not_sent")).values()
    assert (one.type, one.status) == ("ProxiesSynced", "True")
    assert one.message == "1 of 2 proxies have taken all that they were sent"


def test_a_refusal_is_told_in_the_words_of_the_proxy() -> None:
    """It goes before those that are away."""
    one = told(proxy("a", state="rejected", error="Listener: no socket"), proxy("b", state="disconnected"))
    assert (one["ProxiesSynced"].status, one["ProxiesSynced"].reason) == ("False", "Rejected")
    assert "shop/a refuses Listener: no socket" in one["ProxiesSynced"].message


def test_a_disconnected_proxy_is_named_with_where_to_look() -> None:
    """Its own log says why."""
    one = told(proxy("a", state="disconnected"))["ProxiesSynced"]
    assert (one.status, one.reason) == ("False", "Disconnected")
    assert "kubectl -n shop logs a -c istio-proxy" in one.message


def test_an_istiod_that_cannot_be_asked_is_named_with_the_right_that_it_takes() -> None:
    """The others count."""
    silent = Replica(namespace="istio-system", name="istiod-2", problem="forbidden")
    one = told(replicas=[Replica(namespace="istio-system", name="istiod-1"), silent])["ProxiesRead"]
    assert one.message.startswith("1 of 2 istiods cannot be asked")
    assert "istiod-2: forbidden" in one.message
    assert "pods/portforward" in one.message


def test_proxies_may_be_two_minors_behind_and_never_ahead() -> None:
    """Those that are behind are told as what a restart would bring, those too far as wrong."""
    behind = told(proxy("a", version="1.28.4"), proxy("b"))["ProxyVersions"]
    assert (behind.status, behind.reason) == ("True", "Older")
    for version in ("1.27.9", "1.31.0", "2.30.3"):
        apart = told(proxy("a", version=version))["ProxyVersions"]
        assert (apart.status, apart.reason) == ("False", "VersionSkew")
        assert f"shop/a {version} (default)" in apart.message
        assert ("1 ahead of the istiod" in apart.message) == (version > "1.30.3")
        assert "meshwright workloads enrol --mesh prod --namespace shop --restart" in apart.message
    assert "ProxyVersions" not in told(proxy("a", version="latest"))
    assert "ProxyVersions" not in told(proxy("a"), versions={"default": ""})
    assert "ProxyVersions" not in told(proxy("a"), versions={})


def test_each_proxy_stands_beside_the_control_plane_of_its_own_revision() -> None:
    """While an upgrade goes on, those of both are as they should be."""
    planes = {"default": "1.28.1", "canary": "1.31.0"}
    old, new = proxy("old", version="1.28.1"), proxy("new", version="1.31.0", revision="canary")
    assert "ProxyVersions" not in told(old, new, versions=planes)
    ahead = told(proxy("ahead", version="1.31.0"), new, versions=planes)["ProxyVersions"]
    assert ahead.reason == "VersionSkew"
    assert "canary 1.31.0, default 1.28.1" in ahead.message
    assert "shop/new" not in ahead.message


def test_what_brings_a_proxy_to_its_version_depends_on_what_it_is_for() -> None:
    """A gateway's Deployment is restarted, and ztunnel's chart upgraded."""
    gateway = proxy("edge-1", mode="gateway", workload="prod~shop~deployment~edge", version="1.2.0")
    assert "kubectl -n shop rollout restart deployment edge" in told(gateway)["ProxyVersions"].message
    assert "upgrade the ztunnel chart" in told(proxy("z", mode="ztunnel", version="1.2.0"))["ProxyVersions"].message


def test_a_waypoint_without_a_connected_proxy_is_named() -> None:
    """As soon as every istiod was asked: before that, nobody knows."""
    asked = [Replica(namespace="istio-system", name="istiod-1")]
    mine: dict[str, Any] = {"mode": "waypoint", "workload": "prod~shop~deployment~waypoint"}
    one = told(waypoints=("shop/waypoint",), replicas=asked)["WaypointsReady"]
    assert (one.status, one.reason) == ("False", "NoProxy")
    assert "kubectl -n shop describe deployment waypoint" in one.message
    gone = told(proxy("w", state="disconnected", **mine), waypoints=("shop/waypoint",), replicas=asked)
    assert "WaypointsReady" in gone
    assert "WaypointsReady" not in told(proxy("w", **mine), waypoints=("shop/waypoint",), replicas=asked)
    silent = [Replica(namespace="istio-system", name="istiod-1", problem="away")]
    assert "WaypointsReady" not in told(waypoints=("shop/waypoint",), replicas=silent)


def test_pods_without_a_sidecar_are_named_with_the_command_that_brings_it() -> None:
    """They run outside of the mesh although their namespace is in it."""
    one = told(bare=["shop/web-1", "shop/web-2"])["PodsInjected"]
    assert (one.status, one.reason) == ("False", "NoSidecar")
    assert "2 pods" in one.message
    assert "meshwright workloads enrol --mesh prod --namespace shop --restart" in one.message


def test_messages_stay_within_the_contract() -> None:
    """However many proxies there are, and however long their words."""
    many = [proxy(f"p{n}", state="rejected", error="x" * 1500, version="1.1.1") for n in range(50)]
    bare = [f"shop/{'x' * 250}" for _ in range(50)]
    assert all(len(each.message) <= 2000 for each in told(*many, bare=bare).values())
