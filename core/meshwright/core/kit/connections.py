"""The connections that an adapter serves, with their settings typed and their credentials opened.

Problem: an adapter may not read what people write, and must know the newest version of a connection at the moment in
which it goes there. Invariant: what is read here is the server's own copy, never older than what the caller has seen;
an adapter gets connections of the kinds that it serves and no others, and only if they keep this server's rules.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.bus.stream import copying, lookups
from meshwright.core.operations.outcomes import Reject
from meshwright.core.security import connection_rules, connection_secrets, sealing, ssrf
from meshwright.core.security.connection_rules import Rules
from meshwright.schemas import catalog, strict, subjects
from meshwright.schemas.access import ResourceDeleted
from meshwright.schemas.connections import ConnectionSettings, ConnectionWritten, ConnectionWrittenV1
from meshwright.schemas.documents import jsonschema
from meshwright.schemas.errors import Failure
from meshwright.schemas.sealing import Sealed

S = TypeVar("S", bound=ConnectionSettings, covariant=True)
_STREAM = subjects.CONNECTIONS.stream
_COPIED_WITHIN = 2.0
"""seconds that the server may need to copy what was just written"""
_PAUSE = 0.05
_LOOK = 1.0
"""seconds between two looks for changes: copies are stored without being published"""
log = logging.getLogger(__name__)


class OpenConnection(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """A connection as a worker uses it. `settings` hold opened credentials: never log, store or answer them."""

    workspace: str
    id: str
    kind: str
    description: str = ""
    labels: dict[str, str] = {}
    version: int = 0
    """its sequence in STATE, another one whenever it is written"""
    settings: S

    def __repr__(self) -> str:
        """Without its settings, so that no log and no traceback shows a credential."""
        return f"OpenConnection({self.workspace}/{self.id}, {self.kind})"


class ConnectionChange(msgspec.Struct, frozen=True, kw_only=True):
    """A connection is there in this version; `connection` None: it is gone, or (`failure`) of no use as it is."""

    workspace: str
    id: str
    connection: OpenConnection[Any] | None = None
    failure: Failure | None = None


class Connections:
    """Looks connections up. `kinds` are those that the adapter serves."""

    def __init__(
        self,
        bus: mwbus.Connection,
        kinds: Sequence[type[ConnectionSettings]],
        sealer: sealing.Sealer | None,
        rules: Rules | None = None,
    ) -> None:
        self._bus = bus
        self._kinds = {kind.kind: kind for kind in kinds}
        self._sealer = sealer
        self._rules = rules or Rules()

    async def get(self, workspace: str, connection: str, seq: int = 0) -> OpenConnection[Any]:
        """The newest version, at sequence `seq` of STATE or later; what was just written is waited for a moment.

        Raises Reject when it is not there, not of a kind that is served, or not to be used; BusUnavailable.
        """
        subject = subjects.fill(subjects.CONNECTIONS, workspace=workspace, id=connection)
        deadline = asyncio.get_running_loop().time() + _COPIED_WITHIN
        while True:
            message = await self._bus.last(_STREAM, subject)
            if (message and _written_at(message) >= seq) or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(_PAUSE)
        if message is None or message.type == ResourceDeleted.wire.name:
            raise _reject("MW1010", f"there is no connection {connection} in the workspace {workspace}")
        return self._opened(workspace, message)

    @property
    def reachable(self) -> ssrf.Policy:
        """Where this worker may go."""
        return self._rules.reachable

    async def of_kind(self, workspace: str, kind: type[S]) -> list[OpenConnection[S]]:
        """All connections of a served kind, by their names. Raises Reject when one is not to be used, BusUnavailable.

        Reads what the server has copied: what was just written may be missing for a moment.
        """
        subject = subjects.fill(subjects.CONNECTIONS, workspace=workspace)
        result, seq = [], 1
        while messages := await lookups.batch(self._bus, _STREAM, subject, seq):
            for message in messages:
                written = _written(message)
                if written and written.document.kind == kind.kind:
                    result.append(self._opened(workspace, message))
            seq = messages[-1].seq + 1
        return sorted(result, key=lambda each: each.id)

    async def follow(self) -> AsyncGenerator[ConnectionChange, None]:
        """Every connection of a served kind, then what becomes of it, within a second; until cancelled.

        What has become another kind is told as gone. When the stream was lost, all are told again.
        """
        place, assured = mwbus.START, self._bus.reconnects
        while True:
            try:
                if assured != self._bus.reconnects:
                    assured = self._bus.reconnects
                    await mwbus.assure(self._bus, _STREAM, place)
                messages = await lookups.batch(self._bus, _STREAM, ">", place.seq + 1)
            except mwbus.Rewound as error:
                log.error("%s: reading all connections again", error)
                place = mwbus.START
                continue
            except mwbus.BusUnavailable:
                messages = []
            for message in messages:
                place = mwbus.Position.at(message)
                yield self._change(message)
            if not messages:
                await asyncio.sleep(_LOOK)

    def _change(self, message: mwbus.Received) -> ConnectionChange:
        tokens = subjects.parse(subjects.CONNECTIONS, message.subject)
        workspace, name = tokens["workspace"], tokens["id"]
        try:
            written = _written(message)
            if written is None or written.document.kind not in self._kinds:
                return ConnectionChange(workspace=workspace, id=name)
            return ConnectionChange(workspace=workspace, id=name, connection=self._opened(workspace, message))
        except Reject as reject:
            return ConnectionChange(workspace=workspace, id=name, failure=reject.failure)

    def _opened(self, workspace: str, message: mwbus.Received) -> OpenConnection[Any]:
        written = _written(message)
        if written is None:
            raise _reject("MW1011", f"{message.type} is no version of a connection that this worker knows")
        document = written.document
        kind = self._kinds.get(document.kind)
        if kind is None:
            served = ", ".join(sorted(self._kinds)) or "none"
            what = f"connection {document.id} is of kind {document.kind}, which this adapter does not serve"
            raise _reject("MW1012", what, remedy=f"It serves connections of kind: {served}.")
        sealed = written.sealed if isinstance(written, ConnectionWritten) else None
        settings = document.settings
        if sealed is not None:
            settings = connection_secrets.merge(settings, self._unseal(sealed, workspace, document.id))
        return OpenConnection(
            workspace=workspace,
            id=document.id,
            kind=document.kind,
            description=document.description,
            labels=document.labels,
            version=_written_at(message),
            settings=self._typed(document.id, kind, settings),
        )

    def _unseal(self, sealed: Sealed, workspace: str, connection: str) -> dict[str, Any]:
        try:
            if self._sealer is None:
                raise sealing.NoKeyFile
            return connection_secrets.unseal(self._sealer, sealed, workspace, connection)
        except (sealing.CannotOpen, sealing.NoKeyFile) as error:
            remedy = (
                "Give this worker the key file of the API (MESHWRIGHT_SECRET_KEY_FILE), or set the credentials again."
            )
            what = f"the credentials of connection {connection} cannot be opened: {error}"
            raise _reject("MW1013", what, remedy=remedy) from error

    def _typed(self, name: str, kind: type[ConnectionSettings], settings: dict[str, Any]) -> ConnectionSettings:
        """The settings, if they keep the rules of this worker, which may be stricter than those of the API."""
        schema = jsonschema.schema(kind)
        problems = connection_rules.problems(kind.kind, settings, schema, self._rules)
        if not problems:
            try:
                typed = strict.decode(settings, kind)
                problems = typed.problems()
                if not problems:
                    return typed
            except strict.InvalidDocument as error:
                problems = error.errors
        complaints = "; ".join(f"{one.pointer}: {one.detail}" for one in problems[:5])
        remedy = f"Change it with `meshwright connections set {name}`."
        if any(each.code for each in problems):
            remedy += " What is dangerous there, the admin of this worker may allow (MESHWRIGHT_CONNECTION_ALLOW for a"
            remedy += " place in the network, MESHWRIGHT_KUBECONFIG_ALLOW for a field)."
        raise _reject("MW1014", f"connection {name} cannot be used as it is: {complaints}", remedy=remedy)


def _written(message: mwbus.Received) -> ConnectionWritten | ConnectionWrittenV1 | None:
    try:
        written = message.message()
    except catalog.UndecodableMessage as error:
        raise _reject("MW1011", f"the connection cannot be read: {error}") from error
    return written if isinstance(written, ConnectionWritten | ConnectionWrittenV1) else None


def _written_at(message: mwbus.Received) -> int:
    """Its sequence in STATE."""
    place = copying.copied_from(message)
    return place.seq if place else 0


def _reject(code: str, what: str, remedy: str = "") -> Reject:
    return Reject(Failure(code=code, what=what, remedy=remedy))
