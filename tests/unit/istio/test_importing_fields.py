"""No field of Istio's resources is lost: whatever is in them is an intent, or is named with its reason."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshwright.adapters.istio.importing import importers
from meshwright.schemas.intents import intent_kind
from rig.importing import Json, custom, forgotten, importing, shop, unseen

RUN = importing(importers)
HOST = "reviews.shop.svc.cluster.local"
SUBSETS = [{"name": each, "labels": {"version": each}} for each in ("v1", "v2", "v3")]


def virtual_service(*http: Json, **more: Any) -> Json:
    """Routes to `reviews`."""
    return custom("networking.istio.io/v1", "VirtualService", hosts=["reviews"], http=[*http], **more)


def destination_rule(**more: Any) -> Json:
    """The versions of `reviews`."""
    return custom("networking.istio.io/v1", "DestinationRule", host="reviews", subsets=SUBSETS, **more)


def to(subset: str = "", weight: int | None = None, **more: Any) -> Json:
    """A destination in `reviews`."""
    share = {} if weight is None else {"weight": weight}
    version = {"subset": subset} if subset else {}
    return {"destination": {"host": HOST, "port": {"number": 9080}, **version}, **share, **more}


def policy(kind: str, **fields: Any) -> Json:
    """A policy for the workloads of `reviews`."""
    selector = {"matchLabels": {"app": "reviews"}}
    return custom("security.istio.io/v1", kind, selector=selector, **fields)


MIRRORS = [{"destination": {"host": "reviews", "subset": "v3"}, "percentage": {"value": 12.5}}]
RETRIES = {"attempts": 3, "perTryTimeout": "0.25s", "retryOn": "5xx,reset", "retryRemoteLocalities": True}
ROUTES = virtual_service(
    {
        "name": "testers",
        "match": [
            {"name": "a", "headers": {"x-user": {"exact": "tester"}}, "uri": {"prefix": "/"}, "gateways": ["mesh"]},
            {"headers": {"x-user": {"regex": "*"}}, "sourceLabels": {"app": "web"}},
        ],
        "route": [to("v2", 7)],
        "fault": {
            "delay": {"fixedDelay": "2s", "percentage": {"value": 50}},
            "abort": {"httpStatus": 503, "percentage": {"value": 0.5}, "grpcStatus": "UNAVAILABLE"},
        },
        "mirrors": MIRRORS,
        "retries": RETRIES,
        "timeout": "3s",
    },
    {"match": [{"uri": {"exact": "/old"}}], "redirect": {"uri": "/new"}},
    {
        "route": [to("v1", 90, headers={"request": {"set": {"a": "b"}}}), to("v3", 10)],
        "mirrors": MIRRORS,
        "retries": RETRIES,
        "timeout": "3s",
        "rewrite": {"uri": "/"},
        "corsPolicy": {"allowOrigins": [{"exact": "*"}]},
    },
    {"route": [to("v1")]},
    exportTo=["*"],
    gateways=["mesh", "edge"],
    tcp=[{"route": [{"destination": {"host": "reviews"}}]}],
)
RULE = destination_rule(
    trafficPolicy={
        "loadBalancer": {"simple": "RANDOM", "localityLbSetting": {"enabled": True}},
        "connectionPool": {
            "tcp": {"maxConnections": 7, "connectTimeout": "1s"},
            "http": {"http1MaxPendingRequests": 2, "http2MaxRequests": 3, "maxRetries": 4, "idleTimeout": "5s"},
        },
        "outlierDetection": {"consecutive5xxErrors": 3, "interval": "1m", "minHealthPercent": 10},
        "tls": {"mode": "ISTIO_MUTUAL"},
        "portLevelSettings": [{"port": {"number": 80}}],
    },
    exportTo=["."],
)
CALLERS = [{"source": {"principals": [f"cluster.local/ns/shop/sa/bookinfo-{each}" for each in ("web", "ratings")]}}]
ALLOW = policy(
    "AuthorizationPolicy",
    action="ALLOW",
    rules=[
        {"from": CALLERS, "to": [{"operation": {"methods": ["GET"], "paths": ["/reviews*"]}}]},
        {"from": CALLERS, "when": [{"key": "request.headers[x]", "values": ["y"]}]},
        {"from": [{"source": {"namespaces": ["shop"]}}]},
    ],
)
TARGETED = custom(
    "security.istio.io/v1",
    "AuthorizationPolicy",
    targetRefs=[{"group": "", "kind": "Service", "name": "reviews"}],
    rules=[{"from": CALLERS}],
)
MUTUAL = policy("PeerAuthentication", mtls={"mode": "STRICT"}, portLevelMtls={"9080": {"mode": "DISABLE"}})


@pytest.mark.parametrize(
    ("around", "body", "kinds"),
    [
        (
            [RULE],
            ROUTES,
            {"circuit-breaker", "fault-delay", "header-route", "load-balancing", "mirror", "timeout", "traffic-split"},
        ),
        ([ROUTES], RULE, {"circuit-breaker", "load-balancing", "traffic-split"}),
        ([], ALLOW, {"allow"}),
        ([], TARGETED, {"allow"}),
        ([], policy("AuthorizationPolicy"), {"deny-all"}),
        ([], MUTUAL, {"mutual-tls"}),
    ],
)
def test_every_field_matters_or_is_named(around: list[Json], body: Json, kinds: set[str]) -> None:
    """Whichever field is changed, or stands there unknown, the intents or the list tell."""
    result = RUN([*shop(), *around, body])
    assert kinds <= {intent_kind(each) for each in result.design.intents}, result.unexpressed
    assert forgotten(RUN, [*shop(), *around], body) == []
    assert unseen(RUN, [*shop(), *around], body) == []


matches = st.fixed_dictionaries(
    {},
    optional={
        "headers": st.dictionaries(
            st.sampled_from(["x-user", "x-test"]),
            st.sampled_from([{"exact": "a"}, {"prefix": "a"}, {"regex": "a|b"}, {"regex": "*"}, {}, {"exact": ""}]),
            max_size=2,
        ),
        "uri": st.sampled_from([{"prefix": "/"}, {"prefix": "/a"}, {"exact": "/"}]),
        "withoutHeaders": st.just({"x": {}}),
        "gateways": st.lists(st.sampled_from(["mesh", "edge"]), max_size=2),
        "ignoreUriCase": st.booleans(),
    },
)
durations = st.sampled_from(["1s", "0s", "1m30s", "1.5s", "0.1ms", "soon", ""])
shares = st.sampled_from([{"value": 100}, {"value": 0}, {"value": 33.3333}, {"value": 101}, {}])
destinations = st.builds(
    to, st.sampled_from(["", "v1", "v2", "v3", "v9"]), st.sampled_from([None, 0, 1, 25, 50, 75, 100])
)
routes = st.fixed_dictionaries(
    {"route": st.lists(destinations, max_size=3, unique_by=lambda each: str(each["destination"].get("subset")))},
    optional={
        "match": st.lists(matches, max_size=2),
        "timeout": durations,
        "retries": st.fixed_dictionaries(
            {"attempts": st.integers(0, 12)},
            optional={"perTryTimeout": durations, "retryOn": st.sampled_from(["5xx", "5xx, reset", "cancelled", ""])},
        ),
        "fault": st.fixed_dictionaries(
            {},
            optional={
                "delay": st.fixed_dictionaries({"fixedDelay": durations}, optional={"percentage": shares}),
                "abort": st.fixed_dictionaries(
                    {"httpStatus": st.sampled_from([200, 418, 503, 700])}, optional={"percentage": shares}
                ),
            },
        ),
        "mirror": st.just({"host": "reviews", "subset": "v2"}),
        "mirrorPercentage": shares,
        "mirrorPercent": st.just(50),
        "rewrite": st.just({"uri": "/x"}),
        "redirect": st.just({"uri": "/y"}),
        "headers": st.just({"request": {"remove": ["a"]}}),
    },
)


@settings(max_examples=100, deadline=None)
@given(http=st.lists(routes, min_size=1, max_size=3), unknown=st.booleans())
@example(
    http=[{"route": [to("")], "mirror": {"host": "reviews", "subset": "v2"}, "mirrorPercentage": {"value": 101}}],
    unknown=False,
)
@example(http=[{"route": [to("")], "mirrors": [MIRRORS[0] | {"percentage": {"value": -1}}]}], unknown=False)
@example(
    http=[{"route": [to("")], "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 101}}}}], unknown=False
)
def test_no_field_of_routes_is_dropped_in_any_combination(http: list[Json], unknown: bool) -> None:
    """Routes with whatever Istio has, sensible or not, in any order."""
    around, body = [*shop(), destination_rule()], virtual_service(*http)
    assert (unseen if unknown else forgotten)(RUN, around, body) == []


policies = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["ALLOW", "DENY", "CUSTOM", ""]),
        "selector": st.sampled_from([{"matchLabels": {"app": "reviews"}}, {"matchLabels": {}}, {}]),
        "targetRefs": st.just([{"kind": "Service", "name": "reviews"}]),
        "targetRef": st.just({"kind": "Gateway", "name": "edge"}),
        "mtls": st.sampled_from([{"mode": "STRICT"}, {"mode": "UNSET"}, {}]),
        "rules": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "from": st.sampled_from([CALLERS, [{"source": {"notNamespaces": ["a"], **CALLERS[0]["source"]}}]]),
                    "to": st.lists(
                        st.fixed_dictionaries(
                            {},
                            optional={
                                "operation": st.fixed_dictionaries(
                                    {},
                                    optional={
                                        "methods": st.sampled_from([["GET"], ["*"], [], "GET"]),
                                        "paths": st.sampled_from([["/a*"], ["/a"], ["/{*}/b*"], ["*"]]),
                                        "ports": st.just(["80"]),
                                    },
                                )
                            },
                        ),
                        max_size=2,
                    ),
                    "when": st.just([{"key": "source.ip"}]),
                },
            ),
            max_size=2,
        ),
    },
)


@settings(max_examples=100, deadline=None)
@given(
    fields=policies,
    kind=st.sampled_from(["AuthorizationPolicy", "PeerAuthentication"]),
    place=st.sampled_from(["shop", "istio-system"]),
    unknown=st.booleans(),
)
def test_no_field_of_policies_is_dropped_in_any_combination(fields: Json, kind: str, place: str, unknown: bool) -> None:
    """Policies of services, of namespaces and of the mesh: nothing is allowed because a condition was overlooked."""
    body = custom("security.istio.io/v1", kind, **fields)
    body["metadata"]["namespace"] = place
    assert (unseen if unknown else forgotten)(RUN, shop(), body) == []
