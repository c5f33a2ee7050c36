"""Import of what others wrote: samples, whole installations, and whatever the real definitions allow."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshwright.adapters.istio.importing import importers
from meshwright.core.kit.analysis import Manifest, read_files
from meshwright.schemas.designs import design_problems
from meshwright.schemas.findings import SourceFile
from rig.importing import custom, forgotten, importing, shop, unseen
from rig.istio import schemas, values
from testbed.charts import istio_charts

SHARED = Path(__file__).parents[4] / "shared"
RUN = importing(importers)
KINDS = {
    "VirtualService": "networking.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "AuthorizationPolicy": "security.istio.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "GRPCRoute": "gateway.networking.k8s.io/v1",
}


def files(folder: str) -> list[Path]:
    """The YAML of a folder beside the checkout, or of Istio's own module on this machine."""
    charts = istio_charts()
    root = SHARED / folder if (SHARED / folder).is_dir() else charts and charts.parents[1] / folder
    if not root or not root.is_dir():
        pytest.skip(f"needs {folder} in the folder shared beside the checkout, or Istio's module (make testbed)")
    return sorted(root.rglob("*.yaml"))


def manifests(path: Path) -> list[Manifest]:
    """The resources of a file, those that can be read: some are templates."""
    return read_files([SourceFile(name=path.name, content=path.read_text())])[0]


@pytest.mark.parametrize("folder", ["samples", "installs", "samples/bookinfo", "pkg/config"])
def test_real_files_are_read_and_everything_left_is_named(folder: str) -> None:
    """Each resource is an intent, listed field by field, looked at beside others, or named as not read."""
    paths = files(folder)
    assert paths
    resources = 0
    for path in paths:
        read = manifests(path)
        result = importers.run(read)
        assert design_problems(result.design) == [], path
        distinct = {each.ref: each for each in read}
        apart = {each.ref for each in result.not_read}
        kinds = set(importers.kinds)
        assert {ref for ref in distinct if (ref.group, ref.kind) not in kinds} == apart, path
        resources += result.resources
        bodies = [each.body for each in distinct.values()]
        mine = [each for each in distinct.values() if (each.ref.group, each.ref.kind) in importers.readers]
        for each in mine:
            around = [body for body in bodies if body is not each.body]
            assert forgotten(RUN, around, each.body) == [], f"{path} {each.ref}"
    assert resources or folder == "installs"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)), unknown=st.booleans())
def test_whatever_the_definitions_allow_is_named(data: Any, kind: str, unknown: bool) -> None:
    """Any fields together, sensible or not: nothing fails, and what is not said is named."""
    spec = data.draw(values.specifications(schemas.specification(KINDS[kind], kind)))
    body = custom(KINDS[kind], kind, body={"spec": spec})
    assert design_problems(RUN([*shop(), body]).design) == []
    assert (unseen if unknown else forgotten)(RUN, shop(), body) == []


SUBSETS = [{"name": each, "labels": {"version": each}} for each in ("v1", "v2")]
RULE = {"host": "reviews", "subsets": SUBSETS, "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}}
V1, V2 = ({"destination": {"host": "reviews", "subset": each}} for each in ("v1", "v2"))
TESTERS = {"headers": {"x-user": {"exact": "tester"}}}
HTTP = [{"match": [TESTERS], "route": [V2], "timeout": "2s"}, {"route": [V1], "timeout": "2s"}]
CALLERS = [{"source": {"principals": ["cluster.local/ns/shop/sa/bookinfo-web"]}}]
CALLS = [{"operation": {"methods": ["GET"], "paths": ["/a*"]}}]
APP = {"matchLabels": {"app": "reviews"}}
OF_SERVICE = [{"group": "", "kind": "Service", "name": "reviews"}]
BY_HEADER = {"matches": [{"headers": [{"name": "x-user", "value": "tester"}]}], "backendRefs": [{"name": "reviews-v2"}]}
BY_WEIGHT = {"backendRefs": [{"name": "reviews-v1", "weight": 3}, {"name": "reviews-v2", "weight": 1}]}
SENSIBLE: dict[str, Any] = {
    "VirtualService": {"hosts": ["reviews"], "http": HTTP},
    "DestinationRule": RULE,
    "PeerAuthentication": {"selector": APP, "mtls": {"mode": "STRICT"}},
    "AuthorizationPolicy": {"selector": APP, "rules": [{"from": CALLERS, "to": CALLS}]},
    "HTTPRoute": {"parentRefs": OF_SERVICE, "rules": [BY_HEADER, BY_WEIGHT]},
    "GRPCRoute": {"parentRefs": OF_SERVICE, "rules": [BY_HEADER, BY_WEIGHT]},
}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
def test_a_field_that_is_added_to_what_intents_say_matters_or_is_named(data: Any, kind: str) -> None:
    """To resources that are read whole, fields of their real definitions are added anywhere: none gets lost."""
    around = [*shop(), custom(KINDS["DestinationRule"], "DestinationRule", body={"spec": RULE})]
    around = around if kind == "VirtualService" else around[:-1]
    before = RUN([*around, custom(KINDS[kind], kind, body={"spec": SENSIBLE[kind]})])
    assert before.design.intents
    spec = data.draw(values.extended(schemas.specification(KINDS[kind], kind), SENSIBLE[kind]))
    body = custom(KINDS[kind], kind, body={"spec": spec})
    after = RUN([*around, body])
    assert design_problems(after.design) == []
    assert forgotten(RUN, around, body) == []
