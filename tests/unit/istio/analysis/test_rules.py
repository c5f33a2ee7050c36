"""Istio's rules: each finds what breaks it at its place, and nothing once that is mended."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.istio.analysis import analyzers
from meshwright.core.kit.analysis import Manifests, from_object, read_files
from meshwright.schemas.findings import Analysis, SourceFile

CLOCKED = {"MW3508"}
"""what depends on today, and has its cases in test_credentials"""
CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text())


def analyze(*documents: Any, **more: Any) -> Analysis:
    """The findings about documents in one file."""
    file = SourceFile(name="a.yaml", content=yaml.safe_dump_all(documents))
    manifests, unreadable = read_files([file], designs=True)
    return analyzers.run(Manifests(manifests), unreadable, **more)


def test_every_rule_has_a_case_and_an_analyzer() -> None:
    """Listed means looked for."""
    assert analyzers.unobserved() == set()
    assert {case["code"] for case in CASES} | CLOCKED == analyzers.rules.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['code']}-{case['at']}")
def test_a_rule_finds_what_breaks_it(case: dict[str, Any]) -> None:
    """The finding has its code, place and line; the same resources as they should be have no such finding."""
    analysis = analyze(*case.get("shared", []), *case["broken"])
    places = {each.location.pointer for each in analysis.findings if each.code == case["code"]}
    assert case["at"] in places
    assert all(each.location.line for each in analysis.findings)
    assert [rule.code for rule in analysis.rules if rule.code == case["code"]] == [case["code"]]
    mended = analyze(*case.get("shared", []), *case["sound"])
    assert case["code"] not in {each.code for each in mended.findings}


@pytest.mark.parametrize("annotation", ["meshwright.dev/suppress", "galley.istio.io/analyze-suppress"])
@pytest.mark.parametrize("value", ["{code}", "MW0000, {code}", "*"])
def test_a_finding_is_suppressed_by_annotation(annotation: str, value: str) -> None:
    """It stays in the answer and says what suppressed it, whether by our code or by Istio's."""
    code = "IST0102" if annotation.startswith("galley") else "MW3201"
    annotations = {annotation: value.format(code=code)}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": annotations}}
    (finding,) = analyze(namespace).findings
    assert finding.suppressed
    namespace["metadata"] = {"name": "shop", "annotations": {annotation: "MW9999"}}
    (finding,) = analyze(namespace).findings
    assert not finding.suppressed


def test_a_finding_is_suppressed_by_request() -> None:
    """The codes that the request names."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    (finding,) = analyze(namespace, suppress=["MW3201"]).findings
    assert finding.suppressed == "the request"


def test_a_finding_is_suppressed_on_one_resource() -> None:
    """The same one on another resource stays, and so do others on this one."""
    shop, other = ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("shop", "other"))
    findings = analyze(shop, other, suppress=["MW3201=Namespace/shop", "MW3101=Namespace/other"]).findings
    assert {str(each.location.ref): each.suppressed for each in findings} == {
        "Namespace other": "",
        "Namespace shop": "the request",
    }
    rule = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": {"hosts": ["a"]}}
    services = [{**rule, "metadata": {"name": "one", "namespace": place}} for place in ("a", "b")]
    for code in {each.code for each in analyze(*services).findings}:
        found = analyze(*services, suppress=[f"{code}=VirtualService/a/one"]).findings
        assert {each.location.ref.namespace for each in found if each.suppressed and each.location.ref} == {"a"}


def test_files_alone_do_not_tell_what_is_missing() -> None:
    """Without any Service among the files nobody knows the hosts; a whole mesh without it has none."""
    route = {"route": [{"destination": {"host": "b"}}]}
    service = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "a"},
        "spec": {"hosts": ["a"], "http": [route]},
    }
    assert analyze(service).findings == []
    assert [each.code for each in analyze(service, complete=True).findings] == ["MW3101"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70_000) | st.sampled_from(["a", "*", "", "http", "./*", "a.b.c"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted({
        "hosts", "http", "tcp", "tls", "route", "match", "destination", "host", "subset", "port", "number", "ports",
        "selector", "matchLabels", "workloadSelector", "labels", "servers", "gateways", "exportTo", "subsets", "rules",
        "from", "source", "namespaces", "uri", "prefix", "headers", "template", "spec", "metadata", "containers",
        "configPatches", "patch", "operation", "conditions", "parents", "trafficPolicy", "name", "addresses", "mirror",
    })), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
KINDS = sorted({(each["apiVersion"], each["kind"]) for case in CASES for each in case["sound"] if "kind" in each})


@given(st.lists(st.tuples(st.sampled_from(KINDS), JSON, JSON, JSON), min_size=1, max_size=4))
def test_no_shape_breaks_analysis(written: list[tuple[tuple[str, str], Any, Any, Any]]) -> None:
    """Whatever stands where a resource should have its fields, analysis ends with findings."""
    manifests = [
        from_object(
            {
                "apiVersion": version,
                "kind": kind,
                "metadata": {"name": f"r{index}", "labels": labels, "namespace": "n"},
                "spec": spec,
                "status": status,
            }
        )
        for index, ((version, kind), spec, labels, status) in enumerate(written)
    ]
    analysis = analyzers.run(Manifests(manifests), complete=True)
    assert analysis.resources == len(manifests)
    assert {each.code for each in analysis.findings} <= analyzers.rules.keys()
