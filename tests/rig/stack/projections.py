"""A bus, a database and their views for tests of the projection, and a publisher that fills the streams.

Invariant: it publishes what the API and a worker would publish.
"""

import asyncio
import datetime
from pathlib import Path

from meshwright.core import bus as mwbus
from meshwright.core import ids, store
from meshwright.core.store import comparing, generations, provisioning
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import operations as o


class Projection:
    """A bus, a database, and their views."""

    def __init__(self, bus: mwbus.Connection, database: store.Database) -> None:
        self.bus = bus
        self.database = database
        self.views = store.Views(database)

    async def operation(self) -> str:
        """A no-op operation in three events, the first as a command."""
        now = datetime.datetime.now(datetime.UTC)
        operation = ids.fresh()
        command = o.Command(
            operation=operation,
            workspace="default",
            adapter="envoy",
            connection="local",
            mesh="m",
            kind="mesh.status",
            principal="ann",
            accepted_at=now,
            deadline=now + datetime.timedelta(minutes=5),
        )
        publish = self.bus.publisher.publish
        await publish(f"mw.cmd.default.envoy.local._.{operation}", command, id=operation, timeout=30)
        subject = f"mw.evt.default.envoy.operation.{operation}"
        for event in (
            o.OperationStarted(worker="w", adapter_version="1", attempt=1),
            o.StepStarted(step="one", attempt=1),
            o.StepCompleted(step="one", attempt=1),
            o.OperationSucceeded(result={"at": str(now)}),
        ):
            await publish(subject, event, timeout=30)
        return operation

    async def operations(self, count: int, width: int = 20) -> list[str]:
        """Many operations, `width` at a time."""
        slot = asyncio.Semaphore(width)

        async def one() -> str:
            async with slot:
                return await self.operation()

        return list(await asyncio.gather(*(one() for _ in range(count))))

    async def caught_up(self, timeout: float = 90) -> None:
        """Waits until the live views have everything that the streams hold now."""

        async def done() -> bool:
            for stream in (*store.kinds.STREAMS, "COMMANDS"):
                last = (await self.bus.stream_bounds(stream))[1]
                if (await self.views.position(stream)).seq < last:
                    return False
            return True

        await eventually(done, timeout=timeout)


async def rebuilt_differences(
    nats_url: str, mongo_url: str, name: str, generation: int, directory: Path, timeout: float = 180
) -> list[str]:
    """How a generation differs, byte by byte, from what a rebuild makes of the streams in a database of its own."""
    fresh_name = f"{name}_rebuilt"
    await provisioning.drop_database(mongo_url, fresh_name)
    settings = {"nats_url": nats_url, "mongodb_url": mongo_url, "mongodb_database": fresh_name}
    async with (
        store.connect(mongo_url, name, timeout=10) as database,
        store.connect(mongo_url, fresh_name, timeout=10) as fresh,
        console("meshwright-projector", "rebuild", directory=directory, **settings) as rebuild,
    ):
        async with asyncio.timeout(timeout):
            status = await rebuild.process.wait()
        assert status == 0, rebuild.log.read_text()
        result = await comparing.differences(database, generation, await generations.live(fresh), fresh)
    await provisioning.drop_database(mongo_url, fresh_name)
    return result


async def publish_raw(bus: mwbus.Connection, subject: str, payload: bytes, kind: str) -> None:
    """Store unchecked bytes."""
    headers = {"Nats-Msg-Id": ids.fresh(), "ce-type": kind, "ce-id": "x", "ce-source": "test"}
    await bus.publisher.store(subject, payload, headers)
