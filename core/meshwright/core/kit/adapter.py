"""The adapter: what an author registers, from which everything that is announced is derived.

Invariant: listed means handled. The operations and the intent matrix of the announcement come from the
registered functions and nothing else; registering one thing twice is refused, naming both.
"""

import datetime
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import msgspec

from meshwright.core.kit import announcing
from meshwright.core.kit.adoption import Adoption, adopting
from meshwright.core.kit.analysis import Analyzers, LiveResources
from meshwright.core.kit.base_context import PreviewContext
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.context import Context
from meshwright.core.kit.importing import Importers
from meshwright.core.kit.importing.importers import Kind, Reader
from meshwright.core.kit.lifecycle import applying, planning
from meshwright.core.kit.lifecycle.translating import Rule, Translators
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.status import StatusReader, refreshing
from meshwright.core.kit.structural import Definitions
from meshwright.core.kit.target import Draft, Facts, MeshRef, Scope, Target
from meshwright.core.kit.traffic import Traffic
from meshwright.core.kit.traffic.trying import try_prometheus
from meshwright.core.operations.outcomes import Reject
from meshwright.schemas import adapters, designs, errors, intents, operations
from meshwright.schemas.connections import ConnectionSettings, ConnectionTest, Prometheus
from meshwright.schemas.workloads import LogPart, LogRequest, ProxyAccount, ProxyRequest

