"""An adapter for the API's tests: it keeps a mesh in memory, and knows the services that are enrolled.

Invariant: it answers and tells what a real one would, without any proxy.
"""

import datetime
from pathlib import Path
from typing import Any, ClassVar

from meshwright.core import ids, kit
from meshwright.schemas import designs, errors, intents, meshes, operations, workloads
from meshwright.schemas.references import ResourceRef

trial = kit.Adapter("trial", meshes=["trial"])
_enrolled: dict[tuple[str, str], dict[str, workloads.WorkloadSpec]] = {}
_revisions: dict[tuple[str, str, str], int] = {}


class Slow(operations.Arguments, frozen=True, kw_only=True):
    """Takes its time; does not change the mesh."""

    kind: ClassVar[operations.OperationKind] = operations.OperationKind("trial.slow", mutates=False)
    seconds: float = 30.0


class NoOp(operations.Arguments, frozen=True, kw_only=True):
    """Does nothing."""

    kind: ClassVar[operations.OperationKind] = operations.OperationKind("trial.noop", mutates=False)


class Fail(operations.Arguments, frozen=True, kw_only=True):
    """Fails at once."""

    kind: ClassVar[operations.OperationKind] = operations.OperationKind("trial.fail", mutates=False)


class Poison(operations.Arguments, frozen=True, kw_only=True):
    """Breaks its worker's code, until a file is there."""

    kind: ClassVar[operations.OperationKind] = operations.OperationKind("trial.poison", mutates=False)
    cure: str


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@trial.operation(operations.InstallMesh)
async def install(context: kit.Context, arguments: operations.InstallMesh) -> None:
    """Tell that the mesh is there."""
    command = context.command
    _enrolled[command.workspace, command.mesh] = {}
    mesh = meshes.Mesh(
        id=command.mesh,
        kind="trial",
        connection=command.connection,
        adapter="trial",
        state="ready",
        trust_domain=arguments.trust_domain,
        observed_at=_now(),
    )
    await context.runtime.emit(command.workspace, command.mesh, meshes.MeshObserved(mesh=mesh))


@trial.operation(operations.UninstallMesh)
async def uninstall(context: kit.Context, _arguments: operations.UninstallMesh) -> None:
    """Tell that the mesh is gone."""
    command = context.command
    _enrolled.pop((command.workspace, command.mesh), None)
    gone = meshes.MeshRemoved(id=command.mesh, connection=command.connection)
    await context.runtime.emit(command.workspace, command.mesh, gone)


@trial.operation(operations.EnrolWorkloads)
async def enrol(context: kit.Context, arguments: operations.EnrolWorkloads) -> None:
    """Tell that the workloads are there."""
    command = context.command
    for spec in arguments.processes:
        _enrolled.setdefault((command.workspace, command.mesh), {})[spec.name] = spec
        seen = workloads.Workload(
            id=workloads.workload_id(command.mesh, "", "process", spec.name),
            mesh=command.mesh,
            connection=command.connection,
            name=spec.name,
            service=spec.service,
            version=spec.version,
            address=spec.address,
            port=spec.port,
            observed_at=_now(),
        )
        await context.runtime.emit(command.workspace, seen.id, workloads.WorkloadObserved(workload=seen))


@trial.operation(operations.WithdrawWorkloads)
async def withdraw(context: kit.Context, arguments: operations.WithdrawWorkloads) -> None:
    """Tell that the workloads are gone."""
    command = context.command
    for name in arguments.processes:
        _enrolled.get((command.workspace, command.mesh), {}).pop(name, None)
        entity = workloads.workload_id(command.mesh, "", "process", name)
        gone = workloads.WorkloadRemoved(id=entity, mesh=command.mesh, name=name)
        await context.runtime.emit(command.workspace, entity, gone)


@trial.operation(operations.ApplyDesign)
async def apply(context: kit.Context, arguments: operations.ApplyDesign) -> None:
    """Tell of a release."""
    command, design = context.command, arguments.design
    place = (command.workspace, command.mesh, design.id)
    _revisions[place] = _revisions.get(place, 0) + 1
    release = designs.Release(
        id=ids.fresh(),
        design=design,
        mesh=command.mesh,
        connection=command.connection,
        revision=_revisions[place],
        state="applied",
        inventory=[
            ResourceRef(group="trial", kind="Timeout", name=intents.intent_kind(intent)) for intent in design.intents
        ],
        operation=command.operation,
        principal=command.principal,
        reason=command.reason,
        applied_at=_now(),
    )
    await context.runtime.emit(command.workspace, release.id, designs.ReleaseChanged(release=release))


@trial.operation(Slow)
async def slow(context: kit.Context, arguments: Slow) -> None:
    """Wait."""
    await context.sleep(arguments.seconds)


@trial.operation(NoOp)
async def noop(_context: kit.Context, _arguments: NoOp) -> None:
    """Succeed at once."""


@trial.operation(Fail)
async def fail(_context: kit.Context, _arguments: Fail) -> None:
    """Fail at once."""
    raise kit.Reject(errors.Failure(code="TR1", what="told to fail"))


@trial.operation(Poison)
async def poison(_context: kit.Context, arguments: Poison) -> None:
    """Break, as a defect would."""
    if not Path(arguments.cure).exists():  # noqa: ASYNC240 - a look at a local file
        raise RuntimeError("a defect")


@trial.intent(intents.Timeout)
def timeout(intent: intents.Timeout, _facts: object) -> intents.Translation:
    """A timeout is one resource."""
    body: dict[str, Any] = {"seconds": intent.timeout}
    resource = intents.Resource(ref=ResourceRef(group="trial", kind="Timeout", name=intent.service), body=body)
    return intents.Translation(intent="timeout", resources=[resource])


@trial.preview
async def preview(context: kit.PreviewContext) -> designs.Preview:
    """Translate timeouts, refuse everything else and every unknown service."""
    command = context.command
    if command.kind != operations.ApplyDesign.kind.name:
        return designs.Preview(translations=[])
    design = operations.ApplyDesign(**_decoded(command)).design
    known = {spec.service for spec in _enrolled.get((command.workspace, command.mesh), {}).values()}
    translations, unsupported, problems = [], [], []
    for index, intent in enumerate(design.intents):
        if isinstance(intent, intents.Timeout):
            translations.append(timeout(intent, None))
            if intent.service not in known:
                detail = f"no workload of service {intent.service!r} is enrolled"
                problems.append(errors.FieldError(detail=detail, pointer=f"#/intents/{index}/service"))
        else:
            kind = intents.intent_kind(intent)
            unsupported.append(intents.Unsupported(intent=kind, because="a trial", instead="timeout"))
    found = [one for one in translations if isinstance(one, intents.Translation)]
    diff = [designs.ResourceDiff(ref=one.resources[0].ref, change="create") for one in found]
    return designs.Preview(translations=found, unsupported=unsupported, problems=problems, diff=diff)


def _decoded(command: operations.Command) -> dict[str, Any]:
    import msgspec

    return {"design": msgspec.convert(command.arguments["design"], designs.Design)}
