"""What Consul's entries say is read back as intents: whole, or with the field that is not and the reason."""

from typing import Any

import pytest

from meshwright.adapters.consul import adapter
from meshwright.adapters.consul.cluster.facts import ClusterFacts
from meshwright.adapters.consul.importing import importers
from meshwright.adapters.consul.importing.manifests import of_entry
from meshwright.core.kit.analysis import from_object
from meshwright.core.kit.http_control_plane import Entry
from meshwright.schemas import intents as wishes
from meshwright.schemas.designs import ImportedDesign
from meshwright.schemas.intents import AnyIntent, Translation
from rig.consul.meshes import SERVICES, designed, mesh

SHOP = {each.name: "shop" for each in SERVICES}
SPLIT = wishes.TrafficSplit(
    service="reviews", backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)]
)
DESIGNS: list[list[AnyIntent]] = [
    [SPLIT],
    [wishes.Timeout(service="reviews", timeout="2s"), wishes.Retry(service="reviews", attempts=2)],
    [
        wishes.HeaderRoute(service="reviews", header=wishes.HeaderMatch(name="x-user", exact="ann"), version="v2"),
        wishes.Timeout(service="reviews", timeout="2s"),
    ],
    [wishes.LoadBalancing(service="ratings", policy="least-request")],
    [wishes.Allow(source="reviews", service="ratings")],
    [wishes.DenyAll(service="ratings")],
    [wishes.DenyAll()],
    [wishes.MutualTls(mode="strict", service="web")],
    [wishes.MutualTls(mode="strict"), wishes.AccessLog()],
]


def _resources(facts: Any, intents: list[AnyIntent]) -> list[Any]:
    answers = [adapter.translators.translate(each, facts) for each in intents]
    found = [one for each in answers if isinstance(each, Translation) for one in each.resources]
    return list({str(each.ref): each for each in found}.values())


def thing(kind: str, spec: dict[str, Any], name: str = "reviews") -> dict[str, Any]:
    """An entry as a resource."""
    meta = {"name": name, "namespace": "shop"}
    return {"apiVersion": "consul.hashicorp.com/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def imported(*bodies: dict[str, Any]) -> ImportedDesign:
    """The design that resources are."""
    return importers.run([from_object(each) for each in bodies])


@pytest.mark.parametrize("intents", DESIGNS, ids=lambda each: each[0].__struct_config__.tag)
def test_a_design_comes_back_from_a_cluster_and_from_consuls_own_api(intents: list[AnyIntent]) -> None:
    """The same intents, and no field that none of them says."""
    plain = designed(mesh(), *intents)
    fields = {name: getattr(plain, name) for name in plain.__struct_fields__}
    facts = ClusterFacts(**{**fields, "namespace": "shop", "namespaces": SHOP})
    result = imported(*(each.body for each in _resources(facts, intents)))
    assert result.unexpressed == []
    assert sorted(map(str, result.design.intents)) == sorted(map(str, intents))
    entries = [of_entry(each.ref, Entry(body=each.body)) for each in _resources(plain, intents)]
    flat = importers.run(entries, flat=True)
    assert flat.unexpressed == []
    assert sorted(map(str, flat.design.intents)) == sorted(map(str, intents))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (thing("ServiceSplitter", {"splits": [{"weight": 100, "serviceSubset": "v1"}]}), "no ServiceResolver"),
        (thing("ServiceDefaults", {"protocol": "grpc"}), "http alone"),
        (thing("ServiceDefaults", {"maxInboundConnections": 5}), "no intent says this"),
        (thing("ServiceRouter", {"routes": [{"match": {"http": {"pathPrefix": "/a"}}}]}), "all paths"),
        (thing("ServiceRouter", {"routes": [{"destination": {"service": "web"}}]}), "one service"),
        (thing("ServiceIntentions", {"sources": [{"name": "a", "action": "allow"}]}), "say that * is denied"),
        (
            thing("ServiceIntentions", {"sources": [{"name": "a", "permissions": [{"action": "allow"}]}]}),
            "allows by name",
        ),
        (thing("ServiceResolver", {"subsets": {"v1": {"filter": "Service.Port == 80"}}}), "Service.Meta.version"),
    ],
)
def test_what_no_intent_says_is_listed_with_the_reason(body: dict[str, Any], words: str) -> None:
    """Nothing is dropped, and nothing is read that means less or more."""
    result = imported(body)
    assert result.design.intents == []
    assert words in " ".join(each.because for each in result.unexpressed)
