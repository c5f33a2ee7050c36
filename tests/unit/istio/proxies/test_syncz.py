"""What istiod tells of its proxies, in the words of the contract."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.istio.proxies import replicas, syncz
from meshwright.adapters.istio.proxies.replicas import Replica
from meshwright.adapters.istio.proxies.syncz import ProxySync, TypeStatus

ENVOY = "type.googleapis.com/envoy.config"
LISTENER = f"{ENVOY}.listener.v3.Listener"
ROUTE = f"{ENVOY}.route.v3.RouteConfiguration"
UUID = "6c1e07b2-8f4f-4e3c-9b1a-0a2f0d6a7c11"
NEW = f"2026-11-28T00:26:12Z/6{UUID}"
OLD = f"2026-11-28T00:26:06Z/5{UUID}"
TEXTS = st.text(st.sampled_from("abcxyz019-./~ {}\n"), max_size=30)


def proxy(**resources: TypeStatus) -> ProxySync:
    """A sidecar with these types."""
    urls = {"listener": LISTENER, "route": ROUTE}
    named = {urls[name]: status for name, status in resources.items()}
    return ProxySync(proxy="web-1.shop", proxy_type="sidecar", istio_version="1.30.3", resources=named)


def by_type(one: ProxySync) -> dict[str, tuple[str, str, str, str]]:
    """State, versions and error of each type."""
    return {each.type: (each.state, each.sent, each.acked, each.error) for each in syncz.types(one)}


def test_each_type_is_synced_stale_rejected_or_not_sent() -> None:
    """Versions are told where they differ; a refusal is told in the proxy's words on one line."""
    one = proxy(
        listener=TypeStatus(sent=NEW, acked=OLD, last_error="no such\n  socket option\n"),
        route=TypeStatus(sent=NEW, acked=OLD),
    )
    assert by_type(one) == {
        "Cluster": ("not_sent", "", "", ""),
        "Listener": ("rejected", "2026-11-28T00:26:12Z/6", "2026-11-28T00:26:06Z/5", "no such socket option"),
        "RouteConfiguration": ("stale", "2026-11-28T00:26:12Z/6", "2026-11-28T00:26:06Z/5", ""),
        "ClusterLoadAssignment": ("not_sent", "", "", ""),
        "TypedExtensionConfig": ("not_sent", "", "", ""),
    }
    total = syncz.summed_up(syncz.types(one))
    assert (total.state, total.error) == ("rejected", "Listener: no such socket option")


def test_an_istiod_without_the_newer_fields_is_read_by_the_older_ones() -> None:
    """Five types, each with what was sent and what was acknowledged."""
    old = ProxySync(proxy="web-1.shop", proxy_type="router", cluster_sent=NEW, cluster_acked=NEW, route_sent=NEW)
    states = {name: state for name, (state, *_) in by_type(old).items()}
    assert states == {
        "Cluster": "synced",
        "Listener": "not_sent",
        "RouteConfiguration": "stale",
        "ClusterLoadAssignment": "not_sent",
        "TypedExtensionConfig": "not_sent",
    }
    assert (old.mode, syncz.summed_up(syncz.types(old)).state) == ("gateway", "stale")


def test_a_ztunnel_has_types_of_its_own() -> None:
    """Envoy's are not told as missing."""
    address = TypeStatus(sent=NEW, acked=NEW)
    one = ProxySync(
        proxy="ztunnel-a.istio-system",
        proxy_type="ztunnel",
        resources={"type.googleapis.com/istio.workload.Address": address},
    )
    assert by_type(one) == {"Address": ("synced", "", "", "")}


def test_a_real_answer_is_read() -> None:
    """As istiod 1.31 writes it; a pod may have dots in its name."""
    answer = b"""[{"cluster_id":"Kubernetes","proxy":"web.1.shop","proxy_type":"waypoint","istio_version":"1.31.0",
      "cluster_sent":"a","cluster_acked":"a","resources":{"type.googleapis.com/envoy.config.cluster.v3.Cluster":
      {"sent":"a","acked":"a","sentTime":"2026-11-28T00:26:06.123456789Z"}}}]"""
    (one,) = syncz.decoded(answer)
    assert (one.namespace, one.name, one.mode, one.newest) == ("shop", "web.1", "waypoint", "2026-11-28T00:26:06")
    assert syncz.decoded(b"null") == []


