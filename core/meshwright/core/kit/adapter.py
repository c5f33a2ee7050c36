"""The adapter: what an author registers, from which everything that is announced is derived.

Invariant: listed means handled. The operations and the intent matrix of the announcement come from the
registered functions and nothing else; registering one thing twice is refused, naming both.
"""

import datetime
import inspect
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import msgspec

from meshwright.core.kit.base_context import PreviewContext
from meshwright.core.kit.context import Context
from meshwright.core.kit.runtime import Runtime
from meshwright.schemas import adapters, designs, intents, operations
from meshwright.schemas.documents import jsonschema

A = TypeVar("A", bound=operations.Arguments)
N = TypeVar("N", bound=intents.Intent)
Handler = Callable[[Context, Any], Awaitable[Any]]
Translator = Callable[[Any, Any], intents.Translation | intents.Unsupported]
Preview = Callable[[PreviewContext], Awaitable[designs.Preview]]
Service = Callable[[Runtime], AbstractAsyncContextManager[object]]
CONTRACT = 1
"""The version of the contract between host and adapter; a host refuses an adapter of another one."""
_SEMANTIC = re.compile(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")  # https://semver.org


class RegisteredOperation(msgspec.Struct, frozen=True):
    """An operation and who handles it."""

    arguments: type[operations.Arguments]
    handler: Handler


class RegisteredIntent(msgspec.Struct, frozen=True):
    """An intent and who translates it, since which version of the mesh."""

    intent: type[intents.Intent]
    translator: Translator
    since: str


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
    ) -> None:
        """`settings` are read when a worker starts, so that a wrong variable is told there; see `Runtime.settings`.

        Raises ValueError when `version` is not a semantic version, which is what NATS services announce."""
        if not _SEMANTIC.fullmatch(version):
            raise ValueError(f"adapter {name}: version {version!r} is not a semantic version such as 1.0.0")
        self.name = name
        self.meshes = meshes
        self.contract = contract
        self.version = version
        self.settings = settings
        self.operations: dict[str, RegisteredOperation] = {}
        self.intents: dict[str, RegisteredIntent] = {}
        self.unsupported: dict[str, intents.Unsupported] = {}
        self.previewer: Preview | None = None
        self._service: Service | None = None

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
        self, intent: type[N], *, since: str = ""
    ) -> Callable[[Callable[[N, Any], intents.Translation | intents.Unsupported]], Translator]:
        """Register the pure translator of an intent. Raises DuplicateRegistration."""

        def register(translator: Callable[[N, Any], intents.Translation | intents.Unsupported]) -> Translator:
            kind = intents.intent_kind(intent)
            if kind in self.intents:
                first = self.intents[kind].translator
                raise DuplicateRegistration(f"{kind}: both {_where(first)} and {_where(translator)} translate it")
            self.intents[kind] = RegisteredIntent(intent, translator, since)
            return translator

        return register

    def cannot(self, intent: type[intents.Intent], *, because: str, instead: str = "") -> None:
        """Say honestly that the mesh cannot do what an intent asks."""
        kind = intents.intent_kind(intent)
        self.unsupported[kind] = intents.Unsupported(intent=kind, because=because, instead=instead)

    def preview(self, previewer: Preview) -> Preview:
        """Register what tells beforehand what an operation would do; it changes nothing."""
        self.previewer = previewer
        return previewer

    def service(self, factory: Callable[[Runtime], AsyncIterator[object]]) -> Service:
        """Register what runs beside the commands (a control plane, a watcher): started first, stopped last."""
        self._service = asynccontextmanager(factory)
        return self._service

    def running(self, runtime: Runtime) -> AbstractAsyncContextManager[object]:
        """The service as a context manager; one that does nothing when the adapter has none."""
        return self._service(runtime) if self._service else _nothing()

    def announcement(self, instance: str) -> adapters.AdapterAnnouncement:
        """What a worker of this adapter tells about itself."""
        return adapters.AdapterAnnouncement(
            name=self.name,
            instance=instance,
            version=self.version,
            contract=self.contract,
            meshes=self.meshes,
            operations=[_operation_support(entry) for _, entry in sorted(self.operations.items())],
            intents=[self._intent_support(intents.intent_kind(kind)) for kind in intents.INTENT_TYPES],
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=datetime.datetime.now(datetime.UTC),
        )

    def _intent_support(self, kind: str) -> adapters.IntentSupport:
        if kind in self.intents:
            return adapters.IntentSupport(intent=kind, supported=True, since=self.intents[kind].since)
        told = self.unsupported.get(kind)
        because = told.because if told else f"the {self.name} adapter does not translate it"
        return adapters.IntentSupport(
            intent=kind, supported=False, because=because, instead=told.instead if told else ""
        )


@asynccontextmanager
async def _nothing() -> AsyncIterator[object]:
    yield None


def _operation_support(entry: RegisteredOperation) -> adapters.OperationSupport:
    kind = entry.arguments.kind
    return adapters.OperationSupport(
        name=kind.name,
        version=kind.version,
        mutates=kind.mutates,
        summary=(inspect.getdoc(entry.handler) or "").partition("\n")[0],
        arguments=jsonschema.schema(entry.arguments),
    )


def _where(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
