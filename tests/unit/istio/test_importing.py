"""Existing resources of Istio become intents field by field, and nothing of them is lost without being named."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import meshwright.adapters.istio  # noqa: F401 - registers the translators
from meshwright.schemas import intents as wishes
from meshwright.schemas.designs import ImportedDesign
from meshwright.schemas.intents import AnyIntent
from rig.istio.round_trip import cluster, imported, resources, whole

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"
HEADER = wishes.HeaderMatch(name="end-user", exact="jason")
SPLIT = wishes.TrafficSplit(
    service="shop/reviews", backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v3", weight=10)]
)
ROUTING: list[AnyIntent] = [
    SPLIT,
    wishes.HeaderRoute(service="shop/reviews", header=HEADER, version="v2"),
    wishes.Mirror(service="shop/reviews", version="v3", percent=12.5),
    wishes.Retry(service="shop/reviews", attempts=3, per_try_timeout="0.25s", retry_on=["5xx", "reset"]),
    wishes.Timeout(service="shop/reviews", timeout="1.5s"),
    wishes.FaultDelay(service="shop/reviews", delay="7s", percent=10.0),
    wishes.FaultAbort(service="shop/reviews", status=503, header=wishes.HeaderMatch(name="x-test", prefix="a")),
    wishes.LoadBalancing(service="shop/reviews", policy="ring-hash", hash_header="x-user"),
    wishes.CircuitBreaker(
        service="shop/reviews", max_connections=7, max_retries=3, outlier_detection=wishes.OutlierDetection()
    ),
]
POLICIES: list[AnyIntent] = [
    wishes.MutualTls(mode="strict", service="shop/reviews"),
    wishes.MutualTls(mode="permissive"),
    wishes.DenyAll(service="shop/ratings"),
    wishes.DenyAll(),
    wishes.Allow(source="shop/productpage", service="shop/reviews", methods=["GET"], path_prefixes=["/reviews"]),
]


def fields(result: ImportedDesign) -> list[str]:
    """The fields that no intent says."""
    return [each.location.pointer for each in result.unexpressed]


def sample(name: str) -> list[dict[str, Any]]:
    """A file of Istio's samples."""
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip("needs Istio's samples in the folder shared beside the checkout")
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


@pytest.mark.parametrize("intent", [*ROUTING, *POLICIES], ids=lambda each: each.__struct_config__.tag)
def test_what_an_intent_becomes_is_read_back_as_that_intent(intent: AnyIntent) -> None:
    """Nothing is added, nothing is left over."""
    result = imported([*cluster(), *resources(intent)])
    assert (whole(result), fields(result)) == ([intent], [])


@given(st.lists(st.sampled_from(ROUTING), min_size=1, max_size=6, unique_by=id))
def test_intents_to_resources_to_intents_is_the_same_wish(design: list[AnyIntent]) -> None:
    """In whichever order they stand, the same intents come back, and become the same resources again."""
    before = resources(*design)
    result = imported([*cluster(), *before])
    assert fields(result) == []
    assert sorted(map(repr, whole(result))) == sorted(map(repr, design))
    again = resources(*whole(result))
    assert len(again) == len(before)
    assert all(each in before for each in again)


def test_istios_samples_are_read() -> None:
    """The split and the faults of Bookinfo's samples, with the versions that its DestinationRules define."""
    rules = sample("destination-rule-all.yaml")
    split = imported([*rules, *sample("virtual-service-reviews-90-10.yaml")])
    backends = [wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)]
    assert whole(split) == [wishes.TrafficSplit(service="default/reviews", backends=backends)]
    unused = "no route that is said by an intent names this subset"
    assert {each.because for each in split.unexpressed} == {unused, "nothing of it is said"}
    assert sum(each.because == unused for each in split.unexpressed) == 4
    delay = imported([*rules, *sample("virtual-service-ratings-test-delay.yaml")])
    only = [wishes.Backend(version="v1", weight=100)]
    assert whole(delay) == [
        wishes.TrafficSplit(service="default/ratings", backends=only),
        wishes.FaultDelay(service="default/ratings", delay="7s", percent=100, header=HEADER),
    ]
    abort = imported(sample("fault-injection-details-v1.yaml"))
    assert wishes.FaultAbort(service="default/details", status=555, percent=100) in whole(abort)


def virtual_service(**spec: Any) -> dict[str, Any]:
    """Somebody's VirtualService."""
    meta = {"name": "reviews", "namespace": "shop"}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta, "spec": spec}


TO = [{"destination": {"host": "reviews"}}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (virtual_service(hosts=["reviews"], http=[{"route": TO, "rewrite": {"uri": "/x"}}]), "#/spec/http/0/rewrite"),
        (virtual_service(hosts=["reviews"], http=[{"match": [{"uri": {"prefix": "/a"}}], "route": TO}]), "#/spec/http"),
        (virtual_service(hosts=["reviews"], http=[{"route": TO}], exportTo=["."]), "#/spec/exportTo"),
        (virtual_service(hosts=["api.example.com"], http=[{"route": TO}]), "#/spec/hosts"),
        (virtual_service(hosts=["reviews"], gateways=["edge"], http=[{"route": TO}]), "#/spec"),
    ],
)
def test_what_no_intent_says_is_named(body: dict[str, Any], field: str) -> None:
    """With the resource and the path of the field, and no intent is made up in its place."""
    result = imported([body])
    assert field in fields(result)
    assert result.design.intents == []


