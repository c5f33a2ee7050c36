"""TrafficSplit, TrafficTarget and HTTPRouteGroup of SMI read as intents, and what of them is left."""

from typing import Any

import pytest

from meshwright.core.kit.importing import Importers
from meshwright.schemas.intents import Allow, AnyIntent, Backend, HeaderMatch, HeaderRoute, TrafficSplit
from rig.importing import Json, custom, forgotten, importing, pointers, shop, unseen

RUN = importing(Importers())
ACCOUNT = {"kind": "ServiceAccount", "namespace": "shop"}


def split(*backends: tuple[str, int], version: str = "v1alpha4", service: str = "reviews", **more: Any) -> Json:
    """Shares of services, as SMI writes them."""
    items = [{"service": name, "weight": weight} for name, weight in backends]
    return custom(f"split.smi-spec.io/{version}", "TrafficSplit", service=service, backends=items, **more)


def group(name: str, *matches: Json, nested: bool = True) -> Json:
    """Matches of requests; before v1alpha3 they had no specification around them."""
    version, fields = ("v1alpha4", {"matches": [*matches]}) if nested else ("v1alpha2", {})
    body = {} if nested else {"matches": [*matches]}
    return custom(f"specs.smi-spec.io/{version}", "HTTPRouteGroup", name, body=body, **fields)


def target(rules: list[Json], *callers: str, called: str = "bookinfo-reviews", **more: Any) -> Json:
    """Who may call whom."""
    sources = [{**ACCOUNT, "name": name} for name in callers]
    destination = {**ACCOUNT, "name": called}
    return custom(
        "access.smi-spec.io/v1alpha3", "TrafficTarget", destination=destination, rules=rules, sources=sources, **more
    )


def rule(name: str, *matches: str) -> Json:
    """A reference to a group, and to some of its matches."""
    return {"kind": "HTTPRouteGroup", "name": name, **({"matches": [*matches]} if matches else {})}


def backends(**weights: int) -> TrafficSplit:
    """The intent for shares of `reviews`."""
    return TrafficSplit(
        service="reviews", backends=[Backend(version=version, weight=weight) for version, weight in weights.items()]
    )


TESTERS = group("testers", {"name": "users", "headers": {"x-user": "t.*"}})
READING = {"name": "read", "pathRegex": "/reviews.*", "methods": ["GET", "HEAD"]}
ALL = {"name": "all", "pathRegex": ".*", "methods": ["*"]}


@pytest.mark.parametrize(
    ("bodies", "intents"),
    [
        ([split(("reviews-v1", 90), ("reviews-v2", 10))], [backends(v1=90, v2=10)]),
        ([split(("reviews-v1", 500), ("reviews-v2", 1500), version="v1alpha2")], [backends(v1=25, v2=75)]),
        ([split(("reviews-v3", 1), service="reviews.shop.svc.cluster.local")], [backends(v3=100)]),
        (
            [TESTERS, split(("reviews-v2", 100), matches=[rule("testers")])],
            [HeaderRoute(service="reviews", header=HeaderMatch(name="x-user", regex="t.*"), version="v2")],
        ),
        (
            [group("api", READING, ALL), target([rule("api", "read")], "bookinfo-web")],
            [Allow(source="web", service="reviews", methods=["GET", "HEAD"], path_prefixes=["/reviews"])],
        ),
        (
            [group("api", ALL, nested=False), target([rule("api", "all")], "bookinfo-web", "bookinfo-ratings")],
            [Allow(source="web", service="reviews"), Allow(source="ratings", service="reviews")],
        ),
    ],
)
def test_smi_is_read_whole(bodies: list[Json], intents: list[AnyIntent]) -> None:
    """Services of versions as versions, matches by headers as header routes, service accounts as their services."""
    result = RUN([*shop(), *bodies])
    assert result.design.intents == intents
    unnamed = [field for body in bodies for field in pointers(result, body)]
    assert unnamed == (["#/spec/matches/1"] if len(intents) == 1 and isinstance(intents[0], Allow) else unnamed[:0])


