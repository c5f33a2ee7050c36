"""Translators of Istio are total and exact: an intent is either refused in words or becomes what is valid."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import meshwright.adapters.istio  # noqa: F401 - registers the translators
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.facts import IngressGateway, IstioFacts
from meshwright.core.kit.kubernetes.facts import Existing, Service, ServicePort, Workload
from meshwright.schemas import intents as wishes
from meshwright.schemas.base import VERSION_PATTERN
from meshwright.schemas.intents import AnyIntent, Translation, Unsupported
from meshwright.schemas.references import ResourceRef
from rig.istio import schemas
from rig.istio.meshes import bookinfo, designed

MESHES = [bookinfo(), bookinfo("ambient"), bookinfo("ambient", waypoint=True), bookinfo("none")]
SERVICES = st.sampled_from(["reviews", "shop/ratings", "productpage", "nowhere"])
VERSIONS = st.one_of(st.sampled_from(["v1", "v2", "v3"]), st.from_regex(VERSION_PATTERN, fullmatch=True))
DURATIONS = st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m|h)", fullmatch=True)
PERCENTS = st.floats(min_value=0, max_value=100)
NAMES = st.sampled_from(["End-User", "x-test"])
HEADERS = st.one_of(
    st.builds(wishes.HeaderMatch, name=NAMES, exact=st.text(max_size=8)),
    st.builds(wishes.HeaderMatch, name=NAMES, prefix=st.text(max_size=8)),
    st.builds(wishes.HeaderMatch, name=NAMES, regex=st.text(max_size=8)),
)
COUNTS = st.one_of(st.none(), st.integers(min_value=1, max_value=2**40))


@st.composite
def splits(draw: Any) -> wishes.TrafficSplit:
    """Weights that add up."""
    versions = draw(st.lists(VERSIONS, min_size=1, max_size=4, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(versions) - 1, max_size=len(versions) - 1)))
    weights = [after - before for before, after in zip([0, *cuts], [*cuts, 100], strict=True)]
    backends = [wishes.Backend(version=v, weight=w) for v, w in zip(versions, weights, strict=True)]
    return wishes.TrafficSplit(service=draw(SERVICES), backends=backends)


OUTLIERS = st.builds(
    wishes.OutlierDetection,
    consecutive_errors=st.integers(1, 2**40),
    interval=DURATIONS,
    ejection_time=DURATIONS,
    max_ejection_percent=st.integers(0, 100),
)
INTENTS: st.SearchStrategy[AnyIntent] = st.one_of(
    st.builds(wishes.MutualTls, mode=st.sampled_from(["strict", "permissive"]), service=st.none() | SERVICES),
    splits(),
    st.builds(wishes.HeaderRoute, service=SERVICES, header=HEADERS, version=VERSIONS),
    st.builds(wishes.Mirror, service=SERVICES, version=VERSIONS, percent=PERCENTS),
    st.builds(
        wishes.Retry,
        service=SERVICES,
        attempts=st.integers(1, 10),
        per_try_timeout=st.none() | DURATIONS,
        retry_on=st.lists(st.sampled_from(["5xx", "reset", "retriable-4xx"]), max_size=3),
    ),
    st.builds(wishes.Timeout, service=SERVICES, timeout=DURATIONS),
    st.builds(wishes.FaultDelay, service=SERVICES, delay=DURATIONS, percent=PERCENTS, header=st.none() | HEADERS),
    st.builds(
        wishes.FaultAbort,
        service=SERVICES,
        status=st.integers(200, 599),
        percent=PERCENTS,
        header=st.none() | HEADERS,
    ),
    st.builds(wishes.RateLimit, service=SERVICES, requests=st.integers(1, 2**40), per=DURATIONS),
    st.builds(
        wishes.CircuitBreaker,
        service=SERVICES,
        max_connections=COUNTS,
        max_pending_requests=COUNTS,
        max_requests=COUNTS,
        max_retries=COUNTS,
        outlier_detection=st.none() | OUTLIERS,
    ),
    st.builds(
        wishes.Allow,
        source=SERVICES,
        service=SERVICES,
        methods=st.lists(st.sampled_from(["GET", "POST"]), max_size=2),
        path_prefixes=st.lists(st.from_regex("/[!-~]{0,12}", fullmatch=True), max_size=2),
    ),
    st.builds(wishes.DenyAll, service=st.none() | SERVICES),
    st.builds(wishes.EgressControl, hosts=st.lists(st.sampled_from(["a.example.com", "*.b.org", "1.2.3.4", "no"]))),
    st.builds(wishes.AccessLog, service=st.none() | SERVICES),
    st.builds(
        wishes.LoadBalancing,
        service=SERVICES,
        policy=st.sampled_from(["round-robin", "least-request", "random", "ring-hash"]),
        hash_header=st.none() | NAMES,
    ),
    st.builds(
        wishes.Ingress,
        host=st.sampled_from(["shop.example.com", "*", "*.example.com", "no", ""]),
        service=SERVICES,
        path_prefix=st.from_regex("/[!-~]{0,12}", fullmatch=True),
    ),
)


def translate(intent: AnyIntent, facts: IstioFacts) -> Translation | Unsupported:
    """What the kit would get."""
    return adapter.translators.translate(intent, facts)


def bodies(answer: Translation | Unsupported) -> list[dict[str, Any]]:
    """The objects of an answer."""
    assert isinstance(answer, Translation), answer
    return [each.body for each in answer.resources]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(MESHES), st.lists(INTENTS, min_size=1, max_size=4))
def test_every_design_is_refused_in_words_or_becomes_valid_objects(mesh: IstioFacts, design: list[AnyIntent]) -> None:
    """No intent, alone or with others, makes a translator fail or write what the definitions of Istio refuse."""
    facts = designed(mesh, *design)
    seen: dict[ResourceRef, dict[str, Any]] = {}
    for intent in design:
        answer = translate(intent, facts)
        if isinstance(answer, Unsupported):
            assert answer.because
            continue
        for each in answer.resources:
            schemas.check(each.body)
            if each.ref.kind in ("VirtualService", "DestinationRule", "Gateway"):
                assert seen.setdefault(each.ref, each.body) == each.body


def test_every_intent_is_translated_and_gated_by_version() -> None:
    """The matrix has all intents; a mesh before v1 of Istio's APIs is refused with the way out."""
    assert all(each.supported and each.since == "1.22" for each in adapter.matrix())
    old = msgspec.structs.replace(bookinfo(), version="1.21.4")
    refused = translate(wishes.Timeout(service="reviews", timeout="1s"), old)
    assert isinstance(refused, Unsupported)
    assert "1.22" in refused.instead


