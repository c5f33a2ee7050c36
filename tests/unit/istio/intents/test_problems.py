"""What stands against a design is told with the intent's place and the name of what is in its way."""

from typing import Any

import msgspec
import pytest

from meshwright.adapters.istio.facts import IstioFacts, NamespaceFacts
from meshwright.adapters.istio.problems import problems
from meshwright.core.kit.kubernetes.facts import Existing, Workload
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.references import ResourceRef
from rig.istio.meshes import bookinfo, designed

SPLIT = wishes.TrafficSplit(
    service="reviews", backends=[wishes.Backend(version="v1", weight=50), wishes.Backend(version="v2", weight=50)]
)
TIMEOUT = wishes.Timeout(service="reviews", timeout="1s")


def told(facts: IstioFacts, *design: AnyIntent) -> list[tuple[str, str]]:
    """Pointers and words of what stands against a design."""
    return [(each.pointer, each.detail) for each in problems(designed(facts, *design))]


def there(kind: str, name: str, spec: dict[str, Any], namespace: str = "shop") -> Existing:
    """Something that kubectl has made."""
    group = "security.istio.io" if kind == "PeerAuthentication" else "networking.istio.io"
    ref = ResourceRef(group=group, kind=kind, namespace=namespace, name=name)
    return Existing(ref=ref, owner="kubectl", spec=spec)


def with_existing(*existing: Existing, **more: Any) -> IstioFacts:
    """Bookinfo with these."""
    return msgspec.structs.replace(bookinfo(), existing=list(existing), **more)


def test_a_design_that_fits_has_no_problems() -> None:
    """Everything that it names is there, and nobody else decides on it."""
    assert told(bookinfo(), SPLIT, TIMEOUT, wishes.Allow(source="productpage", service="reviews")) == []


def test_a_service_that_is_not_there_is_named_with_those_that_are() -> None:
    """A misspelt name is seen at once."""
    (pointer, detail), *_ = told(bookinfo(), wishes.Timeout(service="review", timeout="1s"))
    assert pointer == "#/intents/0/service"
    assert "no service review in the namespace shop: it has details, productpage, ratings, reviews" in detail


def test_a_version_without_workloads_is_named_with_those_that_have_some() -> None:
    """A subset without pods would answer 503."""
    (pointer, detail), *_ = told(bookinfo(), wishes.Mirror(service="reviews", version="v9"))
    assert pointer == "#/intents/0/version"
    assert "v1, v2, v3" in detail


def test_a_version_that_is_scaled_to_nothing_may_have_no_share() -> None:
    """With weight 0 it may wait for its pods."""
    mesh = bookinfo()
    idle = [msgspec.structs.replace(each, replicas=0) if each.name == "reviews-v2" else each for each in mesh.workloads]
    mesh = msgspec.structs.replace(mesh, workloads=idle)
    (_, detail), *_ = told(mesh, SPLIT)
    assert "Deployment reviews-v2 is scaled to 0" in detail
    backends = [wishes.Backend(version="v1", weight=100), wishes.Backend(version="v2", weight=0)]
    assert told(mesh, wishes.TrafficSplit(service="reviews", backends=backends)) == []


def test_a_host_that_somebody_routes_already_is_not_fought_over() -> None:
    """The other VirtualService is named, by whichever form of the host it has."""
    for host in ("reviews", "reviews.shop.svc.cluster.local"):
        (_, detail), *_ = told(with_existing(there("VirtualService", "legacy", {"hosts": [host]})), TIMEOUT)
        assert "VirtualService shop/legacy (of kubectl) routes shop/reviews already" in detail
    elsewhere = there("VirtualService", "edge", {"hosts": ["reviews"], "gateways": ["shop/edge"]})
    assert told(with_existing(elsewhere), TIMEOUT) == []


