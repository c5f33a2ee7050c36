"""Designs and releases: what people want on a mesh, and what was applied.

Invariant: a design is never changed in place; each write is a new version in the STATE stream. A release is
one design version on one mesh together with the inventory of what it applied, so it can be diffed and undone.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta

from meshwright.schemas.base import Message, Model, Moment, Name, Namespace, Text, Ulid, Wire, service_parts
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import AnyIntent, NativeResource, Translation, Unsupported, intent_problems
from meshwright.schemas.references import ResourceRef, inventory
from meshwright.schemas.workloads import WorkloadSpec

ReleaseState: TypeAlias = Literal["applied", "superseded", "rolled_back", "removed"]


class Design(Model, frozen=True, kw_only=True):
    """A declarative document: workloads to enrol, native resources, intents.

    `namespace` is what its short service names mean, on a mesh that has namespaces.
    """

    id: Name
    description: Text = ""
    namespace: Namespace = ""
    self_heal: bool = False
    """whether what somebody else changes of it is put back"""
    workloads: Annotated[list[WorkloadSpec], Meta(max_length=500)] = []
    resources: Annotated[list[NativeResource], Meta(max_length=500)] = []
    intents: Annotated[list[AnyIntent], Meta(max_length=500)] = []


class DesignWritten(Message, frozen=True, kw_only=True):
    """A person saved a version of a design."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.design.written.v1", "design")
    document: Design
    version: int = 0
    """counted per design from 1, deletions too; 0: written before versions were counted"""
    principal: str
    reason: str = ""


class Release(Model, frozen=True, kw_only=True):
    """One applied revision of a design on one mesh. `revision` counts from 1 per (mesh, design)."""

    id: Ulid
    design: Design
    mesh: Name
    connection: Name
    revision: int
    state: ReleaseState
    inventory: list[ResourceRef]
    """everything that the release stands for, also what was there before it"""
    operation: Ulid
    principal: str
    reason: str = ""
    applied_at: Moment


class ReleaseChanged(Message, frozen=True, kw_only=True):
    """A release was applied, superseded, rolled back or removed; carries the whole release."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.release.changed.v2", "release")
    release: Release


class ReleaseV1(Model, frozen=True, kw_only=True):
    """A release as it was told before native resources had references."""

    id: Ulid
    design: Design
    mesh: Name
    connection: Name
    revision: int
    state: ReleaseState
    inventory: list[str]
    operation: Ulid
    principal: str
    reason: str = ""
    applied_at: Moment

    def upgraded(self) -> Release:
        """The same release with references."""
        fields = msgspec.structs.asdict(self)
        return Release(**{**fields, "inventory": inventory(self.inventory)})


class ReleaseChangedV1(Message, frozen=True, kw_only=True):
    """A release as it was told before native resources had references; read, and no longer sent."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.release.changed.v1", "release")
    release: ReleaseV1


class ResourceDiff(Model, frozen=True, kw_only=True):
    """What would happen to one native resource. `before` and `after` are YAML texts, empty when absent."""

    ref: ResourceRef
    change: Literal["create", "update", "delete", "unchanged"]
    before: str = ""
    after: str = ""
    conflict: str = ""
    """who else owns what would be changed; empty when nobody does"""


class Preview(Model, frozen=True, kw_only=True):
    """What applying a design would do: translations per intent, refusals, and the difference to what runs."""

    translations: list[Translation]
    unsupported: list[Unsupported] = []
    problems: list[FieldError] = []
    diff: list[ResourceDiff] = []


def design_problems(design: Design) -> list[FieldError]:
    """Everything in a design that is wrong by itself, without looking at any mesh."""
    problems = []
    for index, intent in enumerate(design.intents):
        problems += intent_problems(intent, f"#/intents/{index}")
    return problems + twice_named(design.workloads)


def twice_named(specs: Sequence[WorkloadSpec], pointer: str = "#/workloads") -> list[FieldError]:
    """The workloads of a list that have the name of an earlier one in the same namespace."""
    names = [(spec.namespace, spec.name) for spec in specs]
    return [
        FieldError(detail=f"{specs[index].name} is named twice", pointer=f"{pointer}/{index}/name")
        for index, name in enumerate(names)
        if name in names[:index]
    ]


def namespace_problems(design: Design) -> list[FieldError]:
    """Where a design speaks of namespaces, which is what stands against it on a mesh that has none."""
    detail = "this mesh has no namespaces: {}"
    problems = []
    if design.namespace:
        problems.append(FieldError(detail=detail.format("leave it out"), pointer="#/namespace"))
    for index, spec in enumerate(design.workloads):
        if spec.namespace:
            problems.append(FieldError(detail=detail.format("leave it out"), pointer=f"#/workloads/{index}/namespace"))
    for index, intent in enumerate(design.intents):
        for field in ("service", "source"):
            namespace, name = service_parts(getattr(intent, field, None) or "")
            if namespace:
                problems.append(FieldError(detail=detail.format(f"write {name}"), pointer=f"#/intents/{index}/{field}"))
    return problems
