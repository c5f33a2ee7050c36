"""Where requests go as soon as an operation has succeeded, on real Envoys with real requests.

What each intent does is in `test_effects`.
"""

from typing import Any

import pytest

from meshwright.schemas.intents import Backend, HeaderMatch, HeaderRoute, TrafficSplit
from meshwright.schemas.operations import RemoveDesign

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


async def test_an_unknown_host_is_answered_plainly(envoy_mesh: Any) -> None:
    """A Host that is no service gets 404 with words that say so."""
    answer = await envoy_mesh.get("nobody")
    assert (answer.status_code, "names no service" in answer.text) == (404, True)
