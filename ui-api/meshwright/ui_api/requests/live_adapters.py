"""Live adapters: the announcements of running workers, in memory from the presence bucket.

Invariant: an operation is accepted only when a live worker announces its name and version; a worker that stopped
renewing its presence is removed within the time-to-live.
"""

import asyncio
import contextlib
from typing import Any

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.bus.kv import presence
from meshwright.core.security import connection_rules
from meshwright.schemas.adapters import AdapterAnnouncement, OperationSupport
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import AdoptMesh
from meshwright.ui_api.http.problems import Refusal, meant

_DECODER = msgspec.json.Decoder(AdapterAnnouncement)


class LiveAdapters:
    """Run `follow` concurrently; `loaded` is set when all existing announcements have been read."""

    def __init__(self) -> None:
        self._bus: mwbus.Connection | None = None
        self._live: dict[str, AdapterAnnouncement] = {}
        self._offers: dict[tuple[str, str, int], OperationSupport] = {}
        self._newest: dict[tuple[str, str], int] = {}
        self.loaded = asyncio.Event()

    async def follow(self, bus: mwbus.Connection) -> None:
        """Watch the presence bucket and keep the announcements current, until cancelled."""
        self._bus = bus
        bucket = await presence.open_presence(bus)
        async with bucket.watch() as changes:
            async for change in changes:
                if change.key:
                    self.learn(change.key, change.entry.value if change.entry else None)
                else:
                    self.loaded.set()

    def learn(self, key: str, value: bytes | None) -> None:
        """Apply an announcement, or its removal."""
        before = self._live.pop(key, None)
        if value is not None:
            # one that cannot be decoded offers nothing
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                self._live[key] = _DECODER.decode(value)
        now = self._live.get(key)
        if before is None or now is None or before.operations != now.operations:
            self._index()

    def _index(self) -> None:
        self._offers.clear()
        self._newest.clear()
        for worker in self._live.values():
            for offer in worker.operations:
                self._offers[worker.name, offer.name, offer.version] = offer
                place = (worker.name, offer.name)
                self._newest[place] = max(self._newest.get(place, 0), offer.version)

    def alive(self) -> list[AdapterAnnouncement]:
        """Every live worker's announcement."""
        return list(self._live.values())

    def workers_of(self, adapter: str) -> list[str]:
        """The live workers of an adapter. Raises BusUnavailable when there is none and the bus is unavailable."""
        instances = sorted(worker.instance for worker in self._live.values() if worker.name == adapter)
        if not instances:
            self._assure()
        return instances

    def adapter_for(self, mesh_kind: str, connection_kind: str, named: str | None = None) -> str:
        """The adapter for a kind of mesh on a kind of connection: the named one, or the only one.

        Raises Refusal `adapter-unavailable`, `invalid-document`, BusUnavailable when the workers are unknown.
        """
        serving = [worker for worker in self._live.values() if mesh_kind in worker.meshes]
        names = sorted({worker.name for worker in serving if _serves(worker, connection_kind)})
        if serving and not names:
            kinds = sorted({one.kind for worker in serving for one in worker.connections or [] if one.meshes})
            detail = f"meshes of kind {mesh_kind} live on connections of kind {', '.join(kinds) or '(none)'}"
            raise _invalid(f"{detail}, and this one is of kind {connection_kind}", "#/connection")
        if named is not None and named not in names:
            self._assure()
            others = f"; these do: {', '.join(names)}" if names else ""
            detail = f"no live adapter {named!r} serves meshes of kind {mesh_kind!r}{others}"
            raise Refusal("adapter-unavailable", detail)
        if not names:
            self._assure()
            near = meant(mesh_kind, self.mesh_kinds(connection_kind))
            raise Refusal("adapter-unavailable", f"no live adapter serves meshes of kind {mesh_kind!r}", remedy=near)
        if named is None and len(names) > 1:
            detail = f"several adapters serve meshes of kind {mesh_kind!r}: {', '.join(names)}; name one as `adapter`"
            raise _invalid(detail, "#/adapter")
        return named or names[0]

    def mesh_kinds(self, connection_kind: str) -> list[str]:
        """The kinds of mesh that live adapters serve on a kind of connection."""
        workers = [worker for worker in self._live.values() if _serves(worker, connection_kind)]
        return sorted({kind for worker in workers for kind in worker.meshes})

    def testers(self, connection_kind: str) -> list[str]:
        """The live adapters whose workers test connections of a kind.

        Raises Refusal `adapter-unavailable` with the reason, BusUnavailable when the workers are unknown.
        """
        serving: dict[str, bool] = {}
        for worker in self._live.values():
            for one in worker.connections or []:
                if one.kind == connection_kind:
                    serving[worker.name] = serving.get(worker.name, False) or one.tested
        names = sorted(name for name, tested in serving.items() if tested)
        if not names:
            self._assure()
            if serving:
                missing = (
                    f"the adapter that serves connections of kind {connection_kind} ({', '.join(sorted(serving))})"
                )
                raise Refusal("adapter-unavailable", f"{missing} has no test for them")
            detail = f"no live adapter serves connections of kind {connection_kind!r}"
            raise Refusal("adapter-unavailable", detail)
        return names

    def detectors(self, connection_kind: str) -> list[str]:
        """The live adapters that detect meshes on a kind of connection.

        Raises Refusal `adapter-unavailable`, BusUnavailable when nothing can be known.
        """
        wanted = AdoptMesh.kind.name
        serving = {one.name for one in self._live.values() if _serves(one, connection_kind)}
        names = sorted(name for name in serving if (name, wanted) in self._newest)
        if not names:
            self._assure()
            others = f"; these serve it, and do not detect: {', '.join(sorted(serving))}" if serving else ""
            detail = f"no live adapter detects meshes on connections of kind {connection_kind!r}{others}"
            raise Refusal("adapter-unavailable", detail)
        return names

    def connection_schema(self, kind: str) -> dict[str, Any]:
        """The JSON Schema of the settings of a kind of connection, whose adapter must be live if it is not built in.

        Raises Refusal: `adapter-unavailable`, or `invalid-document` when several serve it and none was named. Raises
        BusUnavailable when the workers are unknown.
        """
        if kind in connection_rules.SCHEMAS:
            return connection_rules.SCHEMAS[kind]
        announced = [one for worker in self._live.values() for one in worker.connections or [] if one.kind == kind]
        if not announced:
            self._assure()
            known = sorted(connection_rules.SCHEMAS)
            detail = f"no live adapter announces connections of kind {kind!r}; known without one: {', '.join(known)}"
            near = meant(kind, known)
            raise Refusal("adapter-unavailable", detail, remedy=near if near.startswith("Did") else "")
        return announced[-1].settings

    def values_schema(self, adapter: str) -> dict[str, Any] | None:
        """The JSON Schema of the values with which an adapter installs a mesh, or None when it accepts none."""
        schemas = [worker.values for worker in self._live.values() if worker.name == adapter]
        return schemas[-1] if schemas else None

    def offer(self, adapter: str, kind: str, version: int | None) -> OperationSupport:
        """A live worker's announcement of that operation, at that version or (None) at the newest.

        Raises Refusal `adapter-unavailable`, BusUnavailable when the workers are unknown.
        """
        wanted = version if version is not None else self._newest.get((adapter, kind), 0)
        support = self._offers.get((adapter, kind, wanted))
        if support is None:
            self._assure()
            raise Refusal("adapter-unavailable", self._why_not(adapter, kind, version))
        return support

    def _assure(self) -> None:
        """Raises BusUnavailable without a connection to NATS, because then the live workers are unknown."""
        if self._bus is not None and not self._bus.is_connected:
            raise mwbus.BusUnavailable("not connected to NATS, so it is unknown which workers are live")

    def _why_not(self, adapter: str, kind: str, version: int | None) -> str:
        if not any(worker.name == adapter for worker in self._live.values()):
            return f"no live worker of the adapter {adapter!r}"
        suffix = "" if version is None else f" in version {version}"
        known = ", ".join(sorted({offered for name, offered, _ in self._offers if name == adapter}))
        return f"the adapter {adapter!r} does not offer {kind!r}{suffix}; it offers: {known}"


def _serves(worker: AdapterAnnouncement, connection_kind: str) -> bool:
    """Whether its meshes live on that kind of connection; a worker of an older version does not announce it."""
    return worker.connections is None or any(one.kind == connection_kind and one.meshes for one in worker.connections)


def _invalid(detail: str, pointer: str) -> Refusal:
    return Refusal("invalid-document", detail, errors=[FieldError(detail=detail, pointer=pointer)])
