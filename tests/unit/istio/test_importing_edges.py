"""Gateways, closed meshes, access logs and rate limits read as intents, and what of them is left."""

import copy
from typing import Any

import pytest

from meshwright.adapters.istio.importing import importers
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent
from rig.importing import Json, custom, forgotten, importing, unseen
from rig.istio.round_trip import cluster, imported, resources, whole

RUN = importing(importers)
SPLIT = wishes.TrafficSplit(
    service="shop/reviews", backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v3", weight=10)]
)
EXPOSED = [
    wishes.Ingress(host="shop.example.com", service="shop/productpage"),
    wishes.Ingress(host="shop.example.com", service="shop/reviews", path_prefix="/reviews"),
]


@pytest.mark.parametrize(
    "design",
    [
        [SPLIT, *EXPOSED],
        [wishes.EgressControl(hosts=["api.example.com", "*.example.org"])],
        [wishes.AccessLog(service="shop/reviews")],
        [wishes.RateLimit(service="shop/reviews", requests=7, per="1m")],
    ],
)
def test_every_field_matters_or_is_named(design: list[AnyIntent]) -> None:
    """Whichever field of what they become is changed, or stands there unknown, the intents or the list tell."""
    bodies = resources(*design)
    for body in bodies:
        around = [*cluster(), *(each for each in bodies if each is not body)]
        assert forgotten(RUN, around, body) == []
        assert unseen(RUN, around, body) == []


def changed(bodies: list[Json], kind: str, *way: Any, to: Any) -> list[Json]:
    """The resources, of which one has another value at a place."""
    result = copy.deepcopy(bodies)
    at: Any = next(each for each in result if each["kind"] == kind)["spec"]
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = to
    return result


INGRESS, EGRESS = resources(*EXPOSED), resources(wishes.EgressControl(hosts=["api.example.com"]))
LOG, LIMIT = resources(wishes.AccessLog()), resources(wishes.RateLimit(service="shop/reviews", requests=7))
ROUTES = ("VirtualService", "http", 1)
PORTS = [{"number": 443, "name": "tls", "protocol": "TLS"}]


@pytest.mark.parametrize(
    ("bodies", "because"),
    [
        (INGRESS[1:], "the Gateway shop/ingress-shop-example-com-"),
        (changed(INGRESS, "Gateway", "servers", 0, "port", "number", to=8080), "its gateway does not open"),
        (changed(INGRESS, "Gateway", "servers", 0, "tls", to={"httpsRedirect": True}), "its gateway does not open"),
        (changed(INGRESS, *ROUTES, "timeout", to="1s"), "the gateway treats requests otherwise than the mesh does"),
        (changed(INGRESS, *ROUTES, "match", 0, "uri", to={"exact": "/"}), "the gateway treats requests otherwise"),
        (changed(INGRESS, "VirtualService", "http", 0, "match", 0, "uri", "prefix", to="/"), "an ingress intent leads"),
        (changed(INGRESS, *ROUTES, "route", 0, "destination", "host", to="api.example.com"), "it does not lead to"),
        (changed(INGRESS, "VirtualService", "gateways", to=["a", "b"]), "an ingress intent has one gateway"),
        (changed(EGRESS, "Sidecar", "outboundTrafficPolicy", "mode", to="ALLOW_ANY"), "an intent closes the mesh"),
        (changed(EGRESS, "Sidecar", "egress", to=[{"hosts": ["./*"]}]), "an intent closes the mesh to the outside"),
        (changed(EGRESS, "Sidecar", "workloadSelector", to={"labels": {"a": "b"}}), "an intent is for the whole mesh"),
        (changed(EGRESS, "ServiceEntry", "ports", to=PORTS), "an intent opens hosts outside of a closed mesh"),
        (changed(EGRESS, "ServiceEntry", "exportTo", to=["."]), "an intent opens hosts outside of a closed mesh"),
        (changed(LOG, "Telemetry", "accessLogging", 0, "match", to={"mode": "CLIENT"}), "an intent logs the requests"),
        (
            changed(LOG, "Telemetry", "accessLogging", 0, "filter", to={"expression": "a"}),
            "an intent logs all requests",
        ),
        (changed(LOG, "Telemetry", "accessLogging", to=[]), "an intent logs in one place"),
        (changed(LIMIT, "EnvoyFilter", "priority", to=5), "no intent says what an EnvoyFilter does"),
        (changed(LIMIT, "EnvoyFilter", "configPatches", 0, "applyTo", to="CLUSTER"), "no intent says what an EnvoyF"),
    ],
)
def test_what_is_a_little_different_is_no_intent(bodies: list[Json], because: str) -> None:
    """One changed field and it would do something else: the resource is left, with the reason."""
    result = imported([*cluster(), *bodies])
    kinds = {"ingress", "access-log", "rate-limit"}
    assert not kinds & {each.__struct_config__.tag for each in result.design.intents}
    assert any(each.because.startswith(because) for each in result.unexpressed), result.unexpressed


def test_a_gateway_that_follows_the_split_of_the_mesh_is_an_ingress() -> None:
    """And without the routes of the mesh it is none: the split would hold for requests from outside alone."""
    bodies = resources(SPLIT, *EXPOSED)
    both = imported([*cluster(), *bodies])
    assert sorted(map(repr, whole(both))) == sorted(map(repr, [SPLIT, *EXPOSED]))
    assert both.unexpressed == []
    alone = imported([*cluster(), *(each for each in bodies if each["metadata"]["name"] != "reviews")])
    assert alone.design.intents == []


def test_a_route_with_answers_of_its_own_at_a_gateway_is_left_whole() -> None:
    """Bookinfo's own gateway: exact paths, and a port that the intent does not open."""
    servers = [{"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}]
    gateway = custom(
        "networking.istio.io/v1", "Gateway", "bookinfo", selector={"istio": "ingressgateway"}, servers=servers
    )
    to = [{"destination": {"host": "productpage", "port": {"number": 9080}}}]
    http = [{"match": [{"uri": {"exact": "/productpage"}}, {"uri": {"prefix": "/static"}}], "route": to}]
    routes = custom("networking.istio.io/v1", "VirtualService", hosts=["*"], gateways=["bookinfo"], http=http)
    result = imported([*cluster(), gateway, routes])
    assert result.design.intents == []
    assert {each.location.pointer for each in result.unexpressed} == {"#/spec"}
