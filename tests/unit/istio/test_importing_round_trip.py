"""Every intent, with any values: what it becomes for Istio is read back as that intent, and nothing is left."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import meshwright.adapters.istio  # noqa: F401 - registers the translators
from meshwright.adapters.istio.adapter import adapter
from meshwright.schemas import intents as wishes
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import INTENT_TYPES, AnyIntent, Unsupported, intent_problems
from rig.istio.meshes import bookinfo, designed
from rig.istio.round_trip import cluster, imported, resources, whole

SERVICES = ("shop/productpage", "shop/reviews", "shop/ratings")
PROVIDER = "an intent logs as JSON where the mesh does that, whatever the provider is called"
ROUTED = {"traffic-split", "header-route", "mirror", "retry", "timeout", "fault-delay", "fault-abort", "ingress"}
"""intents that become routes of one list, which are read back together or not at all"""
services = st.sampled_from(SERVICES)
versions = st.sampled_from(["v1", "v2", "v3"])
durations = st.builds("{}{}".format, st.integers(1, 5000), st.sampled_from(["ms", "s", "m"])) | st.sampled_from(
    ["0.25s", "1.5s", "0.001s", "1h"]
)
percents = st.integers(0, 1_000_000).map(lambda parts: parts / 10_000)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
headers = st.builds(
    lambda name, way, value: wishes.HeaderMatch(name=name, **{way: value}),
    st.from_regex(r"\A[a-z][a-z0-9-]{0,12}\Z"),
    st.sampled_from(["exact", "prefix", "regex"]),
    values,
)
paths = st.builds("/{}".format, st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12))
hosts = st.from_regex(r"\A(\*\.)?[a-z][a-z0-9]{0,5}\.(example|test)\.com\Z")


def _split(service: str, named: list[str], cuts: list[int]) -> wishes.TrafficSplit:
    edges = [0, *sorted(cuts)[: len(named) - 1], 100]
    shares = [high - low for low, high in itertools.pairwise(edges)]
    backends = [wishes.Backend(version=name, weight=share) for name, share in zip(named, shares, strict=True)]
    return wishes.TrafficSplit(service=service, backends=backends)


limits = st.none() | st.integers(1, 2**31 - 1)
outliers = st.builds(
    wishes.OutlierDetection,
    consecutive_errors=st.integers(1, 2**31),
    interval=durations,
    ejection_time=durations,
    max_ejection_percent=st.integers(0, 100),
)
STRATEGIES: dict[type[wishes.Intent], st.SearchStrategy[Any]] = {
    wishes.MutualTls: st.builds(
        wishes.MutualTls, mode=st.sampled_from(["strict", "permissive"]), service=st.none() | services
    ),
    wishes.TrafficSplit: st.builds(
        _split,
        services,
        st.lists(versions, min_size=1, max_size=3, unique=True),
        st.lists(st.integers(0, 100), min_size=2, max_size=2),
    ),
    wishes.HeaderRoute: st.builds(wishes.HeaderRoute, service=services, header=headers, version=versions),
    wishes.Mirror: st.builds(wishes.Mirror, service=services, version=versions, percent=percents),
    wishes.Retry: st.builds(
        wishes.Retry,
        service=services,
        attempts=st.integers(1, 10),
        per_try_timeout=st.none() | durations,
        retry_on=st.lists(
            st.sampled_from(["5xx", "gateway-error", "connect-failure", "reset", "retriable-4xx"]),
            min_size=1,
            unique=True,
        ),
    ),
    wishes.Timeout: st.builds(wishes.Timeout, service=services, timeout=durations),
    wishes.FaultDelay: st.builds(
        wishes.FaultDelay, service=services, delay=durations, percent=percents, header=st.none() | headers
    ),
    wishes.FaultAbort: st.builds(
        wishes.FaultAbort,
        service=services,
        status=st.integers(200, 599),
        percent=percents,
        header=st.none() | headers,
    ),
    wishes.RateLimit: st.builds(wishes.RateLimit, service=services, requests=st.integers(1, 2**32 - 1), per=durations),
    wishes.CircuitBreaker: st.builds(
        wishes.CircuitBreaker,
        service=services,
        max_connections=limits,
        max_pending_requests=limits,
        max_requests=limits,
        max_retries=limits,
        outlier_detection=st.none() | outliers,
    ),
    wishes.Allow: st.builds(
        wishes.Allow,
        source=services,
        service=services,
        methods=st.lists(st.sampled_from(["GET", "POST", "DELETE"]), unique=True),
        path_prefixes=st.lists(paths, max_size=2, unique=True),
    ),
    wishes.DenyAll: st.builds(wishes.DenyAll, service=st.none() | services),
    wishes.EgressControl: st.builds(wishes.EgressControl, hosts=st.lists(hosts, max_size=3, unique=True)),
    wishes.AccessLog: st.builds(wishes.AccessLog, service=st.none() | services),
    wishes.LoadBalancing: st.sampled_from(["round-robin", "least-request", "random"]).flatmap(
        lambda policy: st.builds(wishes.LoadBalancing, service=services, policy=st.just(policy))
    )
    | st.builds(
        wishes.LoadBalancing,
        service=services,
        policy=st.just("ring-hash"),
        hash_header=st.from_regex(r"\A[A-Za-z0-9-]{1,12}\Z"),
    ),
    wishes.Ingress: st.builds(wishes.Ingress, host=st.just("*") | hosts, service=services, path_prefix=paths),
}


def meaning(intent: AnyIntent) -> Any:
    """An intent as plain data, with its durations in seconds and lists without an order in order."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: _second(key, plain(each)) for key, each in value.items()}
        return value

    data = plain(msgspec.to_builtins(intent))
    if isinstance(intent, wishes.EgressControl):
        data["hosts"] = sorted(data["hosts"])
    return data


