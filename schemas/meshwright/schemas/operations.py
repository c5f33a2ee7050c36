"""Operations: the command, its events, and the resource that users read.

Invariant: a command names one adapter and one target; everything that happens to it is an event of this module; the
first terminal event in stream order decides. Arguments are typed by operation (`Arguments`).
"""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from meshwright.schemas.base import Message, Model, Moment, Name, Text, Ulid, Wire
from meshwright.schemas.designs import Design
from meshwright.schemas.errors import Failure
from meshwright.schemas.workloads import AnyEnrolment, AnyMember, ProcessEnrolment, ProcessMember, WorkloadSpec

OperationState: TypeAlias = Literal[
    "accepted",
    "queued",
    "waiting",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "dead_lettered",
]
MeshWord: TypeAlias = Annotated[str, Meta(max_length=128)]
"""a version, revision, profile or namespace of a mesh, in the mesh's own notation"""
TERMINAL_STATES: frozenset[OperationState] = frozenset(
    {"succeeded", "failed", "cancelled", "timed_out", "dead_lettered"}
)


class OperationKind(Model, frozen=True):
    """The name of an operation on the wire, the version of its arguments, and whether it changes its mesh.

    Operations that change a mesh run one at a time per mesh, in the order of their acceptance.
    """

    name: str
    version: int = 1
    mutates: bool = True


class Arguments(Model, frozen=True, kw_only=True):
    """The typed arguments of one operation; `kind` is its identity.

    `former` is the version before, which is still accepted.
    """

    kind: ClassVar[OperationKind]
    former: ClassVar["type[FormerArguments] | None"] = None


class FormerArguments(Arguments, frozen=True, kw_only=True):
    """Arguments of an earlier version of an operation."""

    def renewed(self) -> Arguments:
        """The same arguments in the next version."""
        raise NotImplementedError


class InstallMeshV1(FormerArguments, frozen=True, kw_only=True):
    """Create a mesh, or change an existing one to these settings."""

    kind: ClassVar[OperationKind] = OperationKind("mesh.install")
    trust_domain: str = "mesh.local"
    version: str = ""

    def renewed(self) -> "InstallMesh":
        """The same arguments in the next version."""
        return InstallMesh(trust_domain=self.trust_domain, version=self.version)


class InstallMesh(Arguments, frozen=True, kw_only=True):
    """Create a mesh, or change an existing one to these settings.

    Empty fields are chosen by the adapter. `values` are the mesh's own, validated by the adapter's JSON Schema.
    """

    kind: ClassVar[OperationKind] = OperationKind("mesh.install", version=2)
    former: ClassVar[type[FormerArguments] | None] = InstallMeshV1
    version: MeshWord = ""
    revision: MeshWord = ""
    profile: MeshWord = ""
    namespace: MeshWord = ""
    trust_domain: str = "mesh.local"
    values: dict[str, Any] = {}


class AdoptMesh(Arguments, frozen=True, kw_only=True):
    """Manage a mesh that is there already, as it is; nothing of it is changed.

    Without `namespace` and `revision` it is the only one that is not managed yet.
    """

    kind: ClassVar[OperationKind] = OperationKind("mesh.adopt")
    namespace: MeshWord = ""
    revision: MeshWord = ""


class ForgetMesh(Arguments, frozen=True, kw_only=True):
    """Manage an adopted mesh no longer; nothing of it is changed."""

    kind: ClassVar[OperationKind] = OperationKind("mesh.forget")


class UpgradeMesh(Arguments, frozen=True, kw_only=True):
    """Upgrade an existing mesh to another version, by default the newest that the adapter knows."""

    kind: ClassVar[OperationKind] = OperationKind("mesh.upgrade")
    version: MeshWord = ""
    revision: MeshWord = ""
    values: dict[str, Any] = {}


Definitions: TypeAlias = Literal["keep", "unused", "all"]


class UninstallMesh(Arguments, frozen=True, kw_only=True):
    """Remove a mesh with its proxies and policies."""

    kind: ClassVar[OperationKind] = OperationKind("mesh.uninstall")
    definitions: Definitions = "keep"
    """which definitions of its resources to remove too: those without objects, or `all` with their objects"""


class EnrolWorkloadsV1(FormerArguments, frozen=True, kw_only=True):
    """Give processes a proxy and an identity."""

    kind: ClassVar[OperationKind] = OperationKind("workloads.enrol")
    workloads: list[WorkloadSpec]

    def renewed(self) -> "EnrolWorkloads":
        """The same arguments in the next version."""
        return enrolling(self.workloads)


class EnrolWorkloads(Arguments, frozen=True, kw_only=True):
    """Give workloads a proxy and an identity; enrolling one twice changes nothing."""

    kind: ClassVar[OperationKind] = OperationKind("workloads.enrol", version=2)
    former: ClassVar[type[FormerArguments] | None] = EnrolWorkloadsV1
    workloads: list[AnyEnrolment]

    @property
    def processes(self) -> list[WorkloadSpec]:
        """Those of them that are processes, in the form used in a design."""
        return [each.spec for each in self.workloads if isinstance(each, ProcessEnrolment)]


