"""The state that the API needs for decisions, in memory from the bus: workspaces, connections, tokens, meshes.

Problem: authorizing and checking requests by database queries makes every write depend on the database. Invariant: the
directory is folded from the newest message of each subject and follows the streams within milliseconds; a revoked token
stops working without any database. A workspace that was created again under a removed one's name starts at its
creation: older messages are not shown in it.
"""

import asyncio
import datetime
import logging
from collections.abc import Iterable

import msgspec

from meshwright.core import bus as mwbus
from meshwright.schemas import catalog, subjects
from meshwright.schemas.access import ResourceDeleted, Token, TokenWritten, Workspace, WorkspaceWritten
from meshwright.schemas.base import Message
from meshwright.schemas.connections import Connection, ConnectionWritten, ConnectionWrittenV1
from meshwright.schemas.meshes import Mesh, MeshObserved, MeshRemoved

log = logging.getLogger(__name__)
DEFAULT_WORKSPACE = "default"
_COUNTED = ("design", "webhook")
"""kinds for which only existence matters"""
_STATE_KINDS = ("workspace", "connection", "token", *_COUNTED)
_MESHES = subjects.fill(subjects.EVENTS, entity="mesh")


class Directory:
    """Run `follow_state` and `follow_meshes` concurrently; `loaded` is set when both have read all existing
    messages.
    """

    def __init__(self) -> None:
        self.workspaces: dict[str, Workspace] = {}
        self._made_at: dict[str, datetime.datetime] = {}
        self._connections: dict[tuple[str, str], Connection] = {}
        self._meshes: dict[tuple[str, str], Mesh] = {}
        self._counted: dict[str, set[tuple[str, str]]] = {kind: set() for kind in _COUNTED}
        self._tokens: dict[str, tuple[str, Token]] = {}
        self._tokens_by_place: dict[tuple[str, str], str] = {}
        self.loaded = asyncio.Event()
        self._waiting_for = {"state", "meshes"}

    def has_workspace(self, name: str) -> bool:
        """Whether a workspace exists; the default one always does."""
        return name == DEFAULT_WORKSPACE or name in self.workspaces

    def made_at(self, workspace: str) -> datetime.datetime | None:
        """The creation time of a workspace that replaced a removed one; None for the first of its name."""
        return self._made_at.get(workspace)

    def is_older(self, workspace: str, stored: mwbus.Received) -> bool:
        """Whether a message belongs to the workspace that had this name before."""
        made = self._made_at.get(workspace)
        return made is not None and stored.stored_at() < made

    def connection(self, workspace: str, name: str) -> Connection | None:
        """The connection of that name, or None."""
        return self._connections.get((workspace, name))

    def connections(self, workspace: str) -> list[str]:
        """The names of the connections of a workspace."""
        return sorted(name for place, name in self._connections if place == workspace)

    def designs(self, workspace: str) -> list[str]:
        """The names of the designs of a workspace."""
        return sorted(name for place, name in self._counted["design"] if place == workspace)

    def meshes(self, workspace: str) -> list[str]:
        """The names of the meshes of a workspace."""
        return sorted(name for place, name in self._meshes if place == workspace)

    def mesh(self, workspace: str, name: str) -> Mesh | None:
        """The mesh of that name as its adapter last published it, or None."""
        return self._meshes.get((workspace, name))

    def held(self, workspace: str) -> list[str]:
        """The kinds of the resources in a workspace, in the plural."""
        places = {
            "connections": self._connections,
            "designs": self._counted["design"],
            "meshes": self._meshes,
            "tokens": self._tokens_by_place,
            "webhooks": self._counted["webhook"],
        }
        return [plural for plural, keys in places.items() if any(place == workspace for place, _ in keys)]

    def meshes_on(self, workspace: str, connection: str) -> list[str]:
        """The names of the meshes on a connection."""
        return sorted(
            name for (place, name), mesh in self._meshes.items() if place == workspace and mesh.connection == connection
        )

    def meshes_by_adapter(self, workspace: str) -> dict[str, list[str]]:
        """The names of the meshes in a workspace, by their adapter."""
        result: dict[str, list[str]] = {}
        for (place, name), mesh in sorted(self._meshes.items()):
            if place == workspace:
                result.setdefault(mesh.adapter, []).append(name)
        return result

    def meshes_of(self, adapter: str) -> list[str]:
        """The meshes of an adapter in all workspaces, as workspace/name."""
        return sorted(f"{place}/{name}" for (place, name), mesh in self._meshes.items() if mesh.adapter == adapter)

    def token(self, sha256: str) -> Token | None:
        """The API token whose secret has that digest, or None."""
        entry = self._tokens.get(sha256)
        return entry[1] if entry else None

    def tokens(self, workspace: str) -> list[Token]:
        """The tokens stored in a workspace (`system` has those for all workspaces), by id."""
        tokens = [token for place, token in self._tokens.values() if place == workspace]
        return sorted(tokens, key=lambda token: token.id)

    async def follow_state(self, bus: mwbus.Connection) -> None:
        """Follow STATE and keep the resources that users write current, until cancelled."""
        filters = [subjects.fill(subjects.STATE, kind=kind) for kind in _STATE_KINDS]
        await self._follow(bus, subjects.STATE.stream, filters, "state")

    async def follow_meshes(self, bus: mwbus.Connection) -> None:
        """Follow the events of meshes and keep their documents current, until cancelled."""
        await self._follow(bus, subjects.EVENTS.stream, [_MESHES], "meshes")

    async def _follow(self, bus: mwbus.Connection, stream: str, filters: list[str], name: str) -> None:
        while True:
            try:
                await self._learn_from(bus, stream, filters, name)
            except mwbus.Rewound as error:
                log.error("%s: reading it again from the start", error)
                self._forget_all(name)

    async def _learn_from(self, bus: mwbus.Connection, stream: str, filters: list[str], name: str) -> None:
        """Raises Rewound when the stream was rewound."""
        async for batch in mwbus.tail(bus, stream, subject=filters, newest=True, idle=True, patience=0.25):
            self._learn_all(batch)
            # the last token of a message's reply subject is the number of pending messages
            if (not batch or batch[-1].reply.endswith(".0")) and bus.is_connected and not self.loaded.is_set():
                self._waiting_for.discard(name)
                if not self._waiting_for:
                    self.loaded.set()

    def _learn_all(self, batch: Iterable[mwbus.Received]) -> None:
        for received in batch:
            about = subjects.parse(subjects.STATE, received.subject)
            if about.get("kind") in _COUNTED:
                counted = self._counted[about["kind"]]
                is_gone = received.type == ResourceDeleted.wire.name
                (counted.discard if is_gone else counted.add)((about["workspace"], about["id"]))
                continue  # without decoding it
            try:
                message = received.message()
            except catalog.UndecodableMessage:
                continue  # the projector sets it aside; here it is ignored
            if message is not None:
                self.learn(received.subject, message, received.stored_at())

    def learn(self, subject: str, message: Message, at: datetime.datetime | None = None) -> None:
        """Apply one message of STATE, or of EVENTS about a mesh, with the time `at` of its storage."""
        tokens = subject.split(".")
        workspace, name = tokens[2], tokens[-1]
        match message:
            case WorkspaceWritten():
                self.workspaces[name] = message.document
                if made := at if message.anew else message.made_at:
                    self._made_at[name] = made
            case ConnectionWritten() | ConnectionWrittenV1():
                self._connections[workspace, name] = message.document
            case TokenWritten():
                self._forget_token(workspace, name)
                # its scope is that of its subject, whose writers were authorized; its text was not checked
                scope = "*" if workspace == subjects.SYSTEM_WORKSPACE else workspace
                token = msgspec.structs.replace(message.document, id=name, workspace=scope)
                self._tokens[message.document.sha256] = (workspace, token)
                self._tokens_by_place[workspace, name] = message.document.sha256
            case MeshObserved():
                self._meshes[workspace, name] = message.mesh
            case MeshRemoved():
                self._meshes.pop((workspace, name), None)
            case ResourceDeleted():
                self._forget(tokens[3], workspace, name)

    def _forget_all(self, name: str) -> None:
        if name == "meshes":
            self._meshes.clear()
            return
        for known in (self.workspaces, self._made_at, self._connections, self._tokens, self._tokens_by_place):
            known.clear()
        for counted in self._counted.values():
            counted.clear()

    def _forget(self, kind: str, workspace: str, name: str) -> None:
        if kind == "token":
            self._forget_token(workspace, name)
        elif kind == "connection":
            self._connections.pop((workspace, name), None)
        elif kind == "workspace":
            self.workspaces.pop(name, None)
            self._made_at.pop(name, None)

    def _forget_token(self, workspace: str, name: str) -> None:
        digest = self._tokens_by_place.pop((workspace, name), None)
        if digest is not None:
            self._tokens.pop(digest, None)
