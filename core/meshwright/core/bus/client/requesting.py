"""Requests to a live worker: the client of `serving`.

Invariant: within the time-out the caller gets either the answer or an error that says which: no worker listens, the
worker is slow, the worker refuses, the bus is unavailable, the request is too large. Nothing is stored or changed by a
request.
"""

import zlib

import msgspec

from meshwright.core.bus.client.serving import DEFLATE, ENCODING
from meshwright.core.bus.errors import BusError, NoResponders
from meshwright.core.bus.protocols import Bus
from meshwright.core.telemetry import tracing
from meshwright.schemas import subjects
from meshwright.schemas.errors import Failure

_ERROR, _CODE = "Nats-Service-Error", "Nats-Service-Error-Code"
_MAX_ANSWER = 64 * 2**20
"""maximum size in bytes of an answer after decompression"""


class NoWorker(BusError):
    """No worker of that adapter is subscribed."""


class Slow(BusError):
    """A worker is subscribed, or was a moment ago, and did not answer in time."""


class ServiceRefused(BusError):
    """The worker refused the request; `failure` has the reason.

    `code` is like an HTTP status: 422 refused, 424 what the worker must ask does not answer, 413 the answer is too
    large, 500 a defect, 503 busy, 504 takes too long.
    """

    def __init__(self, code: str, failure: Failure) -> None:
        super().__init__(failure.what)
        self.code = code
        self.failure = failure


async def request(bus: Bus, adapter: str, endpoint: str, payload: bytes, timeout: float = 5.0) -> bytes:
    """Send a request and return the answer of one live worker; `timeout` in seconds.

    Raises NoWorker, Slow, ServiceRefused, TooLarge, BusUnavailable.
    """
    subject = subjects.service_subject(adapter, endpoint)
    headers = {"traceparent": context} if (context := tracing.traceparent()) else None
    try:
        reply = await bus.ask(subject, payload, headers, timeout)
    except NoResponders as error:
        raise NoWorker(f"no live {adapter} worker answers {endpoint}") from error
    except TimeoutError as error:
        await bus.stream_bounds(
            subjects.COMMANDS.stream
        )  # raises BusUnavailable when the server itself does not answer
        raise Slow(f"the {adapter} worker did not answer {endpoint} within {timeout:g} s") from error
    if _CODE in reply.headers:
        raise ServiceRefused(reply.headers[_CODE], _failure(reply.payload, reply.headers.get(_ERROR, "")))
    return _unpacked(reply.payload) if reply.headers.get(ENCODING) == DEFLATE else reply.payload


def _unpacked(payload: bytes) -> bytes:
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(payload, _MAX_ANSWER)
    except zlib.error as error:
        raise ServiceRefused("500", Failure(code="MW1001", what=f"the answer cannot be unpacked: {error}")) from error
    if reader.unconsumed_tail:
        raise ServiceRefused("413", Failure(code="MW1009", what=f"the answer has more than {_MAX_ANSWER} bytes"))
    return content


def _failure(payload: bytes, text: str) -> Failure:
    try:
        return msgspec.json.decode(payload, type=Failure)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Failure(code="MW1001", what=text or "the worker refused without a reason")
