"""Arguments of two versions: what was asked for in the terms of before means the same today."""

import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.schemas import operations
from meshwright.schemas.workloads import ControllerMember, NamespaceMember, WorkloadSpec

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
specs = st.lists(st.builds(WorkloadSpec, name=names, service=names, version=names, port=st.integers(1, 65535)))


def command(kind: str, version: int, arguments: Any) -> operations.Command:
    """As it comes from the bus."""
    return operations.Command(
        operation="01JD8X3M5TZ9Q4W7V2K6N0B1CE", workspace="w", adapter="a", connection="c", mesh="m", kind=kind,
        version=version, arguments=msgspec.to_builtins(arguments), principal="ann", accepted_at=NOW, deadline=NOW,
    )  # fmt: skip


@given(specs)
def test_processes_are_enrolled_alike_in_both_versions(workloads: list[WorkloadSpec]) -> None:
    """The first version named processes only, and each of them is a member today with nothing lost."""
    before = command("workloads.enrol", 1, operations.EnrolWorkloadsV1(workloads=workloads))
    today = operations.arguments_of(before, operations.EnrolWorkloads)
    assert today == operations.enrolling(workloads)
    assert today.processes == workloads
    again = command("workloads.enrol", 2, today)
    assert operations.arguments_of(again, operations.EnrolWorkloads) == today
    assert operations.renewed(before) == operations.renewed(again) == (2, msgspec.to_builtins(today))


@given(st.lists(names))
def test_processes_are_withdrawn_alike_in_both_versions(workloads: list[str]) -> None:
    """So for those that leave."""
    before = command("workloads.withdraw", 1, operations.WithdrawWorkloadsV1(workloads=workloads))
    today = operations.arguments_of(before, operations.WithdrawWorkloads)
    assert today == operations.withdrawing(workloads)
    assert today.processes == workloads


@pytest.mark.parametrize(
    "member", [NamespaceMember(namespace="shop"), ControllerMember(namespace="shop", kind="daemonset", name="a.b")]
)
def test_a_member_is_what_its_tag_says(member: Any) -> None:
    """A namespace or a controller comes back as itself, and is no process."""
    arguments = operations.WithdrawWorkloads(workloads=[member])
    asked = command("workloads.withdraw", 2, arguments)
    assert operations.arguments_of(asked, operations.WithdrawWorkloads) == arguments
    assert arguments.processes == []


def test_a_version_that_nobody_knows_is_left_alone() -> None:
    """Neither a later version nor an operation of an adapter's own is taken for something else."""
    assert not operations.understands(operations.EnrolWorkloads, 3)
    assert not operations.understands(operations.ApplyDesign, 0)
    for kind, version in (("workloads.enrol", 3), ("trial.noop", 1)):
        assert operations.renewed(command(kind, version, {"a": 1})) == (version, {"a": 1})
    assert operations.renewed(command("workloads.enrol", 1, {"workloads": 5})) == (1, {"workloads": 5})