def test_what_has_the_same_name_may_be_taken_over() -> None:
    """When somebody asked for it in so many words, and nothing of it would stay beside ours."""
    same = there("VirtualService", "reviews", {"hosts": ["reviews"], "http": []})
    (_, detail), *_ = told(with_existing(same), TIMEOUT)
    assert "take-over" in detail
    assert told(with_existing(same, take_over=True), TIMEOUT) == []
    more = there("VirtualService", "reviews", {"hosts": ["reviews"], "tcp": []})
    (_, detail), *_ = told(with_existing(more, take_over=True), TIMEOUT)
    assert "tcp" in detail


def test_a_destination_rule_is_in_the_way_unless_it_says_what_is_needed() -> None:
    """One that has the versions is used; load balancing would need a second rule, which Istio does not take."""
    subsets = [{"name": each, "labels": {"version": each}} for each in ("v1", "v2")]
    rule = there("DestinationRule", "reviews-versions", {"host": "reviews", "subsets": subsets})
    assert told(with_existing(rule), SPLIT) == []
    (_, detail), *_ = told(with_existing(rule), wishes.LoadBalancing(service="reviews", policy="random"))
    assert "DestinationRule shop/reviews-versions (of kubectl)" in detail


def test_another_mode_of_mutual_tls_for_the_same_workloads_is_named() -> None:
    """Istio would take the older one of two."""
    spec = {"selector": {"matchLabels": {"app": "reviews"}}, "mtls": {"mode": "PERMISSIVE"}}
    mesh = with_existing(there("PeerAuthentication", "old", spec))
    assert "sets PERMISSIVE" in told(mesh, wishes.MutualTls(mode="strict", service="reviews"))[0][1]
    assert told(mesh, wishes.MutualTls(mode="strict", service="ratings")) == []


def test_egress_that_others_have_opened_is_named() -> None:
    """Only these hosts means no others."""
    entry = there("ServiceEntry", "mail", {"hosts": ["mail.example.com"], "location": "MESH_EXTERNAL"})
    (_, detail), *_ = told(with_existing(entry), wishes.EgressControl(hosts=["api.example.com"]))
    assert "mail.example.com" in detail


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        (TIMEOUT, wishes.Timeout(service="shop/reviews", timeout="2s"), True),
        (TIMEOUT, wishes.Timeout(service="ratings", timeout="2s"), False),
        (SPLIT, TIMEOUT, False),
        (
            wishes.Ingress(host="a.example.com", service="reviews"),
            wishes.Ingress(host="a.example.com", service="ratings"),
            True,
        ),
        (
            wishes.FaultAbort(service="reviews", status=500),
            wishes.FaultAbort(service="reviews", status=503, header=wishes.HeaderMatch(name="a", exact="b")),
            True,
        ),
    ],
)
def test_intents_that_contradict_each_other_are_named_both(one: AnyIntent, other: AnyIntent, contradict: bool) -> None:
    """Two wishes for the same requests are not decided by their order."""
    result = [detail for _, detail in told(bookinfo(), one, other) if "contradict" in detail]
    assert bool(result) is contradict
    assert all("#/intents/0 and #/intents/1" in each for each in result)


def test_a_namespace_of_another_revision_is_not_this_meshs() -> None:
    """Its sidecars listen to another control plane."""
    other = [NamespaceFacts(name="shop", mode="sidecar", revision="canary")]
    (_, detail), *_ = told(msgspec.structs.replace(bookinfo(), namespaces=other), TIMEOUT)
    assert "follows the revision canary, and this mesh is default" in detail


def test_what_workloads_enforce_needs_them_enrolled() -> None:
    """A policy for workloads without sidecars would be written and do nothing."""
    (_, detail), *_ = told(bookinfo("none"), wishes.DenyAll(service="ratings"))
    assert "not enrolled" in detail
    assert told(bookinfo("none"), TIMEOUT) == []


def test_a_source_without_workloads_calls_nobody() -> None:
    """Identities are those of workloads."""
    mesh = bookinfo()
    kept: list[Workload] = [each for each in mesh.workloads if each.name != "productpage-v1"]
    mesh = msgspec.structs.replace(mesh, workloads=kept)
    ((pointer, _),) = told(mesh, wishes.Allow(source="productpage", service="reviews"))
    assert pointer == "#/intents/0/source"