@pytest.mark.parametrize("answer", [b"", b"<html>", b'{"a": 1}', b'[{"proxy": 3}]', b'[{"resources": []}]'])
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    """And nothing is made up of it."""
    with pytest.raises(msgspec.DecodeError):
        syncz.decoded(answer)


@given(st.lists(st.fixed_dictionaries({"proxy": TEXTS, "proxy_type": TEXTS, "cluster_sent": TEXTS})))
def test_only_what_may_be_a_pod_is_a_proxy(content: list[dict[str, Any]]) -> None:
    """Names that nothing in Kubernetes has are left out, whatever a proxy calls itself."""
    for each in syncz.decoded(msgspec.json.encode(content)):
        assert each.name.replace(".", "").replace("-", "").isalnum()
        assert each.namespace.replace("-", "").isalnum()


@given(st.dictionaries(TEXTS, st.builds(TypeStatus, TEXTS, TEXTS, TEXTS, TEXTS), max_size=5))
def test_the_sum_is_never_better_than_any_type(resources: dict[str, TypeStatus]) -> None:
    """One refusal is enough, one that waits too; what was never asked for counts for nothing."""
    types = syncz.types(ProxySync(proxy="a.b", proxy_type="sidecar", resources=resources))
    states = {each.state for each in types}
    total = syncz.summed_up(types)
    worst = next((each for each in ("rejected", "stale", "synced") if each in states), "not_sent")
    assert total.state == worst
    assert bool(total.error) <= (worst == "rejected")


def test_a_proxy_that_two_replicas_know_is_served_by_the_one_that_sent_last() -> None:
    """Each replica knows its own; one that has just gone over is known to both for a moment."""

    def known(name: str, second: int) -> ProxySync:
        status = TypeStatus(sent="a", acked="a", sent_time=f"2026-11-28T00:26:{second:02}Z")
        return ProxySync(proxy=f"{name}.shop", proxy_type="sidecar", resources={LISTENER: status})

    answers = [
        Replica(namespace="istio-system", name="istiod-1", proxies=[known("a", 1), known("b", 9)]),
        Replica(namespace="istio-system", name="istiod-2", proxies=[known("b", 2), known("c", 1)]),
        Replica(namespace="istio-system", name="istiod-3", problem="no answer"),
    ]
    served = {name: replica.name for (_, name), (_, replica) in replicas.merged(answers).items()}
    assert served == {"a": "istiod-1", "b": "istiod-1", "c": "istiod-2"}


def test_the_running_replicas_of_a_revision_are_asked_where_they_listen() -> None:
    """Neither another revision, nor one that has not begun or is about to end."""

    def pod(name: str, phase: str = "Running", **meta: Any) -> dict[str, Any]:
        labels = {"istio.io/rev": meta.pop("revision", "canary")}
        return {
            "metadata": {"name": name, "namespace": "istio-system", "labels": labels, **meta},
            "status": {"phase": phase},
        }

    bodies = [
        pod("usual"),
        pod("moved", annotations={"prometheus.io/port": "15099"}),
        pod("odd", annotations={"prometheus.io/port": "http"}),
        pod("other", revision="default"),
        pod("new", "Pending"),
        pod("old", deletionTimestamp="2026-11-28T00:26:06Z"),
        {"metadata": {"name": "bare"}},
    ]
    ports = {each.name: each.port for each in replicas.replicas(bodies, ["canary"])}
    assert ports == {"usual": 15014, "moved": 15099, "odd": 15014}
    assert [each.name for each in replicas.replicas(bodies, ["default"])] == ["other"]
    both = {each.name: each.revision for each in replicas.replicas(bodies, ["default", "canary"])}
    assert both == {"usual": "canary", "moved": "canary", "odd": "canary", "other": "default"}
