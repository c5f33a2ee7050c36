"""Intents about where requests go and what happens to them, on real Envoys with real requests."""

import asyncio
import time
from typing import Any

import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.schemas.intents import (
    Backend,
    CircuitBreaker,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    LoadBalancing,
    Mirror,
    OutlierDetection,
    RateLimit,
    Retry,
    Timeout,
    TrafficSplit,
)
from meshwright.schemas.operations import RemoveDesign, enrolling
from meshwright.schemas.workloads import WorkloadSpec
from rig.stack.envoy_mesh import App

pytestmark = pytest.mark.servers


def split(first: int) -> TrafficSplit:
    """So many percent of `reviews` to v1, the rest to v2."""
    return TrafficSplit(
        service="reviews", backends=[Backend(version="v1", weight=first), Backend(version="v2", weight=100 - first)]
    )


async def test_without_intents_versions_share_equally(envoy_mesh: Any) -> None:
    """All versions of a service get an equal share, with or without a port in the Host header."""
    shares = await envoy_mesh.shares("reviews") + await envoy_mesh.shares("reviews:80")
    assert shares.total() == 400
    assert 150 < shares["reviews-v1"] < 250


async def test_a_split_divides_requests_by_weight(envoy_mesh: Any) -> None:
    """90/10 is what callers see as soon as the operation has succeeded, and removal restores equal shares."""
    await envoy_mesh.apply(split(90))
    assert 155 < (await envoy_mesh.shares("reviews"))["reviews-v1"] < 200
    await envoy_mesh.apply(split(100))
    assert await envoy_mesh.shares("reviews", 50) == {"reviews-v1": 50}
    await envoy_mesh.do(RemoveDesign(design="policy"))
    assert 60 < (await envoy_mesh.shares("reviews"))["reviews-v1"] < 140


async def test_a_header_sends_requests_to_a_version(envoy_mesh: Any) -> None:
    """Requests with the header reach its version, all others follow the split."""
    match = HeaderMatch(name="x-user", prefix="tester")
    await envoy_mesh.apply(split(100), HeaderRoute(service="reviews", header=match, version="v2"))
    assert await envoy_mesh.shares("reviews", 20, headers={"x-user": "tester-7"}) == {"reviews-v2": 20}
    assert await envoy_mesh.shares("reviews", 20, headers={"x-user": "somebody"}) == {"reviews-v1": 20}


async def test_a_mirror_copies_requests(envoy_mesh: Any) -> None:
    """The mirrored version gets a copy of each request while callers hear only the other one."""
    await envoy_mesh.apply(split(100), Mirror(service="reviews", version="v2"))
    assert await envoy_mesh.shares("reviews", 20) == {"reviews-v1": 20}
    await eventually(lambda: len(envoy_mesh.apps["reviews-v2"].requests) == 20)


async def test_a_delay_is_injected(envoy_mesh: Any) -> None:
    """Only requests with the header are late, by the time asked for."""
    match = HeaderMatch(name="x-late", exact="yes")
    await envoy_mesh.apply(FaultDelay(service="reviews", delay="400ms", header=match))
    start = time.monotonic()
    await envoy_mesh.get("reviews", headers={"x-late": "yes"})
    late = time.monotonic() - start
    await envoy_mesh.get("reviews")
    assert late >= 0.4 > time.monotonic() - start - late


async def test_an_abort_is_injected(envoy_mesh: Any) -> None:
    """The share asked for is answered with the status asked for, without reaching the service."""
    await envoy_mesh.apply(FaultAbort(service="reviews", status=418, percent=50))
    statuses = [(await envoy_mesh.get("reviews")).status_code for _ in range(100)]
    assert 25 < statuses.count(418) < 75
    assert statuses.count(418) + statuses.count(200) == 100


async def test_delay_and_abort_hold_together(envoy_mesh: Any) -> None:
    """Two faults on one service, each for its own header, do not disturb each other."""
    await envoy_mesh.apply(
        FaultDelay(service="ratings", delay="300ms", header=HeaderMatch(name="x-late", exact="1")),
        FaultAbort(service="ratings", status=503, header=HeaderMatch(name="x-broken", exact="1")),
    )
    start = time.monotonic()
    assert (await envoy_mesh.get("ratings", headers={"x-late": "1"})).status_code == 200
    assert time.monotonic() - start >= 0.3
    assert (await envoy_mesh.get("ratings", headers={"x-broken": "1"})).status_code == 503


