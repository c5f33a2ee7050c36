"""Changes of the desired state: pure, reversible, idempotent."""

import msgspec
import pytest

from meshwright.adapters.envoy.state import allocation, desired, validation
from meshwright.adapters.envoy.state.desired import DesiredState, Ports
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import (
    CircuitBreaker,
    DenyAll,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    OutlierDetection,
    Retry,
    Timeout,
)
from meshwright.schemas.workloads import AnyEnrolment, ControllerMember, NamespaceMember, ProcessEnrolment, WorkloadSpec

EMPTY = DesiredState(workspace="w", mesh="m", connection="c")


def spec(name: str, port: int = 80) -> WorkloadSpec:
    """A workload that is the only one of its service."""
    return WorkloadSpec(name=name, service=name, port=port)


def ports(*names: str) -> dict[str, Ports]:
    """Some ports for these."""
    return {name: Ports(outbound=1, inbound=2) for name in names}


def test_enrolling_twice_changes_nothing() -> None:
    """A second enrolment keeps the ports; a changed one keeps them too and takes the change."""
    once = desired.enrol(EMPTY, [spec("a")], ports("a"))
    assert desired.enrol(once, [spec("a")], {}) == once
    changed = desired.enrol(once, [spec("a", 81)], {})
    assert (changed.workloads["a"].spec.port, changed.workloads["a"].ports) == (81, once.workloads["a"].ports)


def test_a_new_workload_needs_ports() -> None:
    """Enrolling without ports is a defect that is not hidden."""
    with pytest.raises(KeyError):
        desired.enrol(EMPTY, [spec("a")], {})


def test_removing_a_design_restores_the_state_before() -> None:
    """Its intents and the workloads that it brought go; a workload that was there before stays."""
    before = desired.enrol(EMPTY, [spec("a")], ports("a"))
    design = Design(id="d", workloads=[spec("a"), spec("b")], intents=[DenyAll()])
    after = desired.apply_design(before, design, 1, ports("b"))
    assert after.designs["d"].workloads == ["b"]
    assert desired.remove_design(after, "d") == before
    assert desired.remove_design(before, "d") == before


def test_a_new_revision_takes_workloads_along_and_leaves_others() -> None:
    """What only the former revision brought leaves; what both bring stays owned by the design."""
    first = desired.apply_design(EMPTY, Design(id="d", workloads=[spec("a"), spec("b")]), 1, ports("a", "b"))
    second = desired.apply_design(first, Design(id="d", workloads=[spec("b"), spec("c")]), 2, ports("c"))
    assert sorted(second.workloads) == ["b", "c"]
    assert desired.remove_design(second, "d") == EMPTY


def test_versions_name_content() -> None:
    """Equal states have equal versions, different ones different."""
    state = desired.enrol(EMPTY, [spec("a")], ports("a"))
    assert desired.version(state) == desired.version(desired.decode(desired.encode(state)))
    assert desired.version(state) != desired.version(desired.rotate(state))


def test_two_designs_cannot_answer_one_question() -> None:
    """A second design about the same matter is refused with the name of the first; a new revision is not."""
    state = desired.enrol(EMPTY, [spec("a")], ports("a"))
    first = Design(id="first", intents=[FaultAbort(service="a", status=500)])
    state = desired.apply_design(state, first, 1)
    second = Design(id="second", intents=[FaultAbort(service="a", status=501)])
    problems = validation.problems(desired.apply_design(state, second, 1), second)
    assert [(each.pointer, "first" in each.detail) for each in problems] == [("#/intents/0", True)]
    again = Design(id="first", intents=[FaultAbort(service="a", status=502)])
    assert validation.problems(desired.apply_design(state, again, 2), again) == []


