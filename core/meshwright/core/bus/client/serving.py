"""Serving requests to a live worker, as a NATS micro service.

Problem: a preview or a diagnosis is a question, not a fact; it belongs on no stream. Invariant: every endpoint
answers within its bound or says why not in the `Nats-Service-Error` headers (ADR-32), small questions never wait for
large ones, and `$SRV.PING|INFO|STATS` list the worker without any registry. What is too large for one message is
compressed, as its `Content-Encoding` says.
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
_BOUND = 20.0
"""seconds an answer may take, its turn included"""
_LARGE = 8 * 1024
"""bytes from which a question counts as large"""
_AT_ONCE = {"small": 8, "large": 1}
"""questions that one endpoint answers side by side"""
_MOST = 64
"""questions that may be open at one worker"""
_HEADERS = 4096
"""bytes that an answer's headers may need"""
_FLUSH_S = 10
"""seconds that the server may take to note the subscriptions"""
ENCODING, DEFLATE = "Content-Encoding", "deflate"


class Refusal(Exception):
    """An endpoint's considered no; the asker gets the failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


@asynccontextmanager
async def serving(bus: Connection, adapter: str, version: str, endpoints: dict[str, Endpoint]) -> AsyncIterator[None]:
    """Answer `endpoints` (name to function from payload to payload) for the length of the block."""
    config = ServiceConfig(name=f"meshwright-{adapter}", version=version, metadata={"adapter": adapter})
    service = await nats.micro.add_service(bus.client, config)
    dispatcher = _Dispatcher(bus)
    try:
        for name, endpoint in endpoints.items():
            subject = subjects.service_subject(adapter, name)
            await service.add_endpoint(EndpointConfig(name=name, subject=subject, handler=dispatcher.handler(endpoint)))
        # Now the server knows them all, whoever asks next. A connection that is lost subscribes again by itself.
        with contextlib.suppress(nats.errors.Error, TimeoutError):
            await bus.client.flush(_FLUSH_S)
        yield
    finally:
        if bus.is_connected:
            await service.stop()
        await dispatcher.close()


class _Dispatcher:
    """Answers several questions at a time, which the service itself would hand over one after the other."""

    def __init__(self, bus: Connection) -> None:
        self._bus = bus
        self._open: set[asyncio.Task[None]] = set()

    def handler(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[None]]:
        """What takes the questions to one endpoint."""
        slots = {size: asyncio.Semaphore(number) for size, number in _AT_ONCE.items()}

        async def handle(request: Request) -> None:
            if len(self._open) >= _MOST:
                what = f"the worker has {_MOST} other questions to answer"
                await _refuse(request, "503", Failure(code="MW1007", what=what))
                return
            slot = slots["small" if len(request.data) < _LARGE else "large"]
            task = asyncio.create_task(self._answer(request, endpoint, slot))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

        return handle

    async def close(self) -> None:
        """Leave the rest unanswered: their clients time out and ask another worker."""
        await ending.end(*self._open)

    async def _answer(self, request: Request, endpoint: Endpoint, slot: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(_BOUND) as bound, slot:
                answer = await endpoint(request.data)
            await self._respond(request, answer)
        except Refusal as refusal:
            await _refuse(request, "422", refusal.failure)
        except nats.errors.Error as error:
            log.warning("an answer could not be sent: %r", error)
        except Exception as error:  # the asker gets a reason instead of a time-out, whatever went wrong
            if isinstance(error, TimeoutError) and bound.expired():
                await _refuse(request, "504", Failure(code="MW1008", what=f"it takes longer than {_BOUND:g} s"))
                return
            log.exception("an endpoint failed")
            await _refuse(request, "500", Failure(code="MW1001", what=f"{type(error).__name__}: {error}"))

    async def _respond(self, request: Request, answer: bytes) -> None:
        room = int(self._bus.client.max_payload) - _HEADERS
        if len(answer) <= room:
            await request.respond(answer)
            return
        packed = await asyncio.to_thread(zlib.compress, answer, 1)
        if len(packed) <= room:
            await request.respond(packed, headers={ENCODING: DEFLATE})
        else:
            what = f"the answer has {len(answer)} bytes, compressed {len(packed)}, and NATS takes {room} at once"
            await _refuse(request, "413", Failure(code="MW1009", what=what))


async def _refuse(request: Request, code: str, failure: Failure) -> None:
    await request.respond_error(code, failure.what.replace("\n", " ")[:200], data=msgspec.json.encode(failure))