class WithdrawWorkloadsV1(FormerArguments, frozen=True, kw_only=True):
    """Withdraw processes from the mesh, by their names."""

    kind: ClassVar[OperationKind] = OperationKind("workloads.withdraw")
    workloads: list[Name]

    def renewed(self) -> "WithdrawWorkloads":
        """The same arguments in the next version."""
        return withdrawing(self.workloads)


class WithdrawWorkloads(Arguments, frozen=True, kw_only=True):
    """Withdraw workloads from the mesh."""

    kind: ClassVar[OperationKind] = OperationKind("workloads.withdraw", version=2)
    former: ClassVar[type[FormerArguments] | None] = WithdrawWorkloadsV1
    workloads: list[AnyMember]

    @property
    def processes(self) -> list[str]:
        """The names of those of them that are processes."""
        return [each.name for each in self.workloads if isinstance(each, ProcessMember)]


def enrolling(specs: Iterable[WorkloadSpec], others: Iterable[AnyEnrolment] = ()) -> EnrolWorkloads:
    """The arguments that enrol these processes and other members."""
    processes = [ProcessEnrolment(**msgspec.structs.asdict(spec)) for spec in specs]
    return EnrolWorkloads(workloads=[*processes, *others])


def withdrawing(names: Iterable[str]) -> WithdrawWorkloads:
    """The arguments that withdraw the processes of these names."""
    return WithdrawWorkloads(workloads=[ProcessMember(name=name) for name in names])


class ApplyDesign(Arguments, frozen=True, kw_only=True):
    """Make a mesh match a design: enrol its workloads, translate its intents, wait for the proxies."""

    kind: ClassVar[OperationKind] = OperationKind("design.apply")
    design: Design
    take_over: bool = False
    """whether ownership of fields is taken from other field managers, on meshes where fields have owners"""


class RemoveDesign(Arguments, frozen=True, kw_only=True):
    """Undo everything that the current release of a design applied."""

    kind: ClassVar[OperationKind] = OperationKind("design.remove")
    design: Name


class RollbackDesign(Arguments, frozen=True, kw_only=True):
    """Apply an earlier revision of a design again; without `revision` the one before the current."""

    kind: ClassVar[OperationKind] = OperationKind("design.rollback")
    design: Name
    revision: int | None = None


class RefreshStatus(Arguments, frozen=True, kw_only=True):
    """Read the state of the mesh now and publish it."""

    kind: ClassVar[OperationKind] = OperationKind("mesh.status", mutates=False)


class RotateCertificates(Arguments, frozen=True, kw_only=True):
    """Issue new certificates to every proxy of a mesh."""

    kind: ClassVar[OperationKind] = OperationKind("mesh.rotate-certificates")


OPERATION_TYPES: tuple[type[Arguments], ...] = (
    InstallMesh, UpgradeMesh, UninstallMesh, EnrolWorkloads, WithdrawWorkloads, ApplyDesign, RemoveDesign,
    RollbackDesign, RefreshStatus, RotateCertificates, AdoptMesh, ForgetMesh,
)  # fmt: skip
_BY_NAME = {arguments.kind.name: arguments for arguments in OPERATION_TYPES}
A = TypeVar("A", bound=Arguments)


def understands(arguments: type[Arguments], version: int) -> bool:
    """Whether a command of that version can be decoded as these arguments."""
    former = arguments.former
    return version == arguments.kind.version or (former is not None and version == former.kind.version)


def arguments_of(command: "Command", wanted: type[A]) -> A:
    """The arguments of a command, also of the version before.

    Raises msgspec.ValidationError when they do not fit.
    """
    former = wanted.former
    if former is not None and command.version == former.kind.version:
        arguments = msgspec.convert(command.arguments, former).renewed()
        assert isinstance(arguments, wanted)
        return arguments
    return msgspec.convert(command.arguments, wanted)


def renewed(command: "Command") -> tuple[int, dict[str, Any]]:
    """The current version and arguments of the same request; unchanged when they cannot be decoded."""
    wanted = _BY_NAME.get(command.kind)
    if wanted is None or command.version == wanted.kind.version or not understands(wanted, command.version):
        return command.version, command.arguments
    try:
        arguments = arguments_of(command, wanted)
    except msgspec.ValidationError:
        return command.version, command.arguments
    return wanted.kind.version, msgspec.to_builtins(arguments)


