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
from meshwright.schemas.findings import MAX_FILES, FindingLocation, SourceFile
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


class UnexpressedField(Model, frozen=True, kw_only=True):
    """A field of an existing resource, with all that is below it, that no intent says."""

    location: FindingLocation
    because: Text


class FilesToImport(Model, frozen=True, kw_only=True):
    """Files of Kubernetes YAML to read as a design.

    With `namespace` only what is there is read, and it is where resources are that name none; else these are in
    `default`. `flat` leaves namespaces out of the design, for a mesh that has none.
    """

    files: Annotated[list[SourceFile], Meta(min_length=1, max_length=MAX_FILES)]
    id: Name = "imported"
    namespace: Namespace = ""
    flat: bool = False


class MeshToImport(Model, frozen=True, kw_only=True):
    """What of a mesh to read as a design: what it has now, or files for it; see `FilesToImport`."""

    files: Annotated[list[SourceFile], Meta(max_length=MAX_FILES)] = []
    live: bool = True
    id: Name = "imported"
    namespace: Namespace = ""
    flat: bool = False


class ImportRequest(Model, frozen=True, kw_only=True):
    """Asks a worker to read resources as a design. Request/reply, never stored."""

    workspace: Name
    connection: str = ""
    mesh: str = ""
    files: list[SourceFile] = []
    live: bool = False
    id: Name = "imported"
    namespace: Namespace = ""
    flat: bool = False


class ImportedDesign(Model, frozen=True, kw_only=True):
    """Existing resources as a design, and field by field what of them it does not say."""

    design: Design
    unexpressed: list[UnexpressedField] = []
    resources: int
    """how many were read as intents or listed"""
    not_read: list[FindingLocation] = []
    """resources of files whose kind says nothing that intents do"""
    unread: list[str] = []
    """kinds that could not be read in the mesh"""


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
