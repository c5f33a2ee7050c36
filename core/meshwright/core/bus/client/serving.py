"""Serving requests to a live worker, as a NATS micro service.

Problem: a preview or a diagnosis is a request, not a fact, so it belongs on no stream. Invariant: every endpoint
answers within its time-out or sends an error in the `Nats-Service-Error` headers (ADR-32), small requests never wait
for large ones, and `$SRV.PING|INFO|STATS` list the worker without any registry. An answer that exceeds one message is
compressed, with a `Content-Encoding` header.
"""

import asyncio
import contextlib
import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import nats.errors
import nats.micro
from nats.micro.request import Request
from nats.micro.service import EndpointConfig, ServiceConfig

from meshwright.core import ending
from meshwright.core.bus.client.connecting import Connection
from meshwright.schemas import subjects
from meshwright.schemas.errors import Failure

log = logging.getLogger(__name__)
Endpoint = Callable[[bytes], Awaitable[bytes]]
UNPROCESSABLE, DEPENDENCY = "422", "424"
_TIMEOUT = 20.0
"""seconds until a request times out, waiting included"""
_LARGE = 8 * 1024
"""size in bytes from which a request counts as large"""
_CONCURRENCY = {"small": 8, "large": 1}
"""requests that one endpoint handles concurrently"""
_MAX_OPEN = 64
"""requests that may be open at one worker"""
_HEADER_ROOM = 4096
"""bytes reserved for an answer's headers"""
_FLUSH_S = 10
"""seconds to wait for the server to register the subscriptions"""
ENCODING, DEFLATE = "Content-Encoding", "deflate"


class Refusal(Exception):
    """An endpoint refuses a request; the caller gets the failure.

    `code` is UNPROCESSABLE where another try would end the same way, or DEPENDENCY where a server, cluster or proxy
    that must be asked does not answer now.
    """

    def __init__(self, failure: Failure, code: str = UNPROCESSABLE) -> None:
        super().__init__(failure.what)
        self.failure = failure
        self.code = code


@asynccontextmanager
async def serving(bus: Connection, adapter: str, version: str, endpoints: dict[str, Endpoint]) -> AsyncIterator[None]:
    """Serve `endpoints` (name → function from payload to payload) for the length of the block."""
    config = ServiceConfig(name=f"meshwright-{adapter}", version=version, metadata={"adapter": adapter})
    service = await nats.micro.add_service(bus.client, config)
    dispatcher = _Dispatcher(bus)
    try:
        for name, endpoint in endpoints.items():
            subject = subjects.service_subject(adapter, name)
            await service.add_endpoint(EndpointConfig(name=name, subject=subject, handler=dispatcher.handler(endpoint)))
        # The flush ensures that the subscriptions are registered. After a reconnect the client subscribes again by
        # itself.
        with contextlib.suppress(nats.errors.Error, TimeoutError):
            await bus.client.flush(_FLUSH_S)
        yield
    finally:
        if bus.is_connected:
            await service.stop()
        await dispatcher.close()


class _Dispatcher:
    """Handles several requests concurrently; the micro service itself would handle one after the other."""

    def __init__(self, bus: Connection) -> None:
        self._bus = bus
        self._open: set[asyncio.Task[None]] = set()

    def handler(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[None]]:
        """The handler of requests to one endpoint."""
        slots = {size: asyncio.Semaphore(number) for size, number in _CONCURRENCY.items()}

        async def handle(request: Request) -> None:
            if len(self._open) >= _MAX_OPEN:
                what = f"the worker has {_MAX_OPEN} other questions to answer"
                await _refuse(request, "503", Failure(code="MW1007", what=what))
                return
            slot = slots["small" if len(request.data) < _LARGE else "large"]
            task = asyncio.create_task(self._answer(request, endpoint, slot))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

        return handle

    async def close(self) -> None:
        """Leave open requests unanswered: their clients time out and ask another worker."""
        await ending.end(*self._open)

    async def _answer(self, request: Request, endpoint: Endpoint, slot: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT) as bound, slot:
                answer = await endpoint(request.data)
            await self._respond(request, answer)
        except Refusal as refusal:
            await _refuse(request, refusal.code, refusal.failure)
        except nats.errors.Error as error:
            log.warning("an answer could not be sent: %r", error)
        except Exception as error:  # the caller gets a reason instead of a time-out, whatever failed
            if isinstance(error, TimeoutError) and bound.expired():
                await _refuse(
                    request, "504", Failure(code="MW1008", what=f"the request takes longer than {_TIMEOUT:g} s")
                )
                return
            log.exception("an endpoint failed")
            await _refuse(request, "500", Failure(code="MW1001", what=f"{type(error).__name__}: {error}"))

    async def _respond(self, request: Request, answer: bytes) -> None:
        room = int(self._bus.client.max_payload) - _HEADER_ROOM
        if len(answer) <= room:
            await request.respond(answer)
            return
        packed = await asyncio.to_thread(zlib.compress, answer, 1)
        if len(packed) <= room:
            await request.respond(packed, headers={ENCODING: DEFLATE})
        else:
            what = f"the answer has {len(answer)} bytes, compressed {len(packed)}; the server's limit is {room}"
            await _refuse(request, "413", Failure(code="MW1009", what=what))


async def _refuse(request: Request, code: str, failure: Failure) -> None:
    await request.respond_error(code, failure.what.replace("\n", " ")[:200], data=msgspec.json.encode(failure))
