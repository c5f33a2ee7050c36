"""Answering requests: what a live worker can be asked directly, as a NATS micro service.

Problem: a preview or a diagnosis is a question, not a fact; it belongs on no stream. Invariant: every endpoint
answers within its bound or says why not in the `Nats-Service-Error` headers (ADR-32), and `$SRV.PING|INFO|STATS`
list the worker without any registry.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import nats.micro
from nats.micro.request import Request
from nats.micro.service import EndpointConfig, ServiceConfig

from meshwright.core.bus.connecting import Connection
from meshwright.schemas import subjects
from meshwright.schemas.errors import Failure

log = logging.getLogger(__name__)
Endpoint = Callable[[bytes], Awaitable[bytes]]
_BOUND = 10.0
"""seconds an answer may take"""


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
    try:
        for name, endpoint in endpoints.items():
            subject = subjects.service_subject(adapter, name)
            await service.add_endpoint(EndpointConfig(name=name, subject=subject, handler=_handler(endpoint)))
        yield
    finally:
        if bus.is_connected:
            await service.stop()


def _handler(endpoint: Endpoint) -> Callable[[Request], Awaitable[None]]:
    async def handle(request: Request) -> None:
        try:
            async with asyncio.timeout(_BOUND):
                answer = await endpoint(request.data)
        except Refusal as refusal:
            await _refuse(request, "422", refusal.failure)
        except Exception as error:  # the asker gets a reason instead of a time-out, whatever went wrong
            log.exception("an endpoint failed")
            await _refuse(request, "500", Failure(code="MW1001", what=f"{type(error).__name__}: {error}"))
        else:
            await request.respond(answer)

    return handle


async def _refuse(request: Request, code: str, failure: Failure) -> None:
    await request.respond_error(code, failure.what.replace("\n", " ")[:200], data=msgspec.json.encode(failure))
