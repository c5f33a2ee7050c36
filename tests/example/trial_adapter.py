"""An adapter for the API's tests, which keeps a mesh in memory with the enrolled services.

Invariant: it answers and publishes what a real one would, without any proxy.
"""

import datetime
import shutil
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from meshwright.core import kit
from meshwright.core.testing.file_target import FileTarget, folder
from meshwright.schemas import errors, intents, meshes, operations, workloads
from meshwright.schemas.connections import EnvoyFleet
from meshwright.schemas.references import ResourceRef

_enrolled: dict[tuple[str, str], dict[str, workloads.WorkloadSpec]] = {}


class TrialTarget(FileTarget):
    """Files, of services that are enrolled."""

    async def dry_run(self, draft: kit.Draft, *, reserve: bool = False) -> kit.DryRun:
        """Every other service is a problem."""
        result = await super().dry_run(draft, reserve=reserve)
        known = {spec.service for spec in _enrolled.get((self.mesh.workspace, self.mesh.mesh), {}).values()}
        problems = [
            errors.FieldError(
                detail=f"no workload of service {intent.service!r} is enrolled", pointer=f"#/intents/{index}/service"
            )
            for index, intent in enumerate(draft.design.intents if draft.design else [])
            if isinstance(intent, intents.Timeout) and intent.service not in known
        ]
        return msgspec.structs.replace(result, problems=problems)


trial = kit.Adapter("trial", meshes=["trial"], target=TrialTarget, connections=[EnvoyFleet])


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
    """Publish the mesh."""
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
    """Publish the removal of the mesh."""
    command = context.command
    _enrolled.pop((command.workspace, command.mesh), None)
    await kit.forget_designs(context.runtime, command.workspace, command.mesh)
    shutil.rmtree(folder(context.runtime.data_dir, command.workspace, command.mesh), ignore_errors=True)
    gone = meshes.MeshRemoved(id=command.mesh, connection=command.connection)
    await context.runtime.emit(command.workspace, command.mesh, gone)


@trial.operation(operations.EnrolWorkloads)
async def enrol(context: kit.Context, arguments: operations.EnrolWorkloads) -> None:
    """Publish the workloads."""
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
    """Publish the removal of the workloads."""
    command = context.command
    for name in arguments.processes:
        _enrolled.get((command.workspace, command.mesh), {}).pop(name, None)
        entity = workloads.workload_id(command.mesh, "", "process", name)
        gone = workloads.WorkloadRemoved(id=entity, mesh=command.mesh, name=name)
        await context.runtime.emit(command.workspace, entity, gone)


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


for _kind in intents.INTENT_TYPES:
    if _kind is not intents.Timeout:
        trial.unsupported(_kind, because="a trial", instead="timeout")