def _second(key: str, value: Any) -> Any:
    lasting = key in ("timeout", "per_try_timeout", "delay", "per", "interval", "ejection_time") and value
    return round(seconds(value), 6) if lasting else value


def test_every_intent_has_a_strategy() -> None:
    """A new intent is not forgotten here."""
    assert set(STRATEGIES) == set(INTENT_TYPES)


@pytest.mark.parametrize("kind", INTENT_TYPES, ids=lambda each: each.__struct_config__.tag)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_any_intent_is_read_back_as_it_was(kind: type[wishes.Intent], data: Any) -> None:
    """To the last digit; what Istio cannot say is refused by the translator and not tried here."""
    intent = data.draw(STRATEGIES[kind])
    assume(not intent_problems(intent, "#"))
    answer = adapter.translators.translate(intent, designed(bookinfo(), intent))
    assume(not isinstance(answer, Unsupported))
    result = imported([*cluster(), *resources(intent)])
    assert [meaning(each) for each in whole(result)] == [meaning(intent)]
    assert {each.because for each in result.unexpressed} <= {PROVIDER}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.lists(st.one_of(*STRATEGIES.values()), min_size=2, max_size=5, unique_by=type))
def test_a_design_of_any_intents_is_read_back_or_says_what_is_left(design: list[Any]) -> None:
    """All come back, or the routes of a host that intents cannot say together are named; none is invented."""
    facts = designed(bookinfo(), *design)
    assume(not any(intent_problems(each, "#") for each in design))
    assume(not any(isinstance(adapter.translators.translate(each, facts), Unsupported) for each in design))
    result = imported([*cluster(), *resources(*design)])
    before, after = [meaning(each) for each in design], [meaning(each) for each in whole(result)]
    assert all(each in before for each in after)
    missing = [each for each in before if each not in after]
    assert not missing or {each.because for each in result.unexpressed} - {PROVIDER}
    assert {each["intent"] for each in missing} <= ROUTED