class Command(Message, frozen=True, kw_only=True):
    """A request to one adapter for one operation on one mesh; its copy in EVENTS is the acceptance."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.accepted.v1", "operation")
    operation: Ulid
    workspace: Name
    adapter: Name
    connection: Name
    mesh: Name
    kind: str
    version: int = 1
    mutates: bool = True
    arguments: dict[str, Any] = {}
    principal: str
    reason: Text = ""
    accepted_at: Moment
    deadline: Moment
    keep_on_failure: bool = False
    retry_of: Ulid | None = None
    fingerprint: str = ""


class OperationQueued(Message, frozen=True, kw_only=True):
    """A worker holds the command but has to wait; `reason` says for what, `behind` for which operation.

    `interrupted` means that it ran and its worker was shut down: another one will resume it.
    """

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.queued.v1", "operation")
    worker: str
    reason: str = ""
    behind: Ulid | None = None
    interrupted: bool = False


class OperationStarted(Message, frozen=True, kw_only=True):
    """A worker began an attempt; attempts count from 1."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.started.v1", "operation")
    worker: str
    adapter_version: str
    attempt: int


class OperationProgressed(Message, frozen=True, kw_only=True):
    """A readable line about the current work; `percent` is of the running step."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.progressed.v1", "operation")
    message: Text
    percent: float | None = None


class StepStarted(Message, frozen=True, kw_only=True):
    """A durable step began."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.step_started.v1", "operation")
    step: str
    attempt: int


class StepCompleted(Message, frozen=True, kw_only=True):
    """A durable step is done and will never run again; `result` is returned to later attempts."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.step_completed.v1", "operation")
    step: str
    attempt: int
    result: Any = None


class StepFailed(Message, frozen=True, kw_only=True):
    """A step failed; whether it is retried is decided by the operation."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.step_failed.v1", "operation")
    step: str
    attempt: int
    failure: Failure


TAKING_BACK = "undoing"
"""the progress of an operation that is being undone"""


class OperationUndoing(Message, frozen=True, kw_only=True):
    """The operation will not succeed: from here on a worker only undoes completed steps, then publishes this `end`."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.undoing.v1", "operation")
    worker: str
    end: Literal["failed", "cancelled", "timed_out", "dead_lettered"]
    failure: Failure | None = None


class StepUndone(Message, frozen=True, kw_only=True):
    """A completed step was undone; with a `failure` the undo itself failed."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.step_undone.v1", "operation")
    step: str
    failure: Failure | None = None


class OperationRetrying(Message, frozen=True, kw_only=True):
    """The attempt failed temporarily; the next one starts at `next_attempt_at`."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.retrying.v1", "operation")
    failure: Failure
    next_attempt_at: Moment


class CancelRequested(Message, frozen=True, kw_only=True):
    """A user requested cancellation; the worker answers with `cancelled`.

    With `abandon` nothing is undone, and any worker of the adapter may answer, also one of a version that does not
    support the operation: this frees a mesh from an operation that no worker can end any more.
    """

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.cancel_requested.v1", "operation")
    principal: str
    reason: str = ""
    abandon: bool = False


class OperationSucceeded(Message, frozen=True, kw_only=True):
    """The operation completed."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.succeeded.v1", "operation")
    result: Any = None


class OperationFailed(Message, frozen=True, kw_only=True):
    """The operation failed; completed steps were undone unless kept."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.failed.v1", "operation")
    failure: Failure


class OperationCancelled(Message, frozen=True, kw_only=True):
    """The operation was cancelled by a user."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.cancelled.v1", "operation")
    principal: str = ""
    reason: str = ""


class OperationTimedOut(Message, frozen=True, kw_only=True):
    """The deadline passed before the operation ended."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.timed_out.v1", "operation")
    deadline: Moment


class OperationDeadLettered(Message, frozen=True, kw_only=True):
    """No worker could complete or even decode the command; it is stored in DEADLETTERS and can be replayed."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.operation.dead_lettered.v1", "operation")
    failure: Failure
    command_seq: int


class Step(Model, frozen=True, kw_only=True):
    """A step as users read it: its events grouped into one row."""

    name: str
    state: Literal["running", "completed", "failed", "undone", "undo_failed"]
    attempt: int
    started_at: Moment
    finished_at: Moment | None = None
    failure: Failure | None = None


class Operation(Model, frozen=True, kw_only=True):
    """The history of one command, as the API shows it. `progress` is the newest readable line.

    `connection` and `mesh` are empty only until the copy of the command has arrived.
    """

    id: Ulid
    workspace: Name
    adapter: Name
    connection: str = ""
    mesh: str = ""
    kind: str = ""
    state: OperationState = "accepted"
    done: bool = False
    attempt: int = 0
    worker: str = ""
    progress: str = ""
    waiting_for: str = ""
    steps: list[Step] = []
    arguments: dict[str, Any] = {}
    result: Any = None
    failure: Failure | None = None
    principal: str = ""
    reason: str = ""
    cancel_requested: bool = False
    retry_of: Ulid | None = None
    accepted_at: Moment | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = None
    deadline: Moment | None = None
    trace_id: str = ""
    last_seq: int = 0
    """stream sequence of the newest event of this operation in EVENTS"""
    title: str = ""
    """what it does, as people say it: `Apply shop to demo`"""
    design: str = ""
    """the design that it is about, where it is about one"""
    members: list[str] = []
    """the first 20 workloads or namespaces that it is about, as `namespace/name`"""
