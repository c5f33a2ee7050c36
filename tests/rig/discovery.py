"""Connections as the API writes them, and what discovery has published about them."""

import datetime
from pathlib import Path
from typing import Any

from meshwright.core import bus as mwbus
from meshwright.core.bus.stream import lookups
from meshwright.core.security import connection_secrets, sealing
from meshwright.schemas import subjects
from meshwright.schemas.access import ResourceDeleted
from meshwright.schemas.adapters import AdapterAnnouncement, ConnectionSupport
from meshwright.schemas.base import Message
from meshwright.schemas.connections import Connection, ConnectionWritten, Kubernetes
from meshwright.schemas.discovery import (
    ClusterResource,
    ConnectionObserved,
    ConnectionStatus,
    ResourceObserved,
    ResourceRemoved,
)
from meshwright.schemas.meshes import Condition

WORKSPACE, CONNECTION = "blue", "prod"


class Seen:
    """What the stream holds, as any reader finds it."""

    def __init__(self, bus: mwbus.Connection, key_file: Path) -> None:
        self.bus = bus
        self._sealer = sealing.from_file(key_file)

    async def connect(self, settings: Kubernetes, name: str = CONNECTION) -> None:
        """Write a connection as the API does."""
        credentials = {"/kubeconfig": settings.kubeconfig}
        document = Connection(
            id=name, kind="kubernetes", settings={"context": settings.context}, credentials=list(credentials)
        )
        sealed = connection_secrets.seal(self._sealer, credentials, WORKSPACE, name)
        await self._write(ConnectionWritten(document=document, sealed=sealed, principal="ann"), name)

    async def disconnect(self, name: str = CONNECTION) -> None:
        """Remove a connection as the API does."""
        await self._write(ResourceDeleted(kind="connection", id=name, principal="ann"), name)

    async def announce(self, connection: ConnectionSupport) -> None:
        """An adapter that serves such connections is announced, as the scheduler does."""
        announcement = AdapterAnnouncement(
            name="wishing",
            instance="one",
            version="1",
            contract=1,
            meshes=[],
            operations=[],
            intents=[],
            connections=[connection],
            started_at=datetime.datetime.now(datetime.UTC),
        )
        subject = subjects.fill(
            subjects.EVENTS,
            workspace=subjects.SYSTEM_WORKSPACE,
            origin=subjects.SCHEDULER,
            entity="adapter",
            id=announcement.name,
        )
        await self.bus.publisher.publish(subject, announcement)

    async def _write(self, message: Message, name: str) -> None:
        subject = subjects.fill(subjects.STATE, workspace=WORKSPACE, kind="connection", id=name)
        await self.bus.publisher.publish(subject, message)

    async def messages(self) -> list[mwbus.Received]:
        """The newest message of each object."""
        items: list[mwbus.Received] = []
        while more := await lookups.batch(self.bus, subjects.SEEN.stream, ">", items[-1].seq + 1 if items else 1):
            items += more
        return items

    async def resources(self, **fields: Any) -> dict[str, ClusterResource]:
        """The objects that are there, by id; `fields` are of those wanted."""
        result = {}
        for message in await self.messages():
            told = message.message()
            assert isinstance(told, ResourceObserved | ResourceRemoved)
            if isinstance(told, ResourceObserved) and all(
                getattr(told.resource, name) == value for name, value in fields.items()
            ):
                result[told.resource.id] = told.resource
        return result

    async def status(self, name: str = CONNECTION) -> ConnectionStatus | None:
        """The last published status of the connection."""
        subject = subjects.fill(
            subjects.EVENTS, workspace=WORKSPACE, origin=subjects.DISCOVERY, entity="connection", id=name
        )
        message = await self.bus.last(subjects.EVENTS.stream, subject)
        told = message.message() if message else None
        return told.status if isinstance(told, ConnectionObserved) else None

    async def condition(self, kind: str, name: str = CONNECTION) -> Condition | None:
        """One condition of the connection, as last published."""
        status = await self.status(name)
        return next((each for each in status.conditions if each.type == kind), None) if status else None

    async def synced(self, name: str = CONNECTION) -> ConnectionStatus | None:
        """The status, once the connection is seen as a whole."""
        status = await self.status(name)
        if status and {one.type: one.status for one in status.conditions}.get("Synced") == "True":
            return status
        return None
