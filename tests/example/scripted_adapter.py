"""An adapter for tests of the command line and of access: a mesh without proxies that publishes what a real one would.

Invariant: its behaviour follows from the names it is given, so a test can request a slow step, a failure, or a
rejection by a proxy, by name.
"""

import datetime
import functools
from pathlib import Path
from typing import Any

import msgspec

from meshwright.core import kit
from meshwright.core.testing.file_target import File, FileTarget, files
from meshwright.schemas import errors, intents, meshes, operations, telemetry, workloads
from meshwright.schemas.connections import EnvoyFleet
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import LogPart, LogRequest, ProxyAccount, ProxyRequest, ProxyResources

SLOW, DOOMED, BROKEN, POISON = "slow", "doomed", "broken", "poison"


class ScriptedTarget(FileTarget):
    """Routes have a timeout of 15s by default, and exist already for `same`."""

    async def dry_run(self, draft: kit.Draft, *, reserve: bool = False) -> kit.DryRun:
        """Services that start with `no-` are unknown."""
        result = await super().dry_run(draft, reserve=reserve)
        given = result.changes if draft.design else []
        changes = [self._before(each, draft.owner == "same") if each.before is None else each for each in given]
        services = [getattr(each, "service", None) or "" for each in (draft.design.intents if draft.design else [])]
        problems = [
            errors.FieldError(
                detail=f"no workload of service {service!r} is enrolled", pointer=f"#/intents/{index}/service"
            )
            for index, service in enumerate(services)
            if service.startswith("no-")
        ]
        return msgspec.structs.replace(result, changes=changes or result.changes, problems=problems)

    def existing(self, owner: str) -> dict[ResourceRef, File]:
        """Designs do not meet: each has routes of its own."""
        return {each.resource.ref: each for each in files(self.folder) if each.owner == owner}

    def path(self, owner: str, ref: ResourceRef) -> Path:
        """The file of one design's route."""
        return self.folder / f"{owner}-{ref.name}.json"

    def _before(self, change: kit.Change, same: bool) -> kit.Change:
        default = {"route": change.ref.name, "timeout": "15s"}
        return msgspec.structs.replace(change, before=change.after if same else default)

    async def wait(self, draft: kit.Draft, checkpoint: Any, attempt: kit.Attempt) -> None:
        """It takes long for `slow`, fails for `doomed`, breaks for `poison` until it is replayed."""
        if draft.owner == DOOMED:
            raise kit.Reject(
                errors.Failure(
                    code="ST1",
                    what="the proxy reviews-v1 rejected the configuration",
                    cause="Proto constraint validation failed",
                    remedy="Give the timeout a value above zero.",
                )
            )
        replayed = isinstance(attempt, kit.Context) and attempt.command.retry_of
        if draft.owner.startswith(POISON) and not replayed:
            raise RuntimeError("a defect")
        if draft.owner.startswith(SLOW):
            await attempt.progress("0 of 2 proxies acknowledged", 0)
            await attempt.sleep(60)


scripted = kit.Adapter("scripted", meshes=["scripted"], target=ScriptedTarget, connections=[EnvoyFleet])


def now() -> datetime.datetime:
    """This moment."""
    return datetime.datetime.now(datetime.UTC)


@scripted.operation(operations.InstallMesh)
async def install(context: kit.Context, arguments: operations.InstallMesh) -> None:
    """Publish the mesh."""
    await context.step("build", functools.partial(_tell_mesh, context, arguments.trust_domain))


@scripted.operation(operations.UninstallMesh)
async def uninstall(context: kit.Context, _arguments: operations.UninstallMesh) -> None:
    """Publish the removal of the mesh."""
    command = context.command
    gone = meshes.MeshRemoved(id=command.mesh, connection=command.connection)
    await context.runtime.emit(command.workspace, command.mesh, gone)


@scripted.operation(operations.RefreshStatus)
async def status(context: kit.Context, _arguments: operations.RefreshStatus) -> None:
    """Publish the mesh again."""
    await _tell_mesh(context, "mesh.local")


@scripted.operation(operations.EnrolWorkloads)
async def enrol(context: kit.Context, arguments: operations.EnrolWorkloads) -> None:
    """Publish workloads, proxies and their traffic; the proxy of `broken` rejects its configuration."""
    command = context.command
    for spec in arguments.processes:
        refused = spec.name == BROKEN
        workload = workloads.Workload(
            id=workloads.workload_id(command.mesh, "", "process", spec.name), mesh=command.mesh,
            connection=command.connection, name=spec.name, service=spec.service, version=spec.version,
            address=spec.address, port=spec.port, sidecar=spec.sidecar, observed_at=now(),
        )  # fmt: skip
        proxy = workloads.Proxy(
            id=workloads.proxy_id(command.mesh, "", spec.name), mesh=command.mesh, name=spec.name,
            workload=workload.id, version="1.36.2", observed_at=now(),
            state="rejected" if refused else "synced", sent="7", acked="6" if refused else "7",
            error="Proto constraint validation failed (ClusterValidationError.Name)" if refused else "",
        )  # fmt: skip
        await context.runtime.emit(command.workspace, workload.id, workloads.WorkloadObserved(workload=workload))
        await context.runtime.emit(command.workspace, proxy.id, workloads.ProxyObserved(proxy=proxy))
    edges = [
        telemetry.Edge(
            source="front", destination=spec.service, destination_version=spec.version,
            requests=50, errors=5, rate=10.0, error_rate=0.1, p50_ms=1.25, p99_ms=12.5,
        )
        for spec in arguments.processes
        if spec.name != "front"
    ]  # fmt: skip
    measured = telemetry.EdgesMeasured(mesh=command.mesh, start=now(), seconds=5.0, edges=edges)
    await context.runtime.measure(command.workspace, measured)


@scripted.logs
async def logs(_scope: kit.Scope, request: LogRequest) -> list[LogPart]:
    """Numbered lines of each proxy; workloads have no logs."""
    if request.of == "workload":
        raise kit.Reject(errors.Failure(code="MW0001", what="workloads write no log", remedy="Look at the proxy's."))
    lines = [f"line {number} of {request.name}" for number in range(1, 1001)]
    return [LogPart(name=f"{request.name}.log", text="\n".join(lines[-request.lines :]))]


@scripted.proxy_account
async def account(_scope: kit.Scope, request: ProxyRequest) -> ProxyAccount:
    """Each proxy runs with one route."""
    return ProxyAccount(resources=[ProxyResources(type="Route", count=1, names=[request.name])])


@scripted.intent(intents.Timeout, since="1.0")
def timeout(intent: intents.Timeout, _facts: object) -> intents.Translation:
    """A timeout is one route."""
    body: dict[str, Any] = {"route": intent.service, "timeout": intent.timeout}
    ref = ResourceRef(group="scripted.example", kind="Route", name=intent.service)
    resource = intents.Resource(ref=ref, body=body)
    return intents.Translation(intent="timeout", resources=[resource], notes=["counts retries"])


for _kind in intents.INTENT_TYPES:
    if _kind is not intents.Timeout:
        scripted.unsupported(_kind, because="a script has no network", instead="use timeout")


async def _tell_mesh(context: kit.Context, trust_domain: str) -> None:
    command = context.command
    mesh = meshes.Mesh(
        id=command.mesh, kind="scripted", connection=command.connection, adapter="scripted", version="1.0",
        state="ready", trust_domain=trust_domain, observed_at=now(),
    )  # fmt: skip
    await context.runtime.emit(command.workspace, command.mesh, meshes.MeshObserved(mesh=mesh))
