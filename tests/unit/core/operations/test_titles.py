"""Every operation has a title that tells it from others."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.operations import titles
from meshwright.schemas import designs, operations, workloads
from meshwright.schemas.operations import Arguments, Operation

MEMBERS: list[workloads.AnyMember] = [
    workloads.ProcessMember(name="a"),
    workloads.ProcessMember(namespace="shop", name="b"),
    workloads.NamespaceMember(namespace="test"),
    *(workloads.ControllerMember(namespace="shop", kind="deployment", name=f"c{number}") for number in range(30)),
]
SPEC = workloads.WorkloadSpec(name="reviews-v1", service="reviews", port=80)


def operation(kind: str, arguments: dict[str, Any]) -> Operation:
    """An operation on a mesh."""
    return Operation(
        id="01JD8X3M5TZ9Q4W7V2K6N0B1CE", workspace="w", adapter="a", mesh="demo", kind=kind, arguments=arguments
    )


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (operations.InstallMesh(version="1.24"), "Install demo 1.24"),
        (operations.InstallMesh(), "Install demo"),
        (operations.UpgradeMesh(version="1.25"), "Upgrade demo to 1.25"),
        (operations.UpgradeMesh(), "Upgrade demo"),
        (operations.UninstallMesh(), "Uninstall demo"),
        (operations.AdoptMesh(), "Adopt demo"),
        (operations.ForgetMesh(), "Forget demo"),
        (operations.enrolling([SPEC]), "Enrol reviews-v1 in demo"),
        (operations.WithdrawWorkloads(workloads=MEMBERS), "Withdraw a, shop/b, test and 30 more from demo"),
        (operations.withdrawing([]), "Withdraw workloads from demo"),
        (operations.ApplyDesign(design=designs.Design(id="slow")), "Apply slow to demo"),
        (operations.RemoveDesign(design="slow"), "Remove slow from demo"),
        (operations.RollbackDesign(design="slow", revision=3), "Roll slow back on demo to revision 3"),
        (operations.RollbackDesign(design="slow"), "Roll slow back on demo"),
        (operations.RefreshStatus(), "Read the status of demo"),
        (operations.RotateCertificates(), "Issue new certificates in demo"),
    ],
)
def test_titles_say_what_and_where(arguments: Arguments, title: str) -> None:
    """For every operation of the contract."""
    assert titles.title(arguments.kind.name, "demo", msgspec.to_builtins(arguments)) == title


def test_every_operation_of_the_contract_has_words_of_its_own() -> None:
    """None is called by its kind."""
    for each in operations.OPERATION_TYPES:
        assert each.kind.name not in titles.title(each.kind.name, "demo", {})


def test_the_targets_are_named() -> None:
    """The design, and the first twenty members."""
    titled = titles.titled(operation("design.apply", {"design": {"id": "slow"}}))
    assert (titled.title, titled.design, titled.members) == ("Apply slow to demo", "slow", [])
    arguments = msgspec.to_builtins(operations.WithdrawWorkloads(workloads=MEMBERS))
    titled = titles.titled(operation("workloads.withdraw", arguments))
    assert titled.design == ""
    assert titled.members == ["a", "shop/b", "test", *(f"shop/c{number}" for number in range(17))]
    old = operation("workloads.withdraw", {"workloads": ["a", "b"]})
    assert titles.titled(old).members == ["a", "b"]


def test_an_operation_of_an_adapter_is_called_by_its_kind() -> None:
    """Nothing is known of its arguments; one whose command has not arrived has not even a kind."""
    assert titles.title("trial.noop", "demo", {"workloads": 3}) == "trial.noop on demo"
    assert titles.title("", "", {}) == "An operation on a mesh"


def test_what_changes_a_mesh_is_known() -> None:
    """Reading its status does not."""
    assert "design.apply" in titles.CHANGING
    assert "mesh.status" not in titles.CHANGING


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "namespace"]), inner),
    max_leaves=8,
)


@given(
    st.sampled_from([*(each.kind.name for each in operations.OPERATION_TYPES), "own", ""]),
    st.dictionaries(st.sampled_from(["workloads", "design", "version", "revision"]), JSON),
)
def test_arguments_of_any_shape_have_a_title(kind: str, arguments: dict[str, Any]) -> None:
    """Commands are kept for ever, and who sent them may have sent anything."""
    titled = titles.titled(operation(kind, arguments))
    assert titled.title
    assert len(titled.title) <= 200
    assert all(isinstance(each, str) for each in titled.members)