def test_policies_of_whole_namespaces_and_denials_are_named() -> None:
    """An intent is for one service, or for the mesh."""

    def policy(kind: str, name: str, **spec: Any) -> dict[str, Any]:
        meta = {"name": name, "namespace": "shop"}
        return {"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": meta, "spec": spec}

    bodies = [
        policy("PeerAuthentication", "b", mtls={"mode": "STRICT"}),
        policy("PeerAuthentication", "a", mtls={"mode": "DISABLE"}),
        policy("AuthorizationPolicy", "c", action="DENY", rules=[{}]),
        policy("AuthorizationPolicy", "d", selector={"matchLabels": {"app": "other"}}),
    ]
    result = imported([*cluster(), *bodies])
    assert result.design.intents == []
    assert [each.because for each in result.unexpressed] == [
        "no intent asks for DISABLE",
        "an intent is for one service or the whole mesh, not a namespace",
        "intents allow, and DENY is something else",
        "there is no Service here that has this selector",
    ]


def test_what_istio_would_not_do_is_no_intent() -> None:
    """A policy that is only tried, faults for no request, rules for callers of another namespace, the second of two."""

    def custom(kind: str, name: str, namespace: str, /, **spec: Any) -> dict[str, Any]:
        group = "security" if kind == "AuthorizationPolicy" else "networking"
        meta: dict[str, Any] = {"name": name, "namespace": namespace}
        return {"apiVersion": f"{group}.istio.io/v1", "kind": kind, "metadata": meta, "spec": spec}

    trying = custom("AuthorizationPolicy", "tried", "shop", selector={"matchLabels": {"app": "reviews"}})
    trying["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    fault = {"fault": {"delay": {"fixedDelay": "5s"}}, "route": TO}
    faulty = custom("VirtualService", "faulty", "shop", hosts=["reviews"], http=[fault])
    faulty["metadata"]["labels"] = {"istio.io/rev": "canary"}
    host = "reviews.shop.svc.cluster.local"
    random = {"host": host, "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}}
    least = {"host": host, "trafficPolicy": {"loadBalancer": {"simple": "LEAST_REQUEST"}}}
    rules = [
        custom("DestinationRule", "elsewhere", "other", **random),
        custom("DestinationRule", "one", "shop", **random),
        custom("DestinationRule", "two", "shop", **least),
    ]
    result = imported([*cluster(), trying, faulty, *rules])
    assert whole(result) == [wishes.LoadBalancing(service="shop/reviews", policy="random")]
    reasons = {each.because for each in result.unexpressed}
    assert reasons == {
        "it is only tried: it refuses nothing",
        "it is for this revision of the control plane alone, and an intent for the mesh",
        "without a percentage Istio does this to no request",
        "a rule in another namespace than the service is for callers there, and an intent for all",
        "DestinationRule shop/one has the policy of this service already",
        "nothing of it is said",
    }
    assert "#/metadata/labels/istio.io~1rev" in fields(result)


def config(text: str, name: str = "istio") -> dict[str, Any]:
    """What the mesh was told."""
    meta = {"name": name, "namespace": "istio-system"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"mesh": text}}


def test_identities_and_the_root_are_those_that_the_mesh_was_told() -> None:
    """Of another trust domain a caller is a stranger, unless the mesh's ConfigMap says that it is its own."""

    def policies(domain: str, root: str) -> list[dict[str, Any]]:
        source = {"source": {"principals": [f"{domain}/ns/shop/sa/bookinfo-productpage"]}}
        spec = {"selector": {"matchLabels": {"app": "reviews"}}, "rules": [{"from": [source]}]}
        kinds = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy"}
        return [
            {**kinds, "metadata": {"name": "allow", "namespace": "shop"}, "spec": spec},
            {**kinds, "metadata": {"name": "deny", "namespace": root}, "spec": {}},
        ]

    allowed, closed = wishes.Allow(source="shop/productpage", service="shop/reviews"), wishes.DenyAll()
    ours = config("trustDomain: corp.example\ntrustDomainAliases: [old.example]\nrootNamespace: mesh", "istio-canary")
    for domain in ("corp.example", "old.example", "cluster.local"):
        intents = whole(imported([*cluster(), ours, *policies(domain, "mesh")]))
        assert sorted(map(repr, intents)) == sorted(map(repr, [allowed, closed]))
    for told in ([], [config("trustDomain: [")], [config("a: 1", "other")]):
        result = imported([*cluster(), *told, *policies("corp.example", "istio-system")])
        assert whole(result) == [closed]
        stranger = "corp.example/ns/shop/sa/bookinfo-productpage is not the identity of one service that is here"
        assert stranger in {each.because for each in result.unexpressed}
