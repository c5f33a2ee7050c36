"""HTTPRoute and GRPCRoute with services as parents read as intents, and what of them is left."""

from typing import Any

import pytest

from meshwright.core.kit.importing import Importers
from meshwright.schemas.intents import (
    AnyIntent,
    Backend,
    HeaderMatch,
    HeaderRoute,
    Mirror,
    Retry,
    Timeout,
    TrafficSplit,
)
from rig.importing import Json, custom, forgotten, importing, is_listed, leaves, pointers, shop, unseen

RUN = importing(Importers())
PARENT = {"group": "", "kind": "Service", "name": "reviews", "port": 9080}


def to(version: str, weight: int | None = None, **more: Any) -> Json:
    """A reference to the service of a version."""
    share = {} if weight is None else {"weight": weight}
    return {"name": f"reviews-{version}" if version else "reviews", "port": 9080, **share, **more}


def route(*rules: Json, kind: str = "HTTPRoute", parent: Json = PARENT, **more: Any) -> Json:
    """A route of `reviews`."""
    return custom("gateway.networking.k8s.io/v1", kind, parentRefs=[parent], rules=list(rules), **more)


def header(name: str, value: str, **more: str) -> Json:
    """A condition on one header."""
    return {"headers": [{"name": name, "value": value, **more}]}


def split(**weights: int) -> TrafficSplit:
    """Shares of the versions of `reviews`."""
    return TrafficSplit(
        service="reviews", backends=[Backend(version=version, weight=weight) for version, weight in weights.items()]
    )


def read(body: Json) -> tuple[list[AnyIntent], list[str]]:
    """The intents, and the fields that are left."""
    result = RUN([*shop(), body])
    return result.design.intents, pointers(result, body)


TESTER = HeaderRoute(service="reviews", header=HeaderMatch(name="x-user", exact="tester"), version="v2")


@pytest.mark.parametrize(
    ("body", "intents"),
    [
        (route({"backendRefs": [to("v1", 9), to("v3", 1)]}), [split(v1=90, v3=10)]),
        (route({"backendRefs": [to("v1"), to("v2")]}), [split(v1=50, v2=50)]),
        (route({"backendRefs": [to("v3")]}, kind="GRPCRoute"), [split(v3=100)]),
        (
            route({"backendRefs": [to("v1")]}, {"matches": [header("x-user", "tester")], "backendRefs": [to("v2")]}),
            [split(v1=100), TESTER],
        ),
        (
            route(
                {"matches": [header("x-user", "t.*", type="RegularExpression")], "backendRefs": [to("v2")]},
                {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [to("")]},
            ),
            [HeaderRoute(service="reviews", header=HeaderMatch(name="x-user", regex="t.*"), version="v2")],
        ),
        (
            route({"backendRefs": [to("")], "timeouts": {"request": "1m30s"}}),
            [Timeout(service="reviews", timeout="90s")],
        ),
        (
            route(
                {
                    "backendRefs": [to("")],
                    "timeouts": {"backendRequest": "250ms"},
                    "retry": {"attempts": 3, "codes": [502, 503, 504]},
                }
            ),
            [
                Retry(
                    service="reviews",
                    attempts=3,
                    per_try_timeout="250ms",
                    retry_on=["gateway-error", "connect-failure", "reset"],
                )
            ],
        ),
        (
            route(
                {
                    "backendRefs": [to("")],
                    "filters": [
                        {
                            "type": "RequestMirror",
                            "requestMirror": {"backendRef": to("v3"), "fraction": {"numerator": 1, "denominator": 8}},
                        }
                    ],
                }
            ),
            [Mirror(service="reviews", version="v3", percent=12.5)],
        ),
    ],
)
def test_a_route_of_a_service_is_read_whole(body: Json, intents: list[AnyIntent]) -> None:
    """Nothing of it is left; the rule with more conditions counts first, wherever it stands."""
    assert read(body) == (intents, [])


