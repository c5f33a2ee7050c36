"""Whatever a design asks for, what Linkerd would ignore or take only half is never written."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import meshwright.adapters.linkerd  # noqa: F401 - registers the translators
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.adapters.linkerd.words import INBOUND_POLICY
from meshwright.core.kit.kubernetes.facts import Service, ServicePort
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent, Translation, Unsupported
from rig.linkerd import schemas
from rig.linkerd.meshes import NAMESPACE, bookinfo, designed

_NAMES = st.sampled_from(["reviews", "ratings", "productpage"])
_MATCHES = st.one_of(
    st.builds(wishes.HeaderMatch, name=st.just("x-user"), exact=st.sampled_from(["ann", "a.b", ""])),
    st.builds(wishes.HeaderMatch, name=st.just("x-group"), prefix=st.sampled_from(["", "be(ta", "a+b"])),
    st.builds(wishes.HeaderMatch, name=st.just("x-user"), regex=st.sampled_from(["a|b", r"\Qa\E", "[a-z]+"])),
)
_SPLIT = st.integers(0, 100).map(
    lambda share: wishes.TrafficSplit(
        service="reviews",
        backends=[wishes.Backend(version="v1", weight=share), wishes.Backend(version="v2", weight=100 - share)],
    )
)
_INTENTS: st.SearchStrategy[AnyIntent] = st.one_of(
    _SPLIT,
    st.builds(wishes.HeaderRoute, service=st.just("reviews"), header=_MATCHES, version=st.sampled_from(["v1", "v3"])),
    st.builds(wishes.Timeout, service=_NAMES, timeout=st.sampled_from(["1s", "1500ms", "0.5ms", "2h"])),
    st.builds(wishes.Retry, service=_NAMES, attempts=st.integers(1, 10)),
    st.builds(wishes.RateLimit, service=_NAMES, requests=st.integers(1, 999), per=st.sampled_from(["1s", "1m"])),
    st.builds(wishes.MutualTls, mode=st.sampled_from(["strict", "permissive"]), service=_NAMES),
    st.builds(wishes.Allow, source=_NAMES, service=_NAMES),
    st.builds(wishes.DenyAll, service=_NAMES),
    st.builds(wishes.EgressControl, hosts=st.lists(st.sampled_from(["a.example", "*.b.example", "10.0.0.1"]))),
)


def answers(facts: LinkerdFacts, *intents: AnyIntent) -> list[Translation | Unsupported]:
    """What the intents of a design become."""
    return [adapter.translators.translate(each, designed(facts, *intents)) for each in intents]


def resources(facts: LinkerdFacts, *intents: AnyIntent) -> dict[str, dict[str, Any]]:
    """The resources of a design by their references; fails where two of one reference differ."""
    made: dict[str, dict[str, Any]] = {}
    for answer in answers(facts, *intents):
        for each in answer.resources if isinstance(answer, Translation) else []:
            assert made.setdefault(str(each.ref), each.body) == each.body
    return made


@given(st.lists(_INTENTS, min_size=1, max_size=6))
def test_every_design_becomes_resources_that_the_real_definitions_take(intents: list[AnyIntent]) -> None:
    """Each reference once and whole, each port of a pod with one Server, each route with a rule for every request."""
    made = resources(bookinfo(), *intents)
    ports = [
        (tuple(each["spec"]["podSelector"]["matchLabels"].items()), each["spec"]["port"])
        for each in made.values()
        if each["kind"] == "Server"
    ]
    assert len(set(ports)) == len(ports)
    for each in made.values():
        schemas.check(each)
        if each["kind"] == "HTTPRoute":
            assert "matches" not in each["spec"]["rules"][-1]


@given(st.lists(_INTENTS, min_size=1, max_size=6))
def test_who_is_refused_does_not_depend_on_the_order_of_a_design(intents: list[AnyIntent]) -> None:
    """The Servers of a design are the same in any order, and the strictest intent decides."""

    def servers(order: list[AnyIntent]) -> dict[str, dict[str, Any]]:
        return {ref: each for ref, each in resources(bookinfo(), *order).items() if each["kind"] == "Server"}

    assert servers(intents) == servers(intents[::-1])
    closed = {each.service for each in intents if isinstance(each, wishes.Allow | wishes.DenyAll)}
    for each in servers(intents).values():
        if each["spec"]["podSelector"]["matchLabels"]["app"] in closed:
            assert each["spec"]["accessPolicy"] == "deny"


def test_a_limit_alone_lets_in_whom_the_pods_let_in_without_it() -> None:
    """A Server refuses everybody unless it says otherwise, so it says what held before."""
    facts = bookinfo()
    said = {INBOUND_POLICY: "cluster-authenticated"}
    pods = [msgspec.structs.replace(each, annotations=said) for each in facts.workloads]
    limit = wishes.RateLimit(service="ratings", requests=5)
    made = resources(msgspec.structs.replace(facts, workloads=pods), limit)
    (server,) = [each for each in made.values() if each["kind"] == "Server"]
    assert server["spec"]["accessPolicy"] == "cluster-authenticated"
    pods = [*facts.workloads, msgspec.structs.replace(pods[0], labels={"app": "ratings"}, name="other")]
    (refused,) = answers(msgspec.structs.replace(facts, workloads=pods), limit)
    assert isinstance(refused, Unsupported)
    assert "all-unauthenticated, cluster-authenticated" in refused.because


def test_a_service_of_somebodys_that_means_a_version_is_used() -> None:
    """Nothing is made where the pods of a version have a Service of their own already."""
    facts = bookinfo()
    port = ServicePort(number=9080, target=9080)
    canary = Service(namespace=NAMESPACE, name="canary", ports=[port], selector={"app": "reviews", "version": "v2"})
    facts = msgspec.structs.replace(facts, services=[*facts.services, canary])
    backends = [wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)]
    made = resources(facts, wishes.TrafficSplit(service="reviews", backends=backends))
    (route,) = [each for each in made.values() if each["kind"] == "HTTPRoute"]
    assert [each["name"] for each in route["spec"]["rules"][0]["backendRefs"]] == ["reviews-v1", "canary"]
    assert [each["metadata"]["name"] for each in made.values() if each["kind"] == "Service"] == ["reviews-v1"]


def test_a_service_with_several_ports_gets_a_route_for_each() -> None:
    """A backend is named with its port, so one route cannot stand for two; what is opaque has none."""
    ports = [ServicePort(number=80, target=8080), ServicePort(number=81, target="admin"),
             ServicePort(number=3306, target=3306, http=False)]  # fmt: skip
    facts = bookinfo()
    several = [msgspec.structs.replace(each, ports=ports) for each in facts.services]
    backends = [wishes.Backend(version="v1", weight=100)]
    made = resources(
        msgspec.structs.replace(facts, services=several), wishes.TrafficSplit(service="reviews", backends=backends)
    )
    routes = [each for each in made.values() if each["kind"] == "HTTPRoute"]
    assert [each["metadata"]["name"] for each in routes] == ["reviews-mesh-80", "reviews-mesh-81"]
    assert [each["spec"]["parentRefs"][0]["port"] for each in routes] == [80, 81]


@pytest.mark.parametrize(
    ("intent", "minor", "since"),
    [
        (wishes.RateLimit(service="ratings", requests=5), "2.16", "2.17"),
        (wishes.EgressControl(hosts=[]), "2.16", "2.17"),
        (wishes.Timeout(service="ratings", timeout="1s"), "2.15", "2.16"),
        (wishes.DenyAll(service="ratings"), "2.15", "2.16"),
    ],
)
def test_an_older_linkerd_is_told_what_it_would_need(intent: AnyIntent, minor: str, since: str) -> None:
    """By the minor version to which its edge belongs."""
    (refused,) = answers(bookinfo(minor=minor), intent)
    assert isinstance(refused, Unsupported)
    assert since in refused.because
    assert isinstance(answers(bookinfo(minor=since), intent)[0], Translation)


def test_without_the_gateway_api_nothing_is_routed() -> None:
    """Said with what to install, instead of a resource that nobody serves."""
    facts = msgspec.structs.replace(bookinfo(), gateway_api=False)
    split = wishes.TrafficSplit(service="reviews", backends=[wishes.Backend(version="v1", weight=100)])
    for answer in answers(facts, split, wishes.EgressControl(hosts=["a.example"])):
        assert isinstance(answer, Unsupported)
        assert "Gateway API" in answer.because
