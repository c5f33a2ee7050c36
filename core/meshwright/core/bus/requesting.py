"""Asking a live worker directly: the other end of `serving`.

Invariant: the caller gets the answer, the worker's considered no, or "nobody is there", within its own bound;
nothing is stored and nothing is changed by asking.
"""

import msgspec
import nats.errors

from meshwright.core.bus.connecting import Connection
from meshwright.core.bus.errors import BusError, BusUnavailable
from meshwright.core.telemetry import tracing
from meshwright.schemas import subjects
from meshwright.schemas.errors import Failure

_ERROR, _CODE = "Nats-Service-Error", "Nats-Service-Error-Code"


class NoWorker(BusError):
    """No live worker of that adapter answers, or none answered in time."""


class Refused(BusError):
    """The worker said no, and `failure` says why. `code` is like an HTTP status: 422 refused, 500 a defect."""

    def __init__(self, code: str, failure: Failure) -> None:
        super().__init__(failure.what)
        self.code = code
        self.failure = failure


async def request(bus: Connection, adapter: str, endpoint: str, payload: bytes, timeout: float = 5.0) -> bytes:
    """The answer of one live worker; `timeout` in seconds.

    Raises NoWorker, Refused, BusUnavailable.
    """
    if not bus.is_connected:
        raise BusUnavailable("not connected to NATS")
    subject = subjects.service_subject(adapter, endpoint)
    headers = {"traceparent": found} if (found := tracing.traceparent()) else None
    try:
        reply = await bus.client.request(subject, payload, timeout=timeout, headers=headers)
    except nats.errors.NoRespondersError as error:
        raise NoWorker(f"no live {adapter} worker answers {endpoint}") from error
    except TimeoutError as error:
        raise NoWorker(f"no {adapter} worker answered {endpoint} within {timeout:g} s") from error
    except nats.errors.Error as error:
        raise BusUnavailable(f"could not ask {adapter}: {error!r}") from error
    found_headers = reply.headers or {}
    if _CODE in found_headers:
        raise Refused(found_headers[_CODE], _failure(reply.data, found_headers.get(_ERROR, "")))
    return bytes(reply.data)


def _failure(payload: bytes, text: str) -> Failure:
    try:
        return msgspec.json.decode(payload, type=Failure)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Failure(code="MW1001", what=text or "the worker refused without a reason")