@pytest.mark.parametrize(
    ("bodies", "because"),
    [
        ([split(("reviews-v1", 1), ("reviews-v2", 2))], "the weights are no whole percents"),
        ([split(("reviews-v1", 1), version="v1alpha1")], "of TrafficSplit v1alpha2, v1alpha3, v1alpha4 are read"),
        ([split(("reviews-v1", 1), service="api.example.com")], "its root is no service of the cluster"),
        ([split(("ratings", 1))], "shop/ratings is not one version of shop/reviews"),
        ([split(("reviews-v1", 1), ("reviews", 1))], "a part goes to the whole service"),
        (
            [split(("reviews-v1", 1), matches=[rule("testers")])],
            "the HTTPRouteGroup testers is not among the resources",
        ),
        (
            [group("api", READING), split(("reviews-v1", 1), matches=[rule("api")])],
            "no intent divides requests by method or path",
        ),
        (
            [target([{"kind": "TCPRoute", "name": "tcp"}], "bookinfo-web")],
            "intents know requests of HTTP, and no TCPRoute",
        ),
        (
            [group("api", {"name": "a", "pathRegex": "/v[12]/.*"}), target([rule("api")], "bookinfo-web")],
            "an intent allows beginnings of paths, and '/v[12]/.*' is none",
        ),
        (
            [TESTERS, target([rule("testers")], "bookinfo-web")],
            "an intent allows methods and beginnings of paths, and nothing by headers",
        ),
        (
            [group("api", ALL), target([rule("api")], "nobody")],
            "the service account shop/nobody is not that of one service",
        ),
        (
            [group("api", ALL), target([rule("api")], "bookinfo-web", called="nobody")],
            "the service account shop/nobody does not stand for services that are here",
        ),
    ],
)
def test_what_smi_means_beside_intents_is_left(bodies: list[Json], because: str) -> None:
    """Nothing is allowed or split that was not, and the reason is listed."""
    result = RUN([*shop(), *bodies])
    assert result.design.intents == []
    assert any(each.because.startswith(because) for each in result.unexpressed), result.unexpressed


def test_one_rule_of_a_target_is_left_and_the_others_hold() -> None:
    """What can be said is allowed; what cannot is refused by that, and named."""
    bodies = [group("api", READING), TESTERS, target([rule("api", "read"), rule("testers")], "bookinfo-web", "nobody")]
    result = RUN([*shop(), *bodies])
    assert result.design.intents == [
        Allow(source="web", service="reviews", methods=["GET", "HEAD"], path_prefixes=["/reviews"])
    ]
    assert pointers(result, bodies[2]) == ["#/spec/rules/1", "#/spec/sources/1"]
    assert pointers(result, TESTERS) == ["#/spec"]


SPLIT = split(("reviews-v1", 30), ("reviews-v2", 70), matches=[rule("testers", "users")])
TARGET = target([rule("api", "read", "all"), rule("testers")], "bookinfo-web", "nobody")
GROUP = group("api", READING, ALL, {"name": "unused", "pathRegex": "/a.*"})


@pytest.mark.parametrize(
    ("around", "body"),
    [
        ([TESTERS], split(("reviews-v2", 70), ("reviews-v3", 0), matches=[rule("testers", "users")])),
        ([], split(("reviews-v1", 30), ("reviews-v2", 70))),
        ([GROUP, TESTERS], TARGET),
        ([target([rule("api", "read", "all")], "bookinfo-web")], GROUP),
        ([split(("reviews-v2", 1), matches=[rule("testers", "users")])], TESTERS),
    ],
)
def test_every_field_matters_or_is_named(around: list[Json], body: Json) -> None:
    """A changed or unknown field changes the intents or is in the list."""
    assert RUN([*shop(), *around, body]).design.intents
    assert forgotten(RUN, [*shop(), *around], body) == []
    assert unseen(RUN, [*shop(), *around], body) == []
