"""Labels that have namespaces and pods take part: never two that inject, never sidecars beside ambient."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.istio.enrolment import marks
from meshwright.adapters.istio.enrolment.marks import AMBIENT, INJECT, INJECTION, REVISION, WAYPOINT, Part
from meshwright.core.kit.kubernetes.enrolment import workloads

NAMESPACES = st.fixed_dictionaries(
    {},
    optional={
        INJECTION: st.sampled_from(["enabled", "disabled"]),
        REVISION: st.sampled_from(["canary", "stable"]),
        AMBIENT: st.sampled_from(["ambient", "none"]),
        WAYPOINT: st.just("waypoint"),
        "team": st.just("a"),
    },
)
PODS = st.fixed_dictionaries(
    {},
    optional={
        INJECT: st.sampled_from(["true", "false"]),
        REVISION: st.just("canary"),
        AMBIENT: st.sampled_from(["ambient", "none"]),
        "app": st.just("a"),
    },
)
PARTS = st.sampled_from([Part(), Part(revision="canary"), Part(ambient=True), Part(ambient=True, waypoint="w")])


def after(labels: dict[str, str], change: marks.Change) -> dict[str, str]:
    """The labels once changed."""
    return {key: value for key, value in {**labels, **change}.items() if value is not None}


@given(NAMESPACES, PARTS)
def test_a_namespace_takes_part_as_asked_and_in_one_way(labels: dict[str, str], part: Part) -> None:
    """Whatever was there; what is not Istio's stays, and doing it again changes nothing."""
    result = after(labels, marks.joining_namespace(labels, part))
    told = marks.takes_part(result)
    assert told is not None
    assert (told.ambient, told.revision) == (part.ambient, part.revision)
    assert len({INJECTION, REVISION, AMBIENT} & result.keys()) == 1
    assert (WAYPOINT in result) <= part.ambient
    assert result.get("team") == labels.get("team")
    assert marks.joining_namespace(result, part) == {}


@given(NAMESPACES)
def test_a_namespace_that_leaves_takes_no_part(labels: dict[str, str]) -> None:
    """And is left with nothing of Istio's, besides somebody's own `disabled`."""
    result = after(labels, marks.leaving_namespace(labels))
    assert marks.takes_part(result) is None
    assert {REVISION, AMBIENT, WAYPOINT} & result.keys() == set()
    assert result.get(INJECTION, "disabled") == "disabled"


@given(PODS, PARTS, NAMESPACES)
def test_the_pods_of_a_workload_take_part_and_leave(
    pods: dict[str, str], part: Part, namespace: dict[str, str]
) -> None:
    """Whatever their namespace does, and their other labels stay."""
    leaving = after(pods, marks.leaving_pods(pods, namespace))
    assert not marks.pods_take_part(leaving, namespace)
    assert marks.leaving_pods(leaving, namespace) == {}
    assert leaving.get("app") == pods.get("app")
    if namespace.get(INJECTION) == "disabled" and not part.ambient:
        return  # which is refused
    joined = after(pods, marks.joining_pods(pods, part, namespace))
    assert marks.pods_take_part(joined, namespace)
    assert marks.joining_pods(joined, part, namespace) == {}


def controller(kind: str, **spec: Any) -> workloads.Controller:
    """A controller with this spec."""
    return workloads.controller({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec})


@pytest.mark.parametrize(
    ("kind", "spec", "away"),
    [
        ("Deployment", {"replicas": 1}, 0),
        ("Deployment", {"replicas": 3}, 0),
        ("Deployment", {"replicas": 8}, 2),
        ("Deployment", {"replicas": 4, "strategy": {"type": "Recreate"}}, 4),
        ("Deployment", {"replicas": 4, "strategy": {"rollingUpdate": {"maxUnavailable": 3}}}, 3),
        ("StatefulSet", {"replicas": 5}, 1),
        ("StatefulSet", {"replicas": 0}, 0),
        ("DaemonSet", {}, 1),
        ("DaemonSet", {"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}, 0),
    ],
)
def test_a_rollout_takes_so_many_pods_away(kind: str, spec: dict[str, Any], away: int) -> None:
    """As its strategy says, and as Kubernetes rounds it: down."""
    assert controller(kind, **spec).away == away


def test_what_cannot_be_restarted_says_why() -> None:
    """A paused rollout, pods that only somebody's deletion makes anew, and pods on the network of their host."""
    assert "paused" in controller("Deployment", paused=True).obstacle
    assert "OnDelete" in controller("DaemonSet", updateStrategy={"type": "OnDelete"}).obstacle
    assert "host" in controller("DaemonSet", template={"spec": {"hostNetwork": True}}).obstacle
    assert controller("Deployment", template={"spec": {}}).obstacle == ""


def test_selectors_mean_what_they_mean_to_kubernetes() -> None:
    """All parts of one must fit; an empty one means every pod."""
    labels = {"app": "a", "tier": "web"}
    assert workloads.selects({}, labels)
    assert workloads.selects({"matchLabels": {"app": "a"}}, labels)
    assert not workloads.selects({"matchLabels": {"app": "b"}}, labels)
    for operator, key, values, expected in (
        ("In", "tier", ["web", "db"], True), ("In", "tier", ["db"], False), ("NotIn", "tier", ["db"], True),
        ("NotIn", "other", ["db"], True), ("Exists", "app", [], True), ("DoesNotExist", "app", [], False),
        ("DoesNotExist", "other", [], True),
    ):  # fmt: skip
        expression = {"key": key, "operator": operator, "values": values}
        assert workloads.selects({"matchExpressions": [expression]}, labels) == expected, expression
