"""What an operation does, as people say it.

Problem: `design.apply` on `m1` does not tell which of forty designs. Invariant: a title is made of the kind and the
arguments alone, and there is one for every operation: also for one of an adapter's own, or with arguments of any shape.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from meshwright.schemas.operations import (
    OPERATION_TYPES,
    AdoptMesh,
    ApplyDesign,
    EnrolWorkloads,
    ForgetMesh,
    InstallMesh,
    Operation,
    RefreshStatus,
    RemoveDesign,
    RollbackDesign,
    RotateCertificates,
    UninstallMesh,
    UpgradeMesh,
    WithdrawWorkloads,
)

NAMED = 20
"""members of an operation that are named"""
_IN_TITLE = 3
CHANGING = tuple(sorted(each.kind.name for each in OPERATION_TYPES if each.kind.mutates))
"""the kinds of the contract that change their mesh"""
Arguments: TypeAlias = dict[str, Any]


def titled(operation: Operation) -> Operation:
    """The operation with its title, and the names of what it is about."""
    arguments = operation.arguments
    return msgspec.structs.replace(
        operation,
        title=title(operation.kind, operation.mesh, arguments),
        design=design(operation.kind, arguments),
        members=members(arguments)[:NAMED],
    )


def title(kind: str, mesh: str, arguments: Arguments) -> str:
    """What an operation of this kind with these arguments does to that mesh."""
    words = _TITLES.get(kind)
    place = mesh or "a mesh"
    if words is not None:
        return words(place, arguments)[:200]
    return f"{kind or 'An operation'} on {place}"[:200]


def design(kind: str, arguments: Arguments) -> str:
    """The name of the design that it is about; empty when it is about none."""
    if not kind.startswith("design."):
        return ""
    value = arguments.get("design")
    name = value.get("id") if isinstance(value, dict) else value
    return name if isinstance(name, str) else ""


def members(arguments: Arguments) -> list[str]:
    """The workloads and namespaces that it is about, as `namespace/name`."""
    listed = arguments.get("workloads")
    return [name for each in listed if (name := _member(each))] if isinstance(listed, list) else []


def _member(value: Any) -> str:
    if not isinstance(value, dict):
        return value if isinstance(value, str) else ""
    parts = [value.get("namespace"), value.get("name")]
    return "/".join(part for part in parts if isinstance(part, str) and part)


def _several(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    if not names:
        return "workloads"
    more = len(names) - _IN_TITLE
    return ", ".join(names[:_IN_TITLE]) + (f" and {more} more" if more > 0 else "")


def _to_version(arguments: Arguments) -> str:
    version = arguments.get("version")
    return f" {version}" if isinstance(version, str) and version else ""


def _upgrade(mesh: str, arguments: Arguments) -> str:
    version = _to_version(arguments)
    return f"Upgrade {mesh} to{version}" if version else f"Upgrade {mesh}"


def _rollback(mesh: str, arguments: Arguments) -> str:
    revision = arguments.get("revision")
    where = f" to revision {revision}" if isinstance(revision, int) else ""
    return f"Roll {_design(arguments)} back on {mesh}{where}"


def _design(arguments: Arguments) -> str:
    return design("design.", arguments) or "a design"


_TITLES: dict[str, Callable[[str, Arguments], str]] = {
    InstallMesh.kind.name: lambda mesh, arguments: f"Install {mesh}{_to_version(arguments)}",
    UpgradeMesh.kind.name: _upgrade,
    UninstallMesh.kind.name: lambda mesh, _: f"Uninstall {mesh}",
    AdoptMesh.kind.name: lambda mesh, _: f"Adopt {mesh}",
    ForgetMesh.kind.name: lambda mesh, _: f"Forget {mesh}",
    EnrolWorkloads.kind.name: lambda mesh, arguments: f"Enrol {_several(members(arguments))} in {mesh}",
    WithdrawWorkloads.kind.name: lambda mesh, arguments: f"Withdraw {_several(members(arguments))} from {mesh}",
    ApplyDesign.kind.name: lambda mesh, arguments: f"Apply {_design(arguments)} to {mesh}",
    RemoveDesign.kind.name: lambda mesh, arguments: f"Remove {_design(arguments)} from {mesh}",
    RollbackDesign.kind.name: _rollback,
    RefreshStatus.kind.name: lambda mesh, _: f"Read the status of {mesh}",
    RotateCertificates.kind.name: lambda mesh, _: f"Issue new certificates in {mesh}",
}
