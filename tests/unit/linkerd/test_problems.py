"""What stands against a design is told before anything is done, by the place where it was asked for."""

from typing import Any

import msgspec
import pytest

from meshwright.adapters.linkerd import problems
from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.core.kit.kubernetes.facts import Existing
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent, NativeResource
from meshwright.schemas.references import ResourceRef
from rig.linkerd.meshes import NAMESPACE, bookinfo, designed

SPLIT = wishes.TrafficSplit(service="reviews", backends=[wishes.Backend(version="v1", weight=100)])
TIMEOUT = wishes.Timeout(service="ratings", timeout="1s")
LIMIT = wishes.RateLimit(service="ratings", requests=5)
POLICY = "policy.linkerd.io"


def there(kind: str, name: str, spec: dict[str, Any], group: str = POLICY, namespace: str = NAMESPACE) -> Existing:
    """Something of somebody's."""
    ref = ResourceRef(group=group, kind=kind, namespace=namespace, name=name)
    return Existing(ref=ref, owner="somebody", spec=spec)


def told(facts: LinkerdFacts, *intents: AnyIntent) -> list[str]:
    """What stands against a design."""
    return [f"{each.pointer} {each.detail}" for each in problems.problems(designed(facts, *intents))]


_PARENT = {"parentRefs": [{"kind": "Service", "name": "ratings"}]}
_SERVER = {"podSelector": {"matchLabels": {"app": "ratings"}}, "port": 9080}
_PROFILE = f"ratings.{NAMESPACE}.svc.cluster.local"


@pytest.mark.parametrize(
    ("intent", "in_the_way", "words"),
    [
        (TIMEOUT, there("ServiceProfile", _PROFILE, {}, "linkerd.io"), "takes precedence over routes and annotations"),
        (TIMEOUT, there("HTTPRoute", "old", _PARENT), "routes shop/ratings already"),
        (TIMEOUT, there("GRPCRoute", "old", _PARENT, "gateway.networking.k8s.io"), "routes shop/ratings already"),
        (wishes.DenyAll(service="ratings"), there("Server", "mine", _SERVER), "one Server for a port"),
        (LIMIT, there("HTTPLocalRateLimitPolicy", "mine", {"targetRef": {"name": "ratings-9080"}}), "limits shop/rat"),
        (SPLIT, there("Service", "reviews-v1", {}, ""), "means other pods or ports than version v1"),
        (SPLIT, there("HTTPRoute", "reviews-mesh", {}, "gateway.networking.k8s.io"), "has the name of the route"),
        (wishes.EgressControl(hosts=[]), there("EgressNetwork", "open", {"trafficPolicy": "Allow"}), "lets everything"),
    ],
)
def test_what_somebody_has_made_and_decides_instead_is_named(
    intent: AnyIntent, in_the_way: Existing, words: str
) -> None:
    """Linkerd would ignore one of the two without a word, so the design is refused with the other's name."""
    assert told(bookinfo(), intent) == []
    (problem,) = told(msgspec.structs.replace(bookinfo(), existing=[in_the_way]), intent)
    assert words in problem
    assert str(in_the_way.ref) in problem
    assert problem.startswith("#/intents/0 ")


def test_a_server_of_another_design_that_says_the_same_is_shared() -> None:
    """Two designs may each allow somebody to call one service."""
    server = msgspec.structs.replace(there("Server", "ratings-9080", _SERVER), owner="design first of mesh prod")
    facts = msgspec.structs.replace(bookinfo(), existing=[server])
    assert told(facts, wishes.Allow(source="reviews", service="ratings")) == []


def test_what_is_not_there_is_told_with_what_is() -> None:
    """Services, versions, and versions without pods."""
    facts = bookinfo()
    pods = [
        msgspec.structs.replace(each, replicas=0) if each.name == "reviews-v3" else each for each in facts.workloads
    ]
    facts = msgspec.structs.replace(facts, workloads=pods)
    header = wishes.HeaderMatch(name="x-user", exact="ann")
    missing, version, empty = told(
        facts,
        wishes.Timeout(service="nowhere", timeout="1s"),
        wishes.HeaderRoute(service="reviews", header=header, version="v9"),
        wishes.HeaderRoute(service="reviews", header=header, version="v3"),
    )[:3]
    assert missing.startswith("#/intents/0/service")
    assert "details, productpage, ratings, reviews, web" in missing
    assert "v1, v2, v3" in version
    assert "is scaled to 0" in empty


def test_who_has_no_proxy_has_no_identity_and_enforces_nothing() -> None:
    """Callers that are outside cannot be allowed, and services that are outside cannot refuse."""
    facts = bookinfo()
    outside = [msgspec.structs.replace(each, mode="none") for each in facts.workloads]
    source, service = told(
        msgspec.structs.replace(facts, workloads=outside), wishes.Allow(source="reviews", service="ratings")
    )
    assert "nobody would enforce allow" in source + service
    assert "they have no identity" in source + service


def test_a_route_of_a_design_that_would_be_ignored_is_refused() -> None:
    """With the field, by the release that is there."""
    rule = {"retry": {"attempts": 3}, "backendRefs": [{"name": "reviews", "port": 9080}]}
    route = NativeResource(
        type="gateway.networking.k8s.io/v1/HTTPRoute", name="r", namespace=NAMESPACE, body={"spec": {"rules": [rule]}}
    )
    (problem,) = problems.ignored("edge-26.6.3", [route])
    assert problem.pointer == "#/resources/0/body"
    assert "edge-26.6.3 does not know or carry out spec.rules[0].retry" in problem.detail
