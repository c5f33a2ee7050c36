"""One connection to NATS per process, and what hangs on it.

Invariant: the client reconnects for ever and notices a dead peer within ten seconds; leaving the `connect`
block drains what was published and closes. Log lines about the connection are ours, one per change.
"""

import asyncio
import datetime
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from meshwright.core.bus import streams
from meshwright.core.bus.clock import ServerClock
from meshwright.core.bus.envelope import Received
from meshwright.core.bus.errors import BusUnavailable
from meshwright.core.bus.lean import LeanClient
from meshwright.core.bus.publishing import Publisher
from meshwright.schemas import subjects

log = logging.getLogger(__name__)


class Connection(msgspec.Struct, frozen=True):
    """A live connection. `name` is who we are: the CloudEvents source is `meshwright/<name>`."""

    client: Client
    js: JetStreamContext
    publisher: Publisher
    clock: ServerClock
    name: str

    @property
    def is_connected(self) -> bool:
        """Whether the socket is up now; false while reconnecting."""
        return bool(self.client.is_connected)

    @property
    def reconnects(self) -> int:
        """How often the connection was lost and came back; what was only heard may have been missed meanwhile."""
        return int(self.client.stats["reconnects"])

    async def last(self, stream: str, subject: str) -> Received | None:
        """The newest message of a subject, or None.

        Raises BusUnavailable.
        """
        return await self._message(stream, subject=subject)

    async def at(self, stream: str, seq: int) -> Received | None:
        """The message at a sequence, or None when it was trimmed or never was.

        Raises BusUnavailable.
        """
        return await self._message(stream, seq=seq)

    async def following(self, stream: str, seq: int, subject: str) -> Received | None:
        """The first message of `subject` (wildcards allowed) at `seq` or later, or None.

        Raises BusUnavailable.
        """
        return await self._message(stream, seq=seq, subject=subject, next=True)

    async def _message(
        self, stream: str, seq: int | None = None, subject: str | None = None, next: bool = False
    ) -> Received | None:
        try:
            found = await self.js.get_msg(stream, seq=seq, subject=subject, direct=True, next=next)
        except nats.js.errors.NotFoundError:
            return None
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"could not read {stream}: {error!r}") from error
        headers = {str(k): str(v) for k, v in (found.headers or {}).items()}
        return Received(
            stream=stream,
            subject=str(found.subject),
            seq=int(found.seq or 0),
            time=int(found.time.timestamp() * 1e9) if found.time else 0,
            headers=headers,
            payload=found.data or b"",
        )

    async def stream_bounds(self, stream: str) -> tuple[int, int]:
        """The first and the last sequence that the stream holds.

        Raises BusUnavailable.
        """
        try:
            state = (await self.js.stream_info(stream)).state
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"could not read {stream}: {error!r}") from error
        return int(state.first_seq), int(state.last_seq)

    async def installation(self) -> str:
        """What tells this installation from any other: when its stream of what people write was made.

        Raises BusUnavailable.
        """
        stream = subjects.STATE.stream
        try:
            info = await self.js.stream_info(stream)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"could not read {stream}: {error!r}") from error
        assert info.created is not None, "every stream was made at some time"
        return f"{stream.lower()}-{info.created.astimezone(datetime.UTC):%Y%m%dT%H%M%S.%f}"

    async def fill(self) -> dict[str, float]:
        """How full each stream with a limit is, from 0 to 1.

        Raises BusUnavailable.
        """
        try:
            found = await self.js.streams_info()
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"could not list the streams: {error!r}") from error
        limits = {str(info.config.name): (info.state.bytes, info.config.max_bytes or 0) for info in found}
        return {name: used / limit for name, (used, limit) in limits.items() if limit > 0}


@asynccontextmanager
async def connect(
    url: str, name: str, *, replicas: int = 1, gib: float | None = None, timeout: float = 10.0
) -> AsyncIterator[Connection]:
    """Connect, set up the streams, and give the connection; waits up to `timeout` seconds for the server.

    `gib` is the room of all streams together; None leaves them as large as they are.

    Raises BusUnavailable when no server answers in time, NoRoom when it cannot hold the streams.
    """
    client = await _client(url, name, timeout)
    try:
        js = client.jetstream(timeout=2.0)
        await streams.ensure(js, replicas, gib, timeout)
        yield Connection(client, js, Publisher(client, f"meshwright/{name}"), ServerClock(client), name)
    finally:
        await _close(client)


async def _client(url: str, name: str, timeout: float) -> Client:
    async def disconnected() -> None:
        if not client.is_closed:  # else it is our own doing
            log.warning("lost the connection to NATS; reconnecting")

    async def reconnected() -> None:
        log.info("connected to NATS again")

    async def failed(error: Exception) -> None:
        log.debug("NATS: %r", error)

    client = LeanClient()
    try:
        # The client tries on for ever, which is right once it was connected; only the first time has a bound.
        async with asyncio.timeout(timeout):
            await client.connect(
                url,
                name=name,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,  # type: ignore[arg-type]  # it is only ever slept
                connect_timeout=2,
                ping_interval=2,
                max_outstanding_pings=2,
                pending_size=8 * 2**20,
                disconnected_cb=disconnected,
                reconnected_cb=reconnected,
                error_cb=failed,
                allow_reconnect=True,
            )
    except (nats.errors.Error, OSError, TimeoutError) as error:
        await _close(client)
        raise BusUnavailable(f"no NATS server answers at {url} within {timeout:g} s: {error!r}") from error
    return client


async def _close(client: Client) -> None:
    try:
        async with asyncio.timeout(3.0):
            if client.is_connected:
                await client.flush()
            await client.close()
    except (nats.errors.Error, TimeoutError, OSError) as error:
        log.debug("closing NATS: %r", error)