A = TypeVar("A", bound=operations.Arguments)
N = TypeVar("N", bound=intents.Intent)
T = TypeVar("T", bound=Target)
Handler = Callable[[Context, Any], Awaitable[Any]]
Translator = Callable[[Any, Any], intents.Translation | intents.Unsupported]
Gather = Callable[[Any, Draft], Awaitable[Facts]]
Preview = Callable[[PreviewContext], Awaitable[designs.Preview | None]]
LogReader = Callable[[Scope, LogRequest], Awaitable[list[LogPart]]]
ProxyAsker = Callable[[Scope, ProxyRequest], Awaitable[ProxyAccount]]
ResourceReader = Callable[[Scope], Awaitable[LiveResources]]
DefinitionReader = Callable[[Scope, Collection[Kind]], Awaitable[Definitions]]
KindReader = Callable[[Scope, Sequence[Kind]], Awaitable[LiveResources]]
RightsReader = Callable[[Runtime, adapters.RightsRequest], Awaitable[adapters.NeededRights]]
ConnectionTester = Callable[[Runtime, OpenConnection[Any]], Awaitable[ConnectionTest]]
Service = Callable[[Runtime], AbstractAsyncContextManager[object]]
CONTRACT = 2
"""The version of the contract between host and adapter; a host refuses an adapter of another one."""
_SEMANTIC = re.compile(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")  # https://semver.org


class RegisteredOperation(msgspec.Struct, frozen=True):
    """An operation and who handles it."""

    arguments: type[operations.Arguments]
    handler: Handler


class DuplicateRegistration(Exception):
    """Two functions claim the same operation or intent."""


class Adapter:
    """A plugin for one kind of mesh, found by an entry point of group `meshwright.adapters`."""

    def __init__(
        self,
        name: str,
        *,
        meshes: list[str],
        contract: int = CONTRACT,
        version: str = "0.1.0",
        settings: type[msgspec.Struct] | None = None,
        target: type[Target] | None = None,
        namespaces: bool = False,
        connections: Sequence[type[ConnectionSettings]] = (),
        values: dict[str, Any] | None = None,
        proofs: Mapping[str, Sequence[adapters.IntentProof]] | None = None,
        rights: Sequence[adapters.AccessRule] = (),
        analyzers: Analyzers | None = None,
        importers: Importers | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        """With a `target` the kit applies, removes and rolls back designs; `namespaces` says whether the mesh has some.

        `settings` are read when a worker starts, so that a wrong variable is told there; see `Runtime.settings`.
        `connections` are the kinds of connection that it serves: meshes live on these only. `values` is the JSON Schema
        of what is the mesh's own when one is installed or upgraded; None: nothing is. `proofs` are what its tests have
        shown of intents (`kit.proofs`). `rights` are what it has to do in Kubernetes clusters, from which the exact
        roles of its credentials are made. `analyzers` find mistakes in resources of the mesh, and `importers` read them
        as intents; without, those that belong to no mesh. `traffic` is what its proxies count, from which the kit
        measures who asks whom.
        Raises ValueError when `version` is not a semantic version, which is what NATS services announce."""
        if not _SEMANTIC.fullmatch(version):
            raise ValueError(f"adapter {name}: version {version!r} is not a semantic version such as 1.0.0")
        self.name = name
        self.meshes = meshes
        self.contract, self.version = contract, version
        self.settings = settings
        self.connections = tuple(connections)
        self.values = values
        self.proofs = proofs or {}
        self.rights = tuple(rights)
        self.analyzers = analyzers
        self.importers = importers or Importers()
        self.traffic = traffic
        self.resource_reader: ResourceReader | None = None
        self.kind_reader: KindReader | None = None
        self.log_reader: LogReader | None = None
        self.proxy_asker: ProxyAsker | None = None
        self.definition_reader: DefinitionReader | None = None
        self.connection_tester: ConnectionTester | None = None
        self.rights_reader: RightsReader | None = None
        self.status_reader: StatusReader | None = None
        self.adoption: Adoption | None = None
        self.operations: dict[str, RegisteredOperation] = {}
        self.translators = Translators(name)
        self.namespaces = namespaces
        self._target = target
        self._gather: Gather | None = None
        self._previewer: Preview | None = None
        self._service: Service | None = None
        if target:
            for arguments in planning.HANDLED:
                self._handle_designs(arguments)

    def operation(self, arguments: type[A]) -> Callable[[Callable[[Context, A], Awaitable[Any]]], Handler]:
        """Register the handler of an operation. Raises DuplicateRegistration."""

        def register(handler: Callable[[Context, A], Awaitable[Any]]) -> Handler:
            name = arguments.kind.name
            if name in self.operations:
                first = self.operations[name].handler
                raise DuplicateRegistration(f"{name}: both {_where(first)} and {_where(handler)} handle it")
            self.operations[name] = RegisteredOperation(arguments, handler)
            return handler

        return register

    def intent(
        self, intent: type[N], *, since: str = "", until: str = ""
    ) -> Callable[[Callable[[N, Any], intents.Translation | intents.Unsupported]], Translator]:
        """Register the pure translator of an intent, which the kit calls for meshes of version `since` or newer.

        A mesh of version `until` has no words for it any more. Raises DuplicateRegistration.
        """

        def register(translator: Callable[[N, Any], intents.Translation | intents.Unsupported]) -> Translator:
            kind = intents.intent_kind(intent)
            if kind in self.translators.rules:
                first = self.translators.rules[kind].translator
                raise DuplicateRegistration(f"{kind}: both {_where(first)} and {_where(translator)} translate it")
            self.translators.rules[kind] = Rule(translator, since, until)
            return translator

        return register

    def unsupported(self, intent: type[intents.Intent], *, because: str, instead: str = "") -> None:
        """Say honestly that the mesh cannot do what an intent asks."""
        kind = intents.intent_kind(intent)
        self.translators.refusals[kind] = intents.Unsupported(intent=kind, because=because, instead=instead)

    def facts(self, gather: Callable[[T, Draft], Awaitable[Facts]]) -> Gather:
        """Register who reads of a mesh what translators need; the draft says which mesh and which design."""
        self._gather = gather
        return gather

    async def gather(self, target: Target, draft: Draft) -> Facts:
        """The facts of a mesh. For the kit."""
        return await self._gather(target, draft) if self._gather else Facts()

    @property
    def has_target(self) -> bool:
        """Whether the kit applies designs for this adapter. For the host."""
        return self._target is not None

    def target_of(self, scope: Scope) -> Target:
        """Where the resources of a mesh live. For the kit; raises TypeError when the adapter has no target."""
        if self._target is None:
            raise TypeError(f"adapter {self.name} has no target")
        return self._target(scope)

    def preview(self, previewer: Preview) -> Preview:
        """Register what tells beforehand what operations other than those on designs would do; it changes nothing.

        It gives None for what cannot be told, and the kit says so.
        """
        self._previewer = previewer
        return previewer

    @property
    def previewer(self) -> Callable[[PreviewContext], Awaitable[designs.Preview]] | None:
        """What tells beforehand what an operation would do; None when nothing can be told. For the host."""
        return self._preview if self._target or self._previewer or self.adoption else None

    async def _preview(self, context: PreviewContext) -> designs.Preview:
        command = context.command
        if self._target and command.kind in {each.kind.name for each in planning.HANDLED}:
            mesh = MeshRef.of(command)
            planner = await planning.Planner.open(self, context.runtime, context.service(object), mesh)
            return (await planner.plan(command)).preview()
        if self.adoption and command.kind in {each.kind.name for each in adopting.HANDLED}:
            return await adopting.preview(self.adoption, context)
        if self._previewer and (preview := await self._previewer(context)) is not None:
            return preview
        detail = f"{command.kind} cannot be previewed on this mesh"
        return designs.Preview(translations=[], problems=[errors.FieldError(detail=detail)])

    def _handle_designs(self, arguments: type[operations.Arguments]) -> None:
        async def handle(context: Context, _: operations.Arguments) -> Any:
            return await applying.run(self, context)

        handle.__doc__ = arguments.__doc__
        self.operation(arguments)(handle)

    def connection_test(self, tester: ConnectionTester) -> ConnectionTester:
        """Register what tells who we are at a connection, and what we may do there; it changes nothing."""
        self.connection_tester = tester
        return tester

    def installing_rights(self, reader: RightsReader) -> RightsReader:
        """Register what tells which rights in a cluster installing, upgrading and uninstalling take; without one."""
        self.rights_reader = reader
        return reader

    async def try_connection(self, runtime: Runtime, connection: OpenConnection[Any]) -> ConnectionTest:
        """Test a connection of a kind that the adapter announces as tested. Raises Outcome."""
        if isinstance(connection.settings, Prometheus) and self.traffic is not None:
            return await try_prometheus(connection, self.traffic.statistics, runtime.connections.reachable)
        if self.connection_tester is None:
            raise Reject(errors.Failure(code="MW1016", what=f"the {self.name} adapter does not test connections"))
        return await self.connection_tester(runtime, connection)

    def live_resources(self, reader: ResourceReader) -> ResourceReader:
        """Register what reads the resources of a mesh that its analyzers look at."""
        self.resource_reader = reader
        return reader

    def importer(self, group: str, kind: str) -> Callable[[Reader], Reader]:
        """Register what reads a kind of resource as intents. Raises ValueError when the kind has a reader."""
        return self.importers.importer(group, kind)

    def live_kinds(self, reader: KindReader) -> KindReader:
        """Register what reads all resources of some kinds that a mesh has, to import them."""
        self.kind_reader = reader
        return reader

    def logs(self, reader: LogReader) -> LogReader:
        """Register what reads the newest lines of the logs of a proxy or workload; it raises Reject for others."""
        self.log_reader = reader
        return reader

    def proxy_account(self, asker: ProxyAsker) -> ProxyAsker:
        """Register what asks a proxy for its certificates and configuration; it raises Reject for others."""
        self.proxy_asker = asker
        return asker

    def status(self, reader: StatusReader) -> StatusReader:
        """Register what reads the status of a mesh, which the kit publishes: now and then, and when it is asked for.

        Raises DuplicateRegistration.
        """
        self.operation(operations.RefreshStatus)(refreshing.handler(reader))
        self.status_reader = reader
        return reader

    def definitions(self, reader: DefinitionReader) -> DefinitionReader:
        """Register what reads the definitions of custom resources that a mesh has, by group and kind."""
        self.definition_reader = reader
        return reader

    def adopts(self, adoption: Adoption) -> Adoption:
        """Register how meshes are detected, and managed as they are. Raises DuplicateRegistration."""
        self.operation(operations.AdoptMesh)(adopting.adopts(adoption))
        self.operation(operations.ForgetMesh)(adopting.forgets(adoption))
        self.adoption = adoption
        return adoption

    def service(self, factory: Callable[[Runtime], AsyncIterator[object]]) -> Service:
        """Register what runs beside the commands (a control plane, a watcher): started first, stopped last."""
        self._service = asynccontextmanager(factory)
        return self._service

    def running(self, runtime: Runtime) -> AbstractAsyncContextManager[object]:
        """The service as a context manager; one that does nothing when the adapter has none."""
        return self._service(runtime) if self._service else _nothing()

    def announcement(self, instance: str) -> adapters.AdapterAnnouncement:
        """What a worker of this adapter tells about itself."""
        tested = self.connection_tester is not None
        places = [announcing.connection(each, self.rights, tested=tested) for each in self.connections]
        if self.traffic is not None:  # which it also reads from a Prometheus
            places.append(announcing.connection(Prometheus, (), tested=True, meshes=False))
        return adapters.AdapterAnnouncement(
            name=self.name,
            instance=instance,
            version=self.version,
            contract=self.contract,
            meshes=self.meshes,
            namespaces=self.namespaces,
            operations=[
                announcing.operation(each.arguments, each.handler) for _, each in sorted(self.operations.items())
            ],
            intents=self.matrix(),
            connections=places,
            values=self.values,
            imports=self.importers.names,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=datetime.datetime.now(datetime.UTC),
        )

    def matrix(self, version: str = "") -> list[adapters.IntentSupport]:
        """Every intent, supported by a mesh of this version or not; without a version, by any that is new enough."""
        return [
            announcing.intent(self.translators, kind, version, self.proofs.get(kind, ()))
            for kind in map(intents.intent_kind, intents.INTENT_TYPES)
        ]

    async def intents_of(self, scope: Scope) -> adapters.MeshIntents:
        """The matrix for a given mesh, from its facts. For the host; raises Reject when there is no such mesh."""
        facts = Facts()
        if self._target:
            draft = Draft(mesh=scope.mesh, owner="", operation="")
            facts = await self.gather(self.target_of(scope), draft)
        return adapters.MeshIntents(
            mesh=scope.mesh.mesh, version=facts.version, features=facts.features, intents=self.matrix(facts.version)
        )


@asynccontextmanager
async def _nothing() -> AsyncIterator[object]:
    yield None


def _where(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