async def test_a_timeout_ends_slow_requests(envoy_mesh: Any) -> None:
    """A request that takes longer is answered with 504; others are untouched."""
    await envoy_mesh.apply(Timeout(service="reviews", timeout="300ms"))
    assert (await envoy_mesh.get("reviews", "/slow")).status_code == 504
    assert (await envoy_mesh.get("reviews")).status_code == 200


async def test_failed_requests_are_tried_again(envoy_mesh: Any) -> None:
    """A service that answers every third time looks healthy with two retries, and not without."""
    assert (await envoy_mesh.get("ratings", "/flaky")).status_code == 503
    assert (await envoy_mesh.get("ratings", "/flaky")).status_code == 503
    await envoy_mesh.get("ratings", "/flaky")
    await envoy_mesh.apply(Retry(service="ratings", attempts=2))
    assert [(await envoy_mesh.get("ratings", "/flaky")).status_code for _ in range(3)] == [200, 200, 200]


async def test_a_rate_limit_refuses_the_rest(envoy_mesh: Any) -> None:
    """Each instance lets so many requests through and answers the rest with 429."""
    await envoy_mesh.apply(RateLimit(service="ratings", requests=5, per="1h"))
    statuses = [(await envoy_mesh.get("ratings")).status_code for _ in range(8)]
    assert statuses == [200] * 5 + [429] * 3


async def test_a_circuit_breaker_bounds_requests_in_flight(envoy_mesh: Any) -> None:
    """With one connection and one pending request allowed, at most two of a burst get through."""
    await envoy_mesh.apply(CircuitBreaker(service="ratings", max_connections=1, max_pending_requests=1))
    answers = await asyncio.gather(*(envoy_mesh.get("ratings", "/slow") for _ in range(6)))
    statuses = [answer.status_code for answer in answers]
    assert 1 <= statuses.count(200) <= 2
    assert statuses.count(200) + statuses.count(503) == 6


async def test_outliers_are_ejected(envoy_mesh: Any) -> None:
    """An instance that keeps failing is taken out of rotation, so that the caller fails fast."""
    detection = OutlierDetection(consecutive_errors=2, interval="100ms", max_ejection_percent=100)
    await envoy_mesh.apply(CircuitBreaker(service="ratings", outlier_detection=detection))
    for _ in range(2):
        assert (await envoy_mesh.get("ratings", "/fail")).status_code == 503
    answer = await eventually(lambda: _no_healthy(envoy_mesh))
    assert "no healthy upstream" in answer
    reached = len(envoy_mesh.apps["ratings-v1"].requests)
    await envoy_mesh.get("ratings")
    assert len(envoy_mesh.apps["ratings-v1"].requests) == reached


async def _no_healthy(envoy_mesh: Any) -> str:
    text = (await envoy_mesh.get("ratings")).text
    return text if "no healthy" in text else ""


async def test_load_balancing_follows_a_header(envoy_mesh: Any) -> None:
    """With ring-hash all requests of a user reach one instance, and not all users the same one."""
    async with App("reviews-v1-twin").serving() as twin:
        await envoy_mesh.do(enrolling([WorkloadSpec(name=twin.name, service="reviews", version="v1", port=twin.port)]))
        await envoy_mesh.apply(LoadBalancing(service="reviews", policy="ring-hash", hash_header="x-user"), split(100))
        shares = [await envoy_mesh.shares("reviews", 5, headers={"x-user": f"user-{number}"}) for number in range(24)]
    assert [share for share in shares if len(share) != 1] == []
    assert {name for share in shares for name in share} == {"reviews-v1", "reviews-v1-twin"}


async def test_an_unknown_host_is_answered_plainly(envoy_mesh: Any) -> None:
    """A Host that is no service gets 404 with words that say so."""
    answer = await envoy_mesh.get("nobody")
    assert (answer.status_code, "names no service" in answer.text) == (404, True)
