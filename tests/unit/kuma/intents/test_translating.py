"""Whatever a design asks for, what Kuma would ignore, merge or take only half is never written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import meshwright.adapters.kuma  # noqa: F401 - registers the translators
from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.facts import Identity, KumaFacts
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent, Translation, Unsupported
from rig.kuma import schemas
from rig.kuma.meshes import INGRESS, bookinfo, designed

_NAMES = st.sampled_from(["reviews", "ratings", "productpage"])
_MATCHES = st.one_of(
    st.builds(wishes.HeaderMatch, name=st.just("X-User"), exact=st.sampled_from(["ann", "a.b", ""])),
    st.builds(wishes.HeaderMatch, name=st.just("x-group"), prefix=st.sampled_from(["", "be(ta", "a+b"])),
    st.builds(wishes.HeaderMatch, name=st.just("x-user"), regex=st.sampled_from(["a|b", "[a-z]+"])),
)
_PERCENTS = st.sampled_from([0.0, 0.5, 10.0, 100.0])
_SPLIT = st.integers(0, 100).map(
    lambda share: wishes.TrafficSplit(
        service="reviews",
        backends=[wishes.Backend(version="v1", weight=share), wishes.Backend(version="v2", weight=100 - share)],
    )
)
_INTENTS: st.SearchStrategy[AnyIntent] = st.one_of(
    _SPLIT,
    st.builds(wishes.HeaderRoute, service=st.just("reviews"), header=_MATCHES, version=st.sampled_from(["v1", "v3"])),
    st.builds(wishes.Mirror, service=st.just("reviews"), version=st.sampled_from(["v1", "v3"]), percent=_PERCENTS),
    st.builds(wishes.FaultDelay, service=_NAMES, delay=st.sampled_from(["1s", "0.5ms"]), percent=_PERCENTS),
    st.builds(wishes.FaultAbort, service=_NAMES, status=st.integers(200, 599), percent=_PERCENTS),
    st.builds(wishes.Timeout, service=_NAMES, timeout=st.sampled_from(["1s", "1500ms", "0.5ms", "2h"])),
    st.builds(wishes.Retry, service=_NAMES, attempts=st.integers(1, 10)),
    st.builds(wishes.RateLimit, service=_NAMES, requests=st.integers(1, 999), per=st.sampled_from(["1s", "10ms"])),
    st.builds(wishes.CircuitBreaker, service=_NAMES, max_retries=st.integers(0, 3)),
    st.builds(wishes.MutualTls, mode=st.sampled_from(["strict", "permissive"]), service=_NAMES | st.none()),
    st.builds(wishes.Allow, source=_NAMES, service=_NAMES),
    st.builds(wishes.DenyAll, service=_NAMES | st.none()),
    st.builds(wishes.AccessLog, service=_NAMES | st.none()),
    st.builds(wishes.EgressControl, hosts=st.lists(st.sampled_from(["a.example", "*.b.example", "10.0.0.1", "*x"]))),
)
_FACTS = st.sampled_from(
    [bookinfo(), bookinfo(identities=[]), bookinfo(version="2.14"), bookinfo(version="2.14", identities=[], mtls=True)]
)
_DESIGNS = st.lists(_INTENTS, min_size=1, max_size=6)


def answers(facts: KumaFacts, *intents: AnyIntent) -> list[Translation | Unsupported]:
    """What the intents of a design become."""
    return [adapter.translators.translate(each, designed(facts, *intents)) for each in intents]


def resources(facts: KumaFacts, *intents: AnyIntent) -> dict[str, dict[str, Any]]:
    """The resources of a design by their references."""
    made = [each for each in answers(facts, *intents) if isinstance(each, Translation)]
    return {str(each.ref): each.body for answer in made for each in answer.resources}


@given(_FACTS, _DESIGNS)
def test_every_resource_has_its_mesh_and_names_things_as_its_version_does(
    facts: KumaFacts, intents: list[AnyIntent]
) -> None:
    """By labels alone since 3.0, where the real definitions take it; by name and namespace before."""
    for body in resources(facts, *intents).values():
        if body["kind"] == "Service":
            continue
        assert body["metadata"]["labels"] == {"kuma.io/mesh": "default"}
        for target in _targets(body["spec"]):
            if target["kind"] == "MeshService":
                assert ("labels" in target, "name" in target) == (facts.labels_only, not facts.labels_only)
        if facts.labels_only:
            schemas.check(body)


@given(_FACTS, _DESIGNS)
def test_a_route_has_a_rule_for_every_request_and_shares_that_add_up(
    facts: KumaFacts, intents: list[AnyIntent]
) -> None:
    """No request is left without a rule, and none of a split is lost."""
    for body in resources(facts, *intents).values():
        for to in body["spec"].get("to", []) if body["kind"] == "MeshHTTPRoute" else []:
            last = to["rules"][-1]
            assert last["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
            weights = [each.get("weight", 100) for each in last["default"]["backendRefs"]]
            assert sum(weights) == 100


@given(_FACTS, _DESIGNS)
def test_a_denial_is_never_written_for_whom_the_design_allows(facts: KumaFacts, intents: list[AnyIntent]) -> None:
    """A denial counts more than any permission, so none is beside an allowed caller."""
    made = [each for each in resources(facts, *intents).values() if each["kind"] == "MeshTrafficPermission"]
    rules = [rule["default"] for each in made for rule in each["spec"]["rules"]]
    if any(isinstance(each, wishes.Allow) for each in intents):
        wide = [each for each in made if each["spec"]["targetRef"]["kind"] == "Mesh"]
        assert wide == []
    for rule in rules:
        assert len(rule) == 1
        for match in next(iter(rule.values())):
            domain = match["spiffeID"]["value"].removeprefix("spiffe://")
            assert domain
            assert not domain.endswith("/")


@given(_DESIGNS)
def test_without_identities_nothing_of_security_is_claimed(intents: list[AnyIntent]) -> None:
    """Kuma would ignore permissions and MeshTLS then; the design may bring identities itself."""
    facts = bookinfo(identities=[])
    brings = any(isinstance(each, wishes.MutualTls) and each.service is None for each in intents)
    kinds = {each["kind"] for each in resources(facts, *intents).values()}
    assert ("MeshIdentity" in kinds) is brings
    if not brings:
        assert not kinds & {"MeshTLS", "MeshTrafficPermission"}


def test_an_ingress_is_refused_where_kuma_has_no_gateway_any_more() -> None:
    """In the matrix of such a mesh as well as by its translator."""
    (answer,) = answers(bookinfo(), INGRESS)
    assert isinstance(answer, Unsupported)
    assert "since version 3.0" in answer.because
    matrix = {each.intent: each.supported for each in adapter.matrix("3.0")}
    assert [name for name, supported in matrix.items() if not supported] == ["ingress"]
    assert all(each.supported for each in adapter.matrix("2.14"))


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (Identity(), "spiffe://default.default.mesh.local/ns/shop/sa/bookinfo-web"),
        (Identity(trust_domain="td", path="/x/{{ .ServiceAccount }}"), "spiffe://td/x/bookinfo-web"),
        (Identity(path='/{{ label "app" }}'), ""),
        (Identity(labels={"app": "other"}), ""),
    ],
)
def test_callers_are_allowed_by_the_identity_that_their_proxies_have(identity: Identity, expected: str) -> None:
    """By the template of their MeshIdentity; what only the control plane can fill is refused."""
    (answer,) = answers(bookinfo(identities=[identity]), wishes.Allow(source="web", service="reviews"))
    if not expected:
        assert isinstance(answer, Unsupported)
        return
    assert isinstance(answer, Translation)
    (allowed,) = answer.resources[0].body["spec"]["rules"][0]["default"]["allow"]
    assert allowed["spiffeID"]["value"] == expected


def _targets(value: Any) -> list[dict[str, Any]]:
    """All references in a specification."""
    if isinstance(value, list):
        return [found for each in value for found in _targets(each)]
    if not isinstance(value, dict):
        return []
    own = [value] if "kind" in value else []
    return [*own, *(found for each in value.values() for found in _targets(each))]
