"""The one connection to NATS of a process, and the reads and requests made through it.

Invariant: the client reconnects without limit and detects a dead server within ten seconds; leaving the `connect` block
flushes what was published and closes the connection. Each change of the connection is logged once, by this package.
"""

import asyncio
import datetime
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from meshwright.core.bus.client import dialing
from meshwright.core.bus.client.clock import ServerClock
from meshwright.core.bus.client.nats_client import NatsClient
from meshwright.core.bus.envelope import Received
from meshwright.core.bus.errors import BusUnavailable, NoResponders, TooLarge
from meshwright.core.bus.protocols import Reply, StreamSize
from meshwright.core.bus.stream import streams
from meshwright.core.bus.stream.publishing import Publisher
from meshwright.core.security import nats_accounts
from meshwright.schemas import subjects

_LOOK_UP_S = 2.0


class Connection(msgspec.Struct, frozen=True):
    """A live connection. `name` identifies the process: its CloudEvents source is `meshwright/<name>`."""

    client: NatsClient
    js: JetStreamContext
    publisher: Publisher
    clock: ServerClock
    name: str
    sets_up: bool = True
    """whether it may create streams and buckets; components find them already created"""
    replicas: int = 1
    """number of replicas for each stream and bucket that this connection creates"""

    @property
    def is_connected(self) -> bool:
        """Whether the socket is up now; false while reconnecting."""
        return bool(self.client.is_connected)

    @property
    def reconnects(self) -> int:
        """How often the connection was re-established; messages of core NATS may have been missed meanwhile."""
        return int(self.client.stats["reconnects"])

    async def last(self, stream: str, subject: str) -> Received | None:
        """The newest message of a subject, or None.

        Raises BusUnavailable.
        """
        return await self._message(stream, subject=subject)

    async def at(self, stream: str, seq: int) -> Received | None:
        """The message at a sequence, or None when it was trimmed or never existed.

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
        request: dict[str, int | str] = {} if seq is None else {"seq": seq}
        if next and subject:
            request["next_by_subj"] = subject
        name = f"{self.client.js_api}.DIRECT.GET.{stream}"
        try:
            if request:
                answer = await self.client.request(name, json.dumps(request).encode(), timeout=_LOOK_UP_S)
            else:
                answer = await self.client.request(f"{name}.{subject}", timeout=_LOOK_UP_S)
        except (nats.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"could not read {stream}: {error!r}") from error
        status = (answer.headers or {}).get("Status")
        if status == "404":
            return None
        if status:
            raise BusUnavailable(f"could not read {stream}: the server answered {status}")
        return message_of_reply(stream, answer)

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
        """The id of this installation, derived from the creation time of its STATE stream.

        Raises BusUnavailable.
        """
        stream = subjects.STATE.stream
        try:
            info = await self.js.stream_info(stream)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"could not read {stream}: {error!r}") from error
        assert info.created is not None, "every stream has a creation time"
        return f"{stream.lower()}-{info.created.astimezone(datetime.UTC):%Y%m%dT%H%M%S.%f}"

    async def fill(self) -> dict[str, float]:
        """How full each stream with a limit is, from 0 to 1.

        Raises BusUnavailable.
        """
        return {size.name: size.fill for size in await self.sizes() if size.limit}

    async def sizes(self) -> list[StreamSize]:
        """What each stream holds, and its limit. Raises BusUnavailable."""
        try:
            infos = await asyncio.gather(*(self.js.stream_info(name) for name in streams.SHARES))
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"could not read the streams: {error!r}") from error
        return [
            StreamSize(
                name=str(info.config.name),
                messages=info.state.messages,
                bytes=info.state.bytes,
                limit=max(info.config.max_bytes or 0, 0),
                first=info.state.first_seq,
                last=info.state.last_seq,
            )
            for info in infos
        ]

    async def ask(self, subject: str, payload: bytes, headers: dict[str, str] | None, timeout: float) -> Reply:
        """Send a request and return the answer of one subscriber within `timeout` seconds.

        Raises NoResponders, TimeoutError, TooLarge, BusUnavailable.
        """
        if not self.is_connected:
            raise BusUnavailable("not connected to NATS")
        try:
            reply = await self.client.request(subject, payload, timeout=timeout, headers=headers)
        except nats.errors.NoRespondersError as error:
            raise NoResponders(f"no subscriber listens on {subject}") from error
        except TimeoutError:
            raise
        except nats.errors.MaxPayloadError as error:
            raise TooLarge(
                f"{len(payload)} bytes exceed the server's max_payload of {self.client.max_payload}"
            ) from error
        except nats.errors.Error as error:
            raise BusUnavailable(f"could not send a request: {error!r}") from error
        return Reply(bytes(reply.data), dict(reply.headers or {}))


def message_of_reply(stream: str, answer: Msg) -> Received:
    """The message in the answer to a direct get."""
    headers = {str(name): str(value) for name, value in (answer.headers or {}).items()}
    moment = headers["Nats-Time-Stamp"]
    seconds = datetime.datetime.fromisoformat(moment[:19] + "+00:00").timestamp()
    return Received(
        stream=stream,
        subject=headers["Nats-Subject"],
        seq=int(headers["Nats-Sequence"]),
        time=int(seconds) * 1_000_000_000 + int(moment[20:].rstrip("Z").ljust(9, "0") or 0),
        headers=headers,
        payload=answer.data,
    )


@asynccontextmanager
async def connect(
    url: str,
    name: str,
    *,
    credentials_file: Path | None = None,
    ca_file: Path | None = None,
    replicas: int = 1,
    gib: float | None = None,
    timeout: float = 10.0,
) -> AsyncIterator[Connection]:
    """Connect to NATS; waits up to `timeout` seconds for the server and the streams.

    With `credentials_file` the process connects as the component that the file belongs to, and expects the streams to
    exist. The provisioner, and any process without such a file, creates or updates them: `gib` is the size limit of all
    streams together, None keeps the present limits; each stream, and each bucket that is opened, gets `replicas`
    replicas.

    Raises BusUnavailable when no server answers in time, AccessRefused when it refuses the credentials,
    InsufficientStorage when it cannot reserve the storage for the streams.
    """
    client = await dialing.dial(url, name, timeout, credentials_file, ca_file)
    async with connection(client, name, replicas=replicas, gib=gib, timeout=timeout) as bus:
        yield bus


@asynccontextmanager
async def connection(
    client: NatsClient, name: str, *, replicas: int = 1, gib: float | None = None, timeout: float = 10.0
) -> AsyncIterator[Connection]:
    """Wrap a connected client, which is closed at the end of the block; the arguments are as for `connect`."""
    try:
        js = client.jetstream(timeout=2.0, prefix=client.js_api)
        sets_up = client.js_api == nats_accounts.JS_API
        if sets_up:
            await streams.ensure(js, replicas, gib, timeout)
        else:
            await streams.await_set_up(js, timeout)
        yield Connection(
            client, js, Publisher(client, f"meshwright/{name}"), ServerClock(client), name, sets_up, replicas
        )
    finally:
        await dialing.disconnect(client)
