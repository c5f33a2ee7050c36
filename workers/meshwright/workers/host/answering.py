"""The endpoints of a live worker: itself, previews, intents, connections, rights, detection, analysis, import, logs.

Invariant: requests change nothing; an operation that the adapter does not know is refused with the list of those that
it does.
"""

import asyncio
import contextlib
import datetime
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias, TypeVar

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.bus.client.serving import DEPENDENCY, Endpoint, Refusal
from meshwright.core.kit import analysis, structural
from meshwright.core.kit.importing import CannotImport
from meshwright.core.kit.lifecycle.releases import BUCKET, Releases
from meshwright.schemas import connections, designs, operations
from meshwright.schemas.adapters import MeshIntents, NeededRights, RightsRequest
from meshwright.schemas.errors import Failure
from meshwright.schemas.findings import Analysis, AnalysisRequest
from meshwright.schemas.meshes import DetectionRequest, Detections
from meshwright.schemas.workloads import LogRequest, Logs, ProxyAccount, ProxyRequest

_DETECTED_S = 18.0
T = TypeVar("T")
Answer: TypeAlias = Callable[[kit.Adapter, kit.Runtime, object, bytes], Awaitable[Any]]


def endpoints(
    adapter: kit.Adapter, runtime: kit.Runtime, service: object, connection: mwbus.Connection
) -> dict[str, Endpoint]:
    """The endpoints of one worker by name; `service` is the value of the adapter's own `@service`."""
    announcement = adapter.announcement(runtime.instance)

    async def info(_: bytes) -> bytes:
        return msgspec.json.encode(announcement)

    async def diagnose(_: bytes) -> bytes:
        first, last = await connection.stream_bounds("COMMANDS")
        return msgspec.json.encode(
            {
                "instance": runtime.instance,
                "adapter": adapter.name,
                "connected": connection.is_connected,
                "commands": {"first": first, "last": last},
                "time": datetime.datetime.now(datetime.UTC),
            }
        )

    def answered(answer: Answer) -> Endpoint:
        async def endpoint(payload: bytes) -> bytes:
            return msgspec.json.encode(await answer(adapter, runtime, service, payload))

        return endpoint

    return {"info": info, "diagnose": diagnose, **{name: answered(each) for name, each in _ANSWERS.items()}}


async def _intents(adapter: kit.Adapter, runtime: kit.Runtime, service: object, payload: bytes) -> MeshIntents:
    mesh = _decoded(payload, kit.MeshRef, "MW1003", "not a mesh")
    with _refusing():
        return await adapter.intents_of(kit.Scope(runtime, service, mesh))


async def _preview(adapter: kit.Adapter, runtime: kit.Runtime, service: object, payload: bytes) -> designs.Preview:
    command = _decoded(payload, operations.Command, "MW1003", "not a command")
    if command.kind not in adapter.operations:
        known = ", ".join(sorted(adapter.operations))
        raise Refusal(Failure(code="MW1004", what=f"{adapter.name} has no {command.kind}", remedy=f"It has: {known}"))
    if adapter.previewer is None:
        raise Refusal(Failure(code="MW1005", what=f"the {adapter.name} adapter cannot preview"))
    with _refusing():
        return await adapter.previewer(kit.PreviewContext(command, runtime, service))


async def _test(adapter: kit.Adapter, runtime: kit.Runtime, _: object, payload: bytes) -> connections.ConnectionTest:
    asked = _decoded(payload, connections.ConnectionTestRequest, "MW1015", "not a request to test a connection")
    with _refusing():
        connection = await runtime.connections.get(asked.workspace, asked.connection, asked.seq)
        result = await adapter.try_connection(runtime, connection)
    return msgspec.structs.replace(result, worker=runtime.instance)


async def _rights(adapter: kit.Adapter, runtime: kit.Runtime, _: object, payload: bytes) -> NeededRights:
    asked = _decoded(payload, RightsRequest, "MW1030", "not a request for the rights of an installation")
    if adapter.rights_reader is None:
        raise Refusal(Failure(code="MW1030", what=f"the {adapter.name} adapter installs nothing in clusters"))
    with _refusing():
        return await adapter.rights_reader(runtime, asked)


async def _detect(adapter: kit.Adapter, runtime: kit.Runtime, service: object, payload: bytes) -> Detections:
    asked = _decoded(payload, DetectionRequest, "MW1023", "not a request to detect meshes")
    if adapter.adoption is None:
        raise Refusal(Failure(code="MW1024", what=f"the {adapter.name} adapter does not detect meshes"))
    try:
        async with asyncio.timeout(_DETECTED_S):
            with _refusing():
                await runtime.connections.get(asked.workspace, asked.connection, asked.seq)
                return await kit.detect(
                    adapter.adoption, kit.ConnectionScope(runtime, service, asked.workspace, asked.connection)
                )
    except TimeoutError as error:
        silent = Failure(code="MW1025", what=f"it did not answer within {_DETECTED_S:g} s")
        raise Refusal(silent, DEPENDENCY) from error