def test_ambient_before_it_was_ready_is_refused() -> None:
    """Waypoints of earlier releases did not do all of this."""
    old = msgspec.structs.replace(bookinfo("ambient", waypoint=True), version="1.23.0")
    refused = translate(wishes.Timeout(service="reviews", timeout="1s"), old)
    assert isinstance(refused, Unsupported)
    assert "1.24" in refused.because


@pytest.mark.parametrize(
    ("intent", "because"),
    [
        (
            wishes.HeaderRoute(service="shop/reviews", header=wishes.HeaderMatch(name="x", regex="*"), version="v1"),
            "for any value",
        ),
        (wishes.Timeout(service="reviews", timeout="0.5ms"), "whole milliseconds"),
        (wishes.FaultAbort(service="reviews", status=503, percent=0.00001), "0.0001 %"),
        (wishes.CircuitBreaker(service="reviews", max_retries=0), "max_retries"),
        (wishes.CircuitBreaker(service="reviews", max_connections=2**31), "max_connections"),
        (wishes.Retry(service="reviews", attempts=1, retry_on=[]), "empty retry_on"),
        (wishes.RateLimit(service="reviews", requests=1, per="10ms"), "50 ms"),
        (wishes.Allow(source="productpage", service="reviews", path_prefixes=["/a/{*}"]), "template"),
        (wishes.EgressControl(hosts=["10.0.0.1"]), "no host name"),
        (wishes.Ingress(host="not a host", service="reviews"), "no host name"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_istio_would_do_only_nearly_is_refused(intent: AnyIntent, because: str) -> None:
    """Values that Istio rounds, ignores or takes for something else are said to be so."""
    refused = translate(intent, bookinfo())
    assert isinstance(refused, Unsupported)
    assert because in refused.because


def test_two_conditions_on_one_header_are_one_or_no_route() -> None:
    """A request with `exact: anna` also has the prefix `an`, and never the prefix `bo`."""
    route = wishes.HeaderRoute(service="reviews", header=wishes.HeaderMatch(name="who", exact="anna"), version="v2")
    same = wishes.FaultAbort(service="reviews", status=500, header=wishes.HeaderMatch(name="Who", prefix="an"))
    other = wishes.FaultDelay(service="reviews", delay="1s", header=wishes.HeaderMatch(name="who", prefix="bo"))
    (routes, _) = bodies(translate(route, designed(bookinfo(), route, same, other)))
    told = [
        (each.get("match", [{}])[0].get("headers"), sorted(each.get("fault", {})), each["route"][0]["destination"])
        for each in routes["spec"]["http"]
    ]
    host = "reviews.shop.svc.cluster.local"
    assert told == [
        ({"who": {"exact": "anna"}}, ["abort"], {"host": host, "subset": "v2"}),
        ({"who": {"exact": "anna"}}, [], {"host": host, "subset": "v2"}),
        ({"who": {"prefix": "bo"}}, ["delay"], {"host": host}),
        ({"who": {"prefix": "an"}}, ["abort"], {"host": host}),
        (None, [], {"host": host}),
    ]


def test_callers_that_share_an_identity_are_refused_by_name() -> None:
    """Allowing one would allow the other, since certificates name the service account alone."""
    mesh = bookinfo()
    twin = Workload(namespace="shop", name="batch", labels={"app": "batch"}, service_account="bookinfo-productpage")
    mesh = msgspec.structs.replace(mesh, workloads=[*mesh.workloads, twin])
    refused = translate(wishes.Allow(source="productpage", service="reviews"), mesh)
    assert isinstance(refused, Unsupported)
    assert "shop/batch" in refused.because


def test_subsets_that_somebody_has_defined_are_used() -> None:
    """A DestinationRule with the versions of a split is left alone, and its names are those of the routes."""
    ref = ResourceRef(group="networking.istio.io", kind="DestinationRule", namespace="shop", name="reviews")
    subsets = [{"name": f"version-{n}", "labels": {"version": f"v{n}"}} for n in (1, 2, 3)]
    rule = Existing(ref=ref, owner="kubectl", spec={"host": "reviews", "subsets": subsets})
    mesh = msgspec.structs.replace(bookinfo(), existing=[rule])
    split = wishes.TrafficSplit(service="reviews", backends=[wishes.Backend(version="v3", weight=100)])
    (result,) = bodies(translate(split, mesh))
    assert result["kind"] == "VirtualService"
    assert result["spec"]["http"][0]["route"][0]["destination"]["subset"] == "version-3"


def test_logs_are_refused_where_the_mesh_writes_text() -> None:
    """An access log is a JSON line, and not whatever the mesh happens to write."""
    refused = translate(wishes.AccessLog(), msgspec.structs.replace(bookinfo(), json_log=""))
    assert isinstance(refused, Unsupported)
    assert "accessLogEncoding" in refused.instead


def test_ports_that_carry_no_http_are_refused() -> None:
    """Retries of a database's protocol mean nothing."""
    port = ServicePort(number=3306, name="mysql", target=3306, http=False)
    service = Service(namespace="shop", name="db", ports=[port], selector={"app": "db"})
    mesh = msgspec.structs.replace(bookinfo(), services=[service])
    refused = translate(wishes.Retry(service="db", attempts=1), mesh)
    assert isinstance(refused, Unsupported)
    assert "mysql" in refused.because


def test_without_a_gateway_the_gateway_api_makes_one() -> None:
    """Where no proxies stand at the edge, a Gateway of the Gateway API brings its own."""
    mesh = msgspec.structs.replace(bookinfo(), gateways=[], gateway_api=True)
    answer = translate(wishes.Ingress(host="shop.example.com", service="productpage"), mesh)
    for body in bodies(answer):
        schemas.check(body)
    assert [each["kind"] for each in bodies(answer)] == ["Gateway", "HTTPRoute"]
    refused = translate(
        wishes.Ingress(host="shop.example.com", service="productpage"),
        msgspec.structs.replace(mesh, gateway_api=False),
    )
    assert isinstance(refused, Unsupported)


def test_several_gateways_are_not_guessed_between() -> None:
    """The refusal names them."""
    gateways = [IngressGateway(namespace="edge", name=name, labels={"istio": name}) for name in ("east", "west")]
    mesh = msgspec.structs.replace(bookinfo(), gateways=gateways)
    refused = translate(wishes.Ingress(host="shop.example.com", service="productpage"), mesh)
    assert isinstance(refused, Unsupported)
    assert "edge/east, edge/west" in refused.because
