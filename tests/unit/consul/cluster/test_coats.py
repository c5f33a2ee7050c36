"""What designs become in a cluster: the same entries in the coat of the real definitions."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from meshwright.adapters.consul import adapter
from meshwright.adapters.consul.cluster import coats
from meshwright.adapters.consul.cluster.facts import ClusterFacts, Home
from meshwright.adapters.consul.cluster.target import ClusterTarget
from meshwright.adapters.consul.control_plane.entries import ref_of
from meshwright.core import kit
from meshwright.core.kit.kubernetes.target import ordering
from meshwright.schemas.intents import AnyIntent, Backend, DenyAll, Resource, TrafficSplit, Translation
from meshwright.schemas.references import ResourceRef
from rig.consul.meshes import MESHES, designed
from rig.consul.schemas import check

GOLDENS = sorted((Path(__file__).parents[1] / "intents" / "goldens").glob("*.yaml"))
NAMES = {"ratings": "shop", "reviews": "shop", "web": "front"}


def _in_cluster(mesh: str, *intents: AnyIntent, **more: Any) -> ClusterFacts:
    facts = designed(MESHES[mesh], *intents)
    fields = {name: getattr(facts, name) for name in facts.__struct_fields__}
    return ClusterFacts(**{**fields, "namespace": "design", "namespaces": NAMES, **more})


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_every_golden_is_the_same_entry_in_a_cluster(path: Path) -> None:
    """Each object is as its real definition has it, in the namespace of its service, and means the golden's entry."""
    golden = yaml.safe_load(path.read_text())
    intents = msgspec.convert(golden["intents"], type=list[AnyIntent])
    facts = _in_cluster(golden["mesh"], *intents)
    answers = [adapter.translators.translate(each, facts) for each in intents]
    resources = [one for each in answers if isinstance(each, Translation) for one in each.resources]
    entries = []
    for each in resources:
        check(each.body)
        ref, body = coats.entry(each.body)
        assert each.ref.namespace == NAMES.get(ref.name, "design")
        if body not in entries:
            entries.append(body)
    assert entries == golden["becomes"]["resources"]


def test_an_entry_that_the_servers_refuse_is_not_taken() -> None:
    """The controller's own words are the reason; what builds on others comes after them."""
    nothing: Any = None
    target = ClusterTarget(kit.Scope(nothing, nothing, kit.MeshRef(workspace="w", connection="c", mesh="m")))
    refused = {"type": "Synced", "status": "False", "reason": "ConsulAgentError", "message": "protocol is tcp"}
    body = {"apiVersion": "consul.hashicorp.com/v1alpha1", "kind": "ServiceSplitter", "metadata": {"name": "reviews"}}
    assert target.verdict(body).state == "ready"
    verdict = target.verdict({**body, "status": {"conditions": [refused]}})
    assert (verdict.state, verdict.because) == ("waiting", "Consul does not take it: protocol is tcp")
    kinds = ["ServiceSplitter", "ServiceDefaults", "ServiceResolver", "ProxyDefaults"]
    refs = [ResourceRef(group="consul.hashicorp.com", kind=each, name="reviews") for each in kinds]
    phases = ordering.phases(refs, order=target.order)
    assert [each.kind for phase in phases for each in phase] == [
        "ProxyDefaults", "ServiceDefaults", "ServiceResolver", "ServiceSplitter"
    ]  # fmt: skip


def test_names_may_have_namespaces_and_an_entry_stays_where_it_is() -> None:
    """An intent names `shop/reviews`; the object that has the entry already is meant, wherever and however named."""
    backends = [Backend(version="v1", weight=90), Backend(version="v2", weight=10)]
    split = TrafficSplit(service="shop/reviews", backends=backends)
    there = ResourceRef(group="consul.hashicorp.com", kind="ServiceIntentions", namespace="old", name="nobody")
    homes = [Home(entry=ref_of("service-intentions", "*"), object=there)]
    facts = _in_cluster("plain", homes=homes)
    answer = adapter.translators.translate(split, facts)
    assert isinstance(answer, Translation)
    assert {(each.ref.kind, each.ref.namespace, each.ref.name) for each in answer.resources} == {
        ("ServiceDefaults", "shop", "reviews"),
        ("ServiceResolver", "shop", "reviews"),
        ("ServiceSplitter", "shop", "reviews"),
    }
    denied = adapter.translators.translate(DenyAll(), facts)
    assert isinstance(denied, Translation)
    assert [each.ref for each in denied.resources] == [there]
    anew = coats.dressed(Resource(ref=ref_of("service-intentions", "*"), body=coats.entry(denied.resources[0].body)[1]),
                         "shop", {})  # fmt: skip
    assert anew.ref.name == "all-services"
    check(anew.body)