async def _analyze(adapter: kit.Adapter, runtime: kit.Runtime, service: object, payload: bytes) -> Analysis:
    question = _decoded(payload, AnalysisRequest, "MW1017", "not a request to analyze")
    if adapter.analyzers is None:
        raise Refusal(Failure(code="MW1018", what=f"the {adapter.name} adapter does not analyze"))
    written, unreadable = await asyncio.to_thread(analysis.read_files, question.files, designs=True)
    live, definitions = analysis.LiveResources(manifests=[]), structural.Definitions()
    applied: list[analysis.Manifest] = []
    scope = kit.Scope(runtime, service, _mesh(question))
    with _refusing():
        if question.live:
            if adapter.resource_reader is None:
                what = f"the {adapter.name} adapter analyzes files only"
                raise Refusal(Failure(code="MW1018", what=what, remedy="Give files, and leave out `live`."))
            live = await adapter.resource_reader(scope)
            applied = await _applied(runtime, scope.mesh)
        if question.mesh and written and adapter.definition_reader:
            kinds = {(each.ref.group, each.ref.kind) for each in written}
            definitions = await adapter.definition_reader(scope, kinds)

    def analyzed() -> Analysis:
        """The findings; a resource of the files stands for the one of the mesh."""
        assert adapter.analyzers
        return adapter.analyzers.run(
            analysis.Manifests([*live.manifests, *applied, *written]),
            unreadable,
            question.suppress,
            complete=question.live,
            unread=live.unread,
            definitions=definitions,
        )

    return await asyncio.to_thread(analyzed)


async def _applied(runtime: kit.Runtime, mesh: kit.MeshRef) -> list[analysis.Manifest]:
    """The designs that are applied on a mesh."""
    releases = Releases(await runtime.bucket(BUCKET), runtime)
    return [
        analysis.applied(each.design)
        for workspace, each in await releases.every()
        if (workspace, each.mesh) == (mesh.workspace, mesh.mesh)
    ]


def _mesh(question: AnalysisRequest | designs.ImportRequest) -> kit.MeshRef:
    return kit.MeshRef(workspace=question.workspace, connection=question.connection, mesh=question.mesh)


async def _import(
    adapter: kit.Adapter, runtime: kit.Runtime, service: object, payload: bytes
) -> designs.ImportedDesign:
    question = _decoded(payload, designs.ImportRequest, "MW1019", "not a request to import")
    live = analysis.LiveResources(manifests=[])
    if question.live:
        if adapter.kind_reader is None:
            what = f"the {adapter.name} adapter imports files only"
            raise Refusal(Failure(code="MW1020", what=what, remedy="Give files, and leave out `live`."))
        with _refusing():
            live = await adapter.kind_reader(kit.Scope(runtime, service, _mesh(question)), adapter.importers.kinds)
    return await asyncio.to_thread(_imported, adapter, question, live)


def _imported(
    adapter: kit.Adapter, question: designs.ImportRequest, live: analysis.LiveResources
) -> designs.ImportedDesign:
    """The design; a resource of the files stands for the one of the mesh. Raises Refusal when a file is broken."""
    written, unreadable = analysis.read_files(question.files, question.namespace or "default")
    if unreadable:
        where, why = unreadable[0]
        more = f" (and {len(unreadable) - 1} more)" if len(unreadable) > 1 else ""
        remedy = "Correct the file; nothing of it was read."
        raise Refusal(Failure(code="MW1021", what=f"{where.file}:{where.line}: {why}{more}", remedy=remedy))
    try:
        design = adapter.importers.run(
            [*live.manifests, *written], id=question.id, namespace=question.namespace, flat=question.flat
        )
    except CannotImport as error:
        raise Refusal(Failure(code="MW1022", what=str(error))) from error
    return msgspec.structs.replace(design, unread=sorted(kind for _, kind in live.unread))


async def _logs(adapter: kit.Adapter, runtime: kit.Runtime, service: object, payload: bytes) -> Logs:
    asked = _decoded(payload, LogRequest, "MW1026", "not a request for logs")
    if adapter.log_reader is None:
        raise Refusal(Failure(code="MW1026", what=f"the {adapter.name} adapter does not read logs"))
    mesh = kit.MeshRef(workspace=asked.workspace, connection=asked.connection, mesh=asked.mesh)
    with _refusing():
        parts = await adapter.log_reader(kit.Scope(runtime, service, mesh), asked)
    return Logs(parts=parts).bounded()


async def _proxy(adapter: kit.Adapter, runtime: kit.Runtime, service: object, payload: bytes) -> ProxyAccount:
    asked = _decoded(payload, ProxyRequest, "MW1028", "not a request for what a proxy tells")
    if adapter.proxy_asker is None:
        raise Refusal(Failure(code="MW1028", what=f"the {adapter.name} adapter does not ask proxies about themselves"))
    mesh = kit.MeshRef(workspace=asked.workspace, connection=asked.connection, mesh=asked.mesh)
    with _refusing():
        return await adapter.proxy_asker(kit.Scope(runtime, service, mesh), asked)


def _decoded(payload: bytes, kind: type[T], code: str, what: str) -> T:
    """Decode a request. Raises Refusal with this code when it is invalid."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(Failure(code=code, what=f"{what}: {error}")) from error


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turns what the adapter rejects, or cannot do now, into a Refusal."""
    try:
        yield
    except kit.Reject as outcome:
        raise Refusal(outcome.failure) from outcome
    except kit.Retry as outcome:
        raise Refusal(outcome.failure, DEPENDENCY) from outcome


_ANSWERS: dict[str, Answer] = {
    "preview": _preview,
    "intents": _intents,
    "test-connection": _test,
    "rights": _rights,
    "detect": _detect,
    "analyze": _analyze,
    "import": _import,
    "logs": _logs,
    "proxy": _proxy,
}
"""what answers by the adapter and its service"""
