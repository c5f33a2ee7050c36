"""An adapter for tests of the command line and of access: a mesh without proxies that tells what a real one would.

Invariant: what it does follows from the names it is given, so a test can ask for a slow step, a failure, a refusal
of a proxy, by name.
"""

import datetime
import functools
from typing import Any

import msgspec

from meshwright.core import ids, kit
from meshwright.schemas import designs, errors, intents, meshes, operations, telemetry, workloads
from meshwright.schemas.references import ResourceRef

stage = kit.Adapter("stage", meshes=["stage"])
SLOW, DOOMED, BROKEN, POISON = "slow", "doomed", "broken", "poison"


def now() -> datetime.datetime:
    """This moment."""
    return datetime.datetime.now(datetime.UTC)


@stage.operation(operations.InstallMesh)
async def install(context: kit.Context, arguments: operations.InstallMesh) -> None:
    """Tell that the mesh is there."""
    await context.step("build", functools.partial(_tell_mesh, context, arguments.trust_domain))


@stage.operation(operations.UninstallMesh)
async def uninstall(context: kit.Context, _arguments: operations.UninstallMesh) -> None:
    """Tell that the mesh is gone."""
    command = context.command
    gone = meshes.MeshRemoved(id=command.mesh, connection=command.connection)
    await context.runtime.emit(command.workspace, command.mesh, gone)


@stage.operation(operations.RefreshStatus)
async def status(context: kit.Context, _arguments: operations.RefreshStatus) -> None:
    """Tell the mesh again."""
    await _tell_mesh(context, "mesh.local")


@stage.operation(operations.EnrolWorkloads)
async def enrol(context: kit.Context, arguments: operations.EnrolWorkloads) -> None:
    """Tell workloads, proxies and their traffic; the proxy of `broken` refuses its configuration."""
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


@stage.operation(operations.ApplyDesign)
async def apply(context: kit.Context, arguments: operations.ApplyDesign) -> None:
    """Three steps; the second takes long for `slow`, fails for `doomed`, breaks for `poison` until it is replayed."""
    design = arguments.design

    async def push() -> None:
        if design.id == DOOMED:
            raise kit.Reject(
                errors.Failure(
                    code="ST1",
                    what="the proxy reviews-v1 rejected the configuration",
                    cause="Proto constraint validation failed",
                    remedy="Give the timeout a value above zero.",
                )
            )
        if design.id.startswith(POISON) and not context.command.retry_of:
            raise RuntimeError("a defect")
        if design.id.startswith(SLOW):
            await context.progress("0 of 2 proxies acknowledged", 0)
            await context.sleep(60)

    await context.step("translate", _nothing, undo=_nothing)
    await context.step("push", push)
    await context.step("record", functools.partial(_tell_release, context, design))


@stage.operation(operations.RollbackDesign)
async def rollback(context: kit.Context, arguments: operations.RollbackDesign) -> None:
    """Tell a release again."""
    await _tell_release(context, designs.Design(id=arguments.design))


@stage.preview
async def preview(context: kit.PreviewContext) -> designs.Preview:
    """Timeouts become resources that stand already for `same`; services that start with `no-` are unknown."""
    command = context.command
    if command.kind != operations.ApplyDesign.kind.name:
        return designs.Preview(translations=[])
    design = msgspec.convert(command.arguments, operations.ApplyDesign).design
    found = designs.Preview(translations=[])
    for index, intent in enumerate(design.intents):
        if not isinstance(intent, intents.Timeout):
            kind = intents.intent_kind(intent)
            refused = intents.Unsupported(intent=kind, because="a stage has no network", instead="use timeout")
            found = msgspec.structs.replace(found, unsupported=[*found.unsupported, refused])
            continue
        if intent.service.startswith("no-"):
            problem = errors.FieldError(
                detail=f"no workload of service {intent.service!r} is enrolled", pointer=f"#/intents/{index}/service"
            )
            found = msgspec.structs.replace(found, problems=[*found.problems, problem])
        found = _with(found, design.id, _route(intent))
    return found


@stage.intent(intents.Timeout, since="1.0")
def timeout(intent: intents.Timeout, _facts: object) -> intents.Translation:
    """A timeout is one route."""
    return _route(intent)


def _ref(name: str) -> ResourceRef:
    return ResourceRef(group="stage.example", kind="Route", name=name)


def _route(intent: intents.Timeout) -> intents.Translation:
    body: dict[str, Any] = {"route": intent.service, "timeout": intent.timeout}
    resource = intents.Resource(ref=_ref(intent.service), body=body)
    return intents.Translation(intent="timeout", resources=[resource], notes=["counts retries"])


def _with(found: designs.Preview, design: str, translation: intents.Translation) -> designs.Preview:
    resource = translation.resources[0]
    after = f"route: {resource.ref.name}\ntimeout: {resource.body['timeout']}\n"
    before = after if design == "same" else f"route: {resource.ref.name}\ntimeout: 15s\n"
    change = designs.ResourceDiff(
        ref=resource.ref, change="unchanged" if before == after else "update",
        before=before, after=after,
    )  # fmt: skip
    return msgspec.structs.replace(found, translations=[*found.translations, translation], diff=[*found.diff, change])


async def _nothing() -> None:
    """A step that is done at once."""


async def _tell_mesh(context: kit.Context, trust_domain: str) -> None:
    command = context.command
    mesh = meshes.Mesh(
        id=command.mesh, kind="stage", connection=command.connection, adapter="stage", version="1.0", state="ready",
        trust_domain=trust_domain, observed_at=now(),
    )  # fmt: skip
    await context.runtime.emit(command.workspace, command.mesh, meshes.MeshObserved(mesh=mesh))


async def _tell_release(context: kit.Context, design: designs.Design) -> None:
    command = context.command
    release = designs.Release(
        id=ids.derived(command.operation), design=design, mesh=command.mesh, connection=command.connection, revision=1,
        state="applied", inventory=[_ref("reviews")], operation=command.operation,
        principal=command.principal, reason=command.reason, applied_at=now(),
    )  # fmt: skip
    await context.runtime.emit(command.workspace, release.id, designs.ReleaseChanged(release=release))