def test_two_routes_for_the_same_requests_are_refused() -> None:
    """One of them would never be taken: in one design or in two; by another header or value both hold."""
    specs = [WorkloadSpec(name=f"a-{version}", service="a", version=version, port=80) for version in ("v1", "v2")]
    state = desired.enrol(EMPTY, specs, ports("a-v1", "a-v2"))

    def route(value: str, version: str = "v1") -> HeaderRoute:
        return HeaderRoute(service="a", header=HeaderMatch(name="x-user", exact=value), version=version)

    both = Design(id="both", intents=[route("ann"), route("bob"), route("ann", "v2")])
    (problem,) = validation.problems(desired.apply_design(state, both, 1), both)
    assert (problem.pointer, "the header x-user" in problem.detail) == ("#/intents/2", True)
    first = Design(id="first", intents=[route("ann")])
    second = Design(id="second", intents=[route("bob"), route("ann", "v2")])
    state = desired.apply_design(state, first, 1)
    (problem,) = validation.problems(desired.apply_design(state, second, 2), second)
    assert (problem.pointer, "design first" in problem.detail) == ("#/intents/1", True)


@pytest.mark.parametrize("short", ["0.5ms", "0.999ms", "0.001ms"])
def test_a_bound_that_envoy_would_take_for_none_is_refused(short: str) -> None:
    """A duration below a millisecond is refused with its pointer, since a proxy would wait for ever; one
    millisecond is accepted.
    """
    state = desired.enrol(EMPTY, [spec("a")], ports("a"))
    for duration, expected in ((short, 5), ("1ms", 0)):
        design = Design(
            id="d",
            intents=[
                Timeout(service="a", timeout=duration),
                Retry(service="a", attempts=1, per_try_timeout=duration),
                FaultDelay(service="a", delay=duration),
                CircuitBreaker(
                    service="a", outlier_detection=OutlierDetection(interval=duration, ejection_time=duration)
                ),
            ],
        )
        problems = validation.problems(desired.apply_design(state, design, 1), design)
        places = [
            "#/intents/0/timeout", "#/intents/1/per_try_timeout", "#/intents/2/delay",
            "#/intents/3/outlier_detection/interval", "#/intents/3/outlier_detection/ejection_time",
        ]  # fmt: skip
        assert [each.pointer for each in problems] == places[:expected]


@pytest.mark.parametrize("place", ["prefix", "regex"])
def test_a_comparison_with_nothing_is_refused(place: str) -> None:
    """Envoy rejects an empty prefix or expression with an unhelpful message; here it is reported with its pointer
    and an alternative. An empty value is valid.
    """
    state = desired.enrol(EMPTY, [spec("a")], ports("a"))
    for header, expected in (
        (HeaderMatch(name="x", **{place: ""}), [f"#/intents/0/header/{place}"]),
        (HeaderMatch(name="x", **{place: ".*"}), []),
        (HeaderMatch(name="x", exact=""), []),
    ):
        design = Design(id="d", intents=[HeaderRoute(service="a", header=header, version="v1")])
        problems = validation.problems(desired.apply_design(state, design, 1), design)
        assert [each.pointer for each in problems] == expected
        assert all("regex .*" in each.detail for each in problems)


def test_this_mesh_has_neither_namespaces_nor_controllers() -> None:
    """What cannot be a member here is refused at its place."""
    process = ProcessEnrolment(name="a", service="a", port=80)
    members: list[AnyEnrolment] = [
        process,
        msgspec.structs.replace(process, namespace="shop"),
        NamespaceMember(namespace="shop"),
        ControllerMember(namespace="shop", kind="deployment", name="a"),
    ]
    assert [each.pointer for each in validation.member_problems(members)] == [
        "#/workloads/1/namespace",
        "#/workloads/2/member",
        "#/workloads/3/member",
    ]


def test_ports_are_given_once() -> None:
    """No port is shared among sidecars or with a workload, and enrolled ones are not asked for again."""
    first = allocation.allocate([], EMPTY, [spec("a", 20_000), spec("b", 20_001)], 20_000)
    state = desired.enrol(EMPTY, [spec("a", 20_000), spec("b", 20_001)], first)
    more = allocation.allocate([state], state, [spec("a"), spec("c")], 20_000)
    assert list(more) == ["c"]
    given = [port for each in [*first.values(), *more.values()] for port in (each.outbound, each.inbound)]
    assert len(set(given)) == 6
    assert not {20_000, 20_001} & set(given)
