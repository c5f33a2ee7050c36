"""Designs among what is analyzed: contradictions are named with both intents, in one design and across designs."""

from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.kit import analysis
from meshwright.core.kit.lifecycle.contradictions import contradict
from meshwright.schemas import intents as wishes
from meshwright.schemas.designs import Design
from meshwright.schemas.findings import Analysis, SourceFile
from meshwright.schemas.intents import AnyIntent

ANALYZERS = analysis.Analyzers([])
TIMEOUT = wishes.Timeout(service="reviews", timeout="1s")
LONGER = wishes.Timeout(service="reviews", timeout="2s")
HEADER = wishes.HeaderMatch(name="x", exact="1")


def analyze(*designs: Design, applied: tuple[Design, ...] = ()) -> Analysis:
    """The findings about designs in a file each, beside those that are applied."""
    files = [SourceFile(name=f"{each.id}.yaml", content=yaml.safe_dump(msgspec.to_builtins(each))) for each in designs]
    manifests, unreadable = analysis.read_files(files, designs=True)
    assert unreadable == []
    return ANALYZERS.run(analysis.Manifests([*map(analysis.applied, applied), *manifests]))


def test_designs_that_contradict_each_other_are_both_named() -> None:
    """The later one has the finding, with its file and line; the earlier one is related."""
    (finding,) = analyze(Design(id="a", intents=[TIMEOUT]), Design(id="b", intents=[LONGER])).findings
    assert (finding.code, finding.location.file, finding.location.pointer) == ("MW3005", "b.yaml", "#/intents/0")
    assert finding.location.line > 0
    assert finding.message == "timeout for reviews contradicts #/intents/0 of the design a"
    assert [each.file for each in finding.related] == ["a.yaml"]


def test_intents_of_one_design_that_contradict_each_other_are_found() -> None:
    """With nothing related, since both are in the same document."""
    (finding,) = analyze(Design(id="a", intents=[TIMEOUT, LONGER])).findings
    assert (finding.code, finding.location.pointer, finding.related) == ("MW3005", "#/intents/1", [])


def test_a_design_is_held_against_those_that_are_applied() -> None:
    """The applied one of its own name is what it replaces."""
    before = Design(id="a", intents=[TIMEOUT])
    (finding,) = analyze(Design(id="b", intents=[LONGER]), applied=(before,)).findings
    assert (finding.code, finding.location.file) == ("MW3005", "b.yaml")
    assert analyze(Design(id="a", intents=[LONGER]), applied=(before,)).findings == []


def test_an_invalid_design_is_a_finding_at_its_place() -> None:
    """Unknown fields, and rules between fields."""
    text = "id: a\nintents:\n- intent: timeout\n  service: reviews\n  timeout: 1s\n  timout: 2s\n"
    manifests, _ = analysis.read_files([SourceFile(name="a.yaml", content=text)], designs=True)
    (finding,) = ANALYZERS.run(analysis.Manifests(manifests)).findings
    assert (finding.code, finding.location.pointer, finding.location.line) == ("MW3006", "#/intents/0/timout", 6)


def test_a_design_is_no_resource_for_those_who_read_resources() -> None:
    """Import reads what Kubernetes has."""
    file = SourceFile(name="a.yaml", content="id: a\nintents: []\n")
    assert [len(each) for each in analysis.read_files([file])] == [0, 1]


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        (TIMEOUT, LONGER, True),
        (TIMEOUT, TIMEOUT, False),
        (TIMEOUT, wishes.Timeout(service="shop/reviews", timeout="2s"), True),
        (TIMEOUT, wishes.Timeout(service="other/reviews", timeout="2s"), False),
        (TIMEOUT, wishes.Retry(service="reviews", attempts=2), False),
        (wishes.MutualTls(mode="strict"), wishes.MutualTls(mode="permissive"), True),
        (wishes.MutualTls(mode="strict"), wishes.MutualTls(mode="permissive", service="reviews"), False),
        (wishes.FaultAbort(service="a", status=500), wishes.FaultAbort(service="a", status=503, header=HEADER), True),
        (wishes.FaultAbort(service="a", status=500, header=HEADER), wishes.FaultAbort(service="a", status=503), False),
        (
            wishes.HeaderRoute(service="a", header=HEADER, version="v1"),
            wishes.HeaderRoute(service="a", header=HEADER, version="v2"),
            True,
        ),
        (wishes.Ingress(host="A.example.org", service="a"), wishes.Ingress(host="a.example.org", service="b"), True),
        (
            wishes.Ingress(host="a.example.org", service="a"),
            wishes.Ingress(host="a.example.org", service="b", path_prefix="/b"),
            False,
        ),
        (wishes.Allow(source="a", service="b"), wishes.Allow(source="c", service="b"), False),
        (wishes.EgressControl(hosts=["a.org"]), wishes.EgressControl(hosts=["b.org"]), True),
    ],
)
def test_what_contradicts(earlier: AnyIntent, later: AnyIntent, expected: bool) -> None:
    """One kind, the same requests, and different words."""
    assert contradict(earlier, later, ("shop", "shop")) is expected


KINDS: list[AnyIntent] = [
    TIMEOUT,
    LONGER,
    wishes.Retry(service="reviews", attempts=1),
    wishes.FaultDelay(service="ratings", delay="1s"),
    wishes.MutualTls(mode="strict"),
    wishes.HeaderRoute(service="reviews", header=HEADER, version="v1"),
    wishes.EgressControl(hosts=[]),
]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(KINDS)), max_size=8))
def test_each_contradiction_is_reported_once_wherever_the_intents_are(written: list[tuple[str, AnyIntent]]) -> None:
    """Whether intents are in one design or in several, those that contradict an earlier one are as many."""
    several: dict[str, list[Any]] = {}
    for name, intent in written:
        several.setdefault(name, []).append(intent)
    in_order = [intent for intents in several.values() for intent in intents]
    apart = analyze(*(Design(id=name, intents=intents) for name, intents in several.items()))
    together = analyze(*([Design(id="a", intents=in_order)] if in_order else []))
    assert len(apart.findings) == len(together.findings)
    assert {each.code for each in apart.findings} <= {"MW3005"}