@pytest.mark.parametrize(
    ("body", "because"),
    [
        (route({"backendRefs": [to("v1", 1), to("v2", 2)]}), "the weights are no whole percents"),
        (route({"backendRefs": [{"name": "ratings"}]}), "shop/ratings is not one version of shop/reviews"),
        (
            route({"matches": [{"path": {"type": "Exact", "value": "/a"}}], "backendRefs": [to("v1")]}),
            "no intent matches by path",
        ),
        (
            route({"matches": [header("x-user", "tester")], "backendRefs": [to("v1")]}),
            "not every request has a route, and intents refuse none",
        ),
        (route({"backendRefs": [to("v1")]}, parent={"name": "edge"}), "only routes of services are read"),
        (
            route({"backendRefs": [to("v1")]}, parent={**PARENT, "namespace": "other"}),
            "a route in another namespace than the service is for callers there",
        ),
        (
            route({"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}),
            "it has no destination",
        ),
    ],
)
def test_a_route_that_means_something_else_is_left_whole(body: Json, because: str) -> None:
    """It is never bent into an intent that nearly fits, and each of its fields is named."""
    result = RUN([*shop(), body])
    assert result.design.intents == []
    assert any(each.because.startswith(because) for each in result.unexpressed), result.unexpressed
    left = pointers(result, body)
    assert all(is_listed(pointer, left) for pointer, _ in leaves(body))


@pytest.mark.parametrize("share", [{"percent": 120}, {"percent": -1}, {"fraction": {"numerator": 3, "denominator": 2}}])
def test_a_mirror_of_more_than_everything_is_left(share: Json) -> None:
    """No intent copies such a share, so the filter is named and nothing is made of it."""
    copied = {"backendRef": to("v3"), **share}
    body = route({"backendRefs": [to("")], "filters": [{"type": "RequestMirror", "requestMirror": copied}]})
    intents, left = read(body)
    assert not [each for each in intents if isinstance(each, Mirror)]
    assert all(is_listed(f"#/spec/rules/0/filters/0/requestMirror/{key}", left) for key in share)


def test_what_stands_beside_a_route_is_named_alone() -> None:
    """The split is an intent, and only what it does not say is left."""
    body = route(
        {
            "name": "all",
            "backendRefs": [to("v1", 1, filters=[{"type": "URLRewrite"}])],
            "sessionPersistence": {"type": "Cookie"},
            "timeouts": {"request": "0s"},
        },
        hostnames=["reviews"],
    )
    intents, left = read(body)
    assert intents == [split(v1=100)]
    assert left == [
        "#/spec/rules/0/name",
        "#/spec/rules/0/backendRefs/0/filters",
        "#/spec/rules/0/sessionPersistence",
        "#/spec/rules/0/timeouts",
        "#/spec/hostnames",
    ]


def test_of_two_routes_of_a_service_the_older_one_is_read() -> None:
    """The other one is named with the one that is in its way."""
    young, old = route({"backendRefs": [to("v1")]}), route({"backendRefs": [to("v2")]})
    young["metadata"] = {"name": "a", "namespace": "shop", "creationTimestamp": "2026-02-01T00:00:00Z"}
    old["metadata"] = {"name": "b", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"}
    result = RUN([*shop(), young, old])
    assert result.design.intents == [split(v2=100)]
    assert pointers(result, old) == []
    assert pointers(result, young) == ["#/spec/parentRefs", "#/spec/rules"]
    assert "HTTPRoute shop/b routes this service already" in {each.because for each in result.unexpressed}


EVERYTHING = route(
    {
        "name": "testers",
        "matches": [
            {**header("x-user", "tester", type="Exact"), "path": {"type": "PathPrefix", "value": "/"}},
            {"method": "GET", **header("x-b", "c")},
        ],
        "backendRefs": [to("v2", 4, group="", kind="Service", namespace="shop")],
        "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": to("v3"), "percent": 10}}],
        "timeouts": {"request": "2s", "backendRequest": "500ms"},
        "retry": {"attempts": 2, "codes": [502, 503, 504, 409], "backoff": "1s"},
    },
    {
        "backendRefs": [to("v1", 3), to("v3", 1)],
        "filters": [
            {"type": "RequestMirror", "requestMirror": {"backendRef": to("v3"), "percent": 10}},
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}},
        ],
        "timeouts": {"request": "2s", "backendRequest": "500ms"},
        "retry": {"attempts": 2, "codes": [502, 503, 504, 409]},
    },
)


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
def test_every_field_matters_or_is_named(kind: str) -> None:
    """A changed or unknown field changes the intents or is in the list."""
    body = {**EVERYTHING, "kind": kind}
    assert len(read(body)[0]) == 5
    assert forgotten(RUN, shop(), body) == []
    assert unseen(RUN, shop(), body) == []
