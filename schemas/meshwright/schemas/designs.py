"""Designs and releases: the desired state of a mesh, and what was applied.

Invariant: a design is never changed in place; each write is a new version in the STATE stream. A release is one design
version on one mesh together with the inventory of what it applied, so it can be diffed and undone.
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

    `namespace` is the default of its short service names, on a mesh that has namespaces.
    """

    id: Name
    description: Text = ""
    namespace: Namespace = ""
    self_heal: bool = False
    """whether changes by others to what it applied are reverted"""
    workloads: Annotated[list[WorkloadSpec], Meta(max_length=500)] = []
    resources: Annotated[list[NativeResource], Meta(max_length=500)] = []
    intents: Annotated[
        list[AnyIntent],
        Meta(max_length=500, examples=[[{"intent": "timeout", "service": "reviews", "timeout": "250ms"}]]),
    ] = []


class DesignWritten(Message, frozen=True, kw_only=True):
    """A user saved a version of a design."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.design.written.v1", "design")
    document: Design
    version: int = 0
    """counted per design from 1, deletions too; 0: written before versions were counted"""
    principal: str
    reason: str = ""


class ProxiesTaken(Model, frozen=True, kw_only=True):
    """What the proxies of a mesh took of what was applied, as its control planes saw it when the operation ended."""

    sent: int = 0
    """the number of proxies that were sent anything since"""
    taken: int = 0
    """the number of those that acknowledged it"""
    behind: list[str] = []
    """the first of those that did not acknowledge it in time; they receive it when they answer again"""
    refusing: list[str] = []
    """the first of those that reject what they rejected before"""
    unconfirmed: Text = ""
    """why not all control planes could be asked; empty when they were"""


class Release(Model, frozen=True, kw_only=True):
    """One applied revision of a design on one mesh. `revision` counts from 1 per (mesh, design)."""

    id: Ulid
    design: Design
    mesh: Name
    connection: Name
    revision: int
    state: ReleaseState
    inventory: list[ResourceRef]
    """all resources that belong to the release, including those that existed before it"""
    operation: Ulid
    principal: str
    reason: str = ""
    applied_at: Moment
    proxies: ProxiesTaken | None = None
    """what its proxies took of it when it was applied; null when the mesh does not say"""


class ReleaseChanged(Message, frozen=True, kw_only=True):
    """A release was applied, superseded, rolled back or removed; carries the whole release."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.release.changed.v2", "release")
    release: Release


class ReleaseV1(Model, frozen=True, kw_only=True):
    """A release in the form from before native resources had references."""

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
        """The same release in the form of version 2."""
        fields = msgspec.structs.asdict(self)
        return Release(**{**fields, "inventory": inventory(self.inventory)})


class ReleaseChangedV1(Message, frozen=True, kw_only=True):
    """A release in the form from before native resources had references; still decoded, no longer published."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.release.changed.v1", "release")
    release: ReleaseV1


class ResourceDiff(Model, frozen=True, kw_only=True):
    """The planned change of one native resource. `before` and `after` are YAML texts, empty when absent."""

    ref: ResourceRef
    change: Literal["create", "update", "delete", "unchanged"]
    before: str = ""
    after: str = ""
    conflict: str = ""
    """the field managers that own the changed fields; empty when there is no conflict"""


class Preview(Model, frozen=True, kw_only=True):
    """What applying a design would do: translations per intent, refusals, and the difference to the running state."""

    translations: list[Translation]
    unsupported: list[Unsupported] = []
    problems: list[FieldError] = []
    diff: list[ResourceDiff] = []


class UnexpressedField(Model, frozen=True, kw_only=True):
    """A field of an existing resource, with everything below it, that no intent can express."""

    location: FindingLocation
    because: Text


class FilesToImport(Model, frozen=True, kw_only=True):
    """Files of Kubernetes YAML to import as a design.

    With `namespace` only that namespace is imported, and it is the default of resources that name none; otherwise
    `default` is. `flat` omits namespaces from the design, for a mesh without them.
    """

    files: Annotated[list[SourceFile], Meta(min_length=1, max_length=MAX_FILES)]
    id: Name = "imported"
    namespace: Namespace = ""
    flat: bool = False


class MeshToImport(Model, frozen=True, kw_only=True):
    """What to import from a mesh as a design: its present resources, or files for it; see `FilesToImport`."""

    files: Annotated[list[SourceFile], Meta(max_length=MAX_FILES)] = []
    live: bool = True
    id: Name = "imported"
    namespace: Namespace = ""
    flat: bool = False


class ImportRequest(Model, frozen=True, kw_only=True):
    """Asks a worker to import resources as a design. Request/reply, never stored."""

    workspace: Name
    connection: str = ""
    mesh: str = ""
    files: list[SourceFile] = []
    live: bool = False
    id: Name = "imported"
    namespace: Namespace = ""
    flat: bool = False


class ImportedDesign(Model, frozen=True, kw_only=True):
    """Existing resources as a design, and the fields of them that it does not express."""

    design: Design
    unexpressed: list[UnexpressedField] = []
    resources: int
    """the number of resources that were read as intents or listed"""
    not_read: list[FindingLocation] = []
    """resources in files of kinds that have no equivalent intent"""
    unread: list[str] = []
    """kinds that could not be read in the mesh"""


def design_problems(design: Design) -> list[FieldError]:
    """Everything in a design that is invalid by itself, independent of any mesh."""
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
    """The uses of namespaces in a design, each of which is an error on a mesh without namespaces."""
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
