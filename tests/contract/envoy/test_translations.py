"""The Envoy translation of each intent, compared with goldens. UPDATE_GOLDENS=1 writes them again."""

import os
from pathlib import Path

import msgspec
import pytest
import yaml

from meshwright.adapters.envoy import adapter
from meshwright.adapters.envoy.intents.translation import translate
from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.state import desired
from meshwright.adapters.envoy.state.desired import DesiredState, Ports
from meshwright.adapters.envoy.target import EnvoyFacts
from meshwright.adapters.envoy.xds import protojson
from meshwright.schemas.intents import (
    INTENT_TYPES,
    AccessLog,
    Allow,
    AnyIntent,
    Backend,
    CircuitBreaker,
    DenyAll,
    EgressControl,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    Ingress,
    LoadBalancing,
    Mirror,
    MutualTls,
    OutlierDetection,
    RateLimit,
    Retry,
    Timeout,
    TrafficSplit,
    Translation,
    intent_kind,
)
from meshwright.schemas.workloads import WorkloadSpec

GOLDENS = Path(__file__).parent / "translations"
HEADER = HeaderMatch(name="x-user", regex="tester-.*")
INTENTS: list[AnyIntent] = [
    MutualTls(mode="permissive", service="ratings"),
    TrafficSplit(service="reviews", backends=[Backend(version="v1", weight=90), Backend(version="v2", weight=10)]),
    HeaderRoute(service="reviews", header=HEADER, version="v2"),
    Mirror(service="reviews", version="v2", percent=12.5),
    Retry(service="reviews", attempts=3, per_try_timeout="250ms"),
    Timeout(service="reviews", timeout="1.5s"),
    FaultDelay(service="reviews", delay="2s", percent=10, header=HEADER),
    FaultAbort(service="reviews", status=503, percent=10),
    RateLimit(service="ratings", requests=100, per="1m"),
    CircuitBreaker(service="ratings", max_connections=10, max_retries=0, outlier_detection=OutlierDetection()),
    Allow(source="reviews", service="ratings", methods=["GET"], path_prefixes=["/ratings"]),
    DenyAll(service="ratings"),
    EgressControl(hosts=["example.org"]),
    AccessLog(service="ratings"),
    LoadBalancing(service="reviews", policy="ring-hash", hash_header="x-user"),
    Ingress(host="shop.example", service="reviews"),
]


def mesh() -> DesiredState:
    """`reviews` in two versions and `ratings`."""
    specs = [
        WorkloadSpec(name=f"{service}-{version}", service=service, version=version, port=9000)
        for service, version in (("reviews", "v1"), ("reviews", "v2"), ("ratings", "v1"))
    ]
    ports = {
        spec.name: Ports(outbound=15001 + 10 * index, inbound=15002 + 10 * index) for index, spec in enumerate(specs)
    }
    return desired.enrol(DesiredState(workspace="default", mesh="demo", connection="local"), specs, ports)


def test_every_intent_has_a_golden() -> None:
    """No intent of the contract is left out, and the adapter says of each whether it can do it."""
    assert {intent_kind(each) for each in INTENTS} == {intent_kind(each) for each in INTENT_TYPES}
    told = {each.intent for each in adapter.announcement("test").intents if each.supported or each.because}
    assert told == {intent_kind(each) for each in INTENT_TYPES}


@pytest.mark.parametrize("intent", INTENTS, ids=intent_kind)
def test_an_intent_becomes_these_resources(intent: AnyIntent) -> None:
    """The translation is exactly the golden one, and each resource fits its xDS type."""
    result = adapter.translators.translate(intent, EnvoyFacts(state=mesh()))
    if isinstance(result, Translation):
        assert result.resources, "an intent that changes nothing is no example"
        for each in result.resources:
            protojson.encode(names.type_url(each.ref), each.body)
    text = yaml.safe_dump(msgspec.to_builtins(result), sort_keys=False, width=110)
    golden = GOLDENS / f"{intent_kind(intent)}.yaml"
    if os.environ.get("UPDATE_GOLDENS"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert golden.read_text() == text


def test_a_translation_does_not_depend_on_the_intent_being_there() -> None:
    """Translated before or after it was applied, an intent shows the same resources."""
    intent = INTENTS[1]
    applied = msgspec.structs.replace(mesh(), designs={"d": desired.AppliedDesign(revision=1, intents=[intent])})
    assert translate(intent, applied) == translate(intent, mesh())
