"""HTTP/1.1 on one connection: uvicorn's protocol, with limits that apply while a request is still being read.

Problem: uvicorn reads a head of any size, waits for the rest of it for ever, and responds to invalid requests in a
format of its own. Invariant: no more of a head than the limits and one piece is ever in memory; what is too large or
ambiguous (RFC 9112, request smuggling) is refused as a `Problem` before any route sees it, and then the connection is
closed. A refusal never overtakes the response to an earlier request.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httptools
from opentelemetry.trace import SpanKind
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from meshwright.core.telemetry import tracing
from meshwright.ui_api.http import frame, problems
from meshwright.ui_api.http.meters import Meters
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.refusals import Refusals
from meshwright.ui_api.http.server import scope
from meshwright.ui_api.http.server.connections import Connections, Reason

HEAD_BYTES = 16 * 1024
URL_BYTES = 8 * 1024
MOST_HEADERS = 100
_PIECE = 8 * 1024
"""number of bytes that are parsed at a time, so that an exceeded limit is noticed soon"""
_MOST_PIPELINED = 16
"""maximum number of pipelined requests"""
_BESIDE_BODY = 16 * 1024
"""maximum number of consecutive bytes of chunk extensions or trailers"""
_LAST_READ = 2 * 2**20
"""number of bytes that are read and discarded after the last response: otherwise the client might lose it"""
_LINGER_S = 2.0
_REST_S = 5.0
"""seconds for the rest of a request that was answered before it had arrived"""
_UNREAD_S = 60.0
"""seconds that a client may take to read the last bytes of a response"""


class Limited(HttpToolsProtocol):
    """One connection. `head_s` is the time-out in seconds for a request's head, from its first byte to its last."""

    def __init__(
        self, connections: Connections, meters: Meters, refusals: Refusals, head_s: float, **uvicorn: Any
    ) -> None:
        super().__init__(**uvicorn)
        self._all = connections
        self._meters = meters
        self._refusals = refusals
        self._head_s = head_s
        self.authenticated = False
        """whether a request of this connection had a valid token"""
        self._refused: Refusal | None = None
        self._deaf = False
        """whether further input is discarded"""
        self._hung_up = False
        """whether no further response is sent"""
        self._in_body = False
        self._begun = False
        self._head = self._url = self._fields = self._beside = self._thrown = 0
        self._deadline = time.monotonic() + head_s
        self._late: Reason = "head-timeout"
        self._unread_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection was opened."""
        super().connection_made(transport)
        self._courteous: Any = _DelayedClose(transport, self.disconnect)
        if not self._all.admit(self):
            self._answer(Refusal("too-many-connections", f"{self._all.most} connections are open, all of them busy"))
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection was closed, by either side."""
        self._all.left(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Parse the received data, piece by piece while it is not refused."""
        self._unset_keepalive_if_required()
        if not self._in_body:
            self._begin()
        for start in range(0, len(data), _PIECE):
            if self._deaf:
                self._throw_away(len(data) - start)
                return
            self._read(data[start : start + _PIECE])

    def _read(self, piece: bytes) -> None:
        self._beside += len(piece)
        if not self._in_body:
            self._head += len(piece)
        try:
            self.parser.feed_data(piece)
            self._check_sizes()
        except httptools.HttpParserUpgrade:
            # the parser would take the rest for another protocol: after this response no more is read
            self._deaf = True
            self.cycle.keep_alive = False
        except (httptools.HttpParserError, Refusal) as error:
            refusal = self._refused or (error if isinstance(error, Refusal) else None)
            self._refuse(refusal or Refusal("invalid-request", f"this is not HTTP/1.1: {error}"[:200]))

    def _check_sizes(self) -> None:
        if self._in_body:
            if self._beside > _BESIDE_BODY:
                raise Refusal("invalid-request", f"more than {_BESIDE_BODY} bytes of chunk extensions or trailers")
        elif self._head > URL_BYTES + HEAD_BYTES:
            raise _head_too_large()  # before the end of the body

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._expect_within(self._head_s, "head-timeout")

    # callbacks of the parser; an exception in them reaches `_read` as an error of the parser

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._begin()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the URL."""
        self._url += len(url)
        if self._url > URL_BYTES:
            self._fail(Refusal("url-too-long", f"a URL may have {URL_BYTES} bytes"))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or (dropped) a trailer field."""
        if self._in_body:
            return
        self._fields += len(name) + len(value) + 4
        if self._fields > HEAD_BYTES or len(self.headers) >= MOST_HEADERS:
            self._fail(_head_too_large())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: handle the request, unless it is ambiguous."""
        if wrong := self._ambiguity():
            self._fail(Refusal("invalid-request", wrong))
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._fail(Refusal("too-many-requests", f"more than {_MOST_PIPELINED} requests wait on this connection"))
        self.scope[scope.CONNECTION] = self  # type: ignore[literal-required]
        super().on_headers_complete()
        self.cycle.transport = self._courteous
        self._in_body = True
        self._beside = 0
        self._all.works(self)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._beside = 0
        if self.cycle.response_complete:
            self._throw_away(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete; the next one may begin."""
        super().on_message_complete()
        self._in_body = self._begun = False
        self._head = self._url = self._fields = self._thrown = 0
        if self.cycle.response_complete:
            self._wait()

    def on_response_complete(self) -> None:
        """The response was sent; the connection waits for its client again."""
        super().on_response_complete()
        if self._deaf:
            self._unset_keepalive_if_required()
            return
        if self.pipeline or not self.cycle.response_complete:
            return
        if self._in_body:
            self._unset_keepalive_if_required()
            self._expect_within(_REST_S, "rest-timeout")
            self._all.waits(self)
        else:
            self._wait()

    def _wait(self) -> None:
        self._deadline = 0.0
        if self._begun:  # a part of the next head had arrived while this response was made
            self._expect_within(self._head_s, "head-timeout")
        self._all.waits(self)

    def _ambiguity(self) -> str:
        """Why other programs might parse this head in another way, or an empty string."""
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            return f"HTTP/{version} is not supported"
        names = [name for name, _ in self.headers]
        if names.count(b"host") != 1 and (version == "1.1" or b"host" in names):
            return "there must be one Host header"
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (codings != [b"chunked"] or version == "1.0"):
            return "the only transfer coding is chunked, in HTTP/1.1"
        if self.parser.should_upgrade() and (codings or b"content-length" in names):
            return "a request to change the protocol has no body"
        return ""

    @property
    def _is_answering(self) -> bool:
        newest: RequestResponseCycle | None = self.cycle  # None before the first request
        return newest is not None and not newest.response_complete and not self._hung_up

    def _fail(self, refused: Refusal) -> None:
        self._refused = refused
        raise refused

    def _refuse(self, refused: Refusal) -> None:
        """End the connection with this refusal, or with the response to earlier requests."""
        self._deaf = True
        if not self._is_answering:
            if not self.transport.is_closing():
                self._answer(refused)
            return
        if self._in_body:
            # the request is being handled by a route: it is informed, and its own refusal is the response
            self.cycle.scope[scope.FAULT] = refused  # type: ignore[literal-required]
            self.cycle.more_body = False
            self.cycle.message_event.set()
        self.cycle.keep_alive = False

    def _answer(self, refused: Refusal) -> None:
        """Send the refusal as the last response."""
        self._deaf = True
        with tracing.span("refused", SpanKind.SERVER):
            response = problems.answer(refused, "")
            self._refusals.tell(refused, route="none")
            self._meters.requests.add("none", str(response.status_code))
            headers = [*response.raw_headers, *frame.safety(), (b"connection", b"close")]
        lines = [STATUS_LINE[response.status_code], *(b"%b: %b\r\n" % header for header in headers), b"\r\n"]
        self.transport.write(b"".join([*lines, bytes(response.body)]))
        self.disconnect()

    def disconnect(self) -> None:
        """Close the connection after its last response, after reading for a while if the client may still be
        sending.
        """
        if not self._in_body and not self._deaf:
            self.transport.close()
        elif not self.transport.is_closing():
            self._deaf = self._hung_up = True
            self.pipeline.clear()
            self.transport.write_eof()
            self._expect_within(_LINGER_S, "rest-timeout")
            self._all.waits(self)

    def _throw_away(self, size: int) -> None:
        self._thrown += size
        if self._thrown > _LAST_READ and not self.transport.is_closing():
            self.flow.pause_reading()  # until its time-out

    # how the connection is closed when its client keeps it waiting

    def _expect_within(self, seconds: float, else_: Reason) -> None:
        self._deadline = time.monotonic() + seconds
        self._late = else_

    def overdue(self, now: float) -> Reason | None:
        """The reason to close this connection now, if there is one."""
        if self._is_answering:
            self._unread_since = 0.0
            return None
        if self.transport.get_write_buffer_size():
            self._unread_since = self._unread_since or now
            return "unread" if now - self._unread_since > _UNREAD_S else None
        self._unread_since = 0.0
        return self._late if self._deadline and now > self._deadline else None

    def end(self, reason: Reason) -> None:
        """Close it; a client that has sent a part of a request gets the reason."""
        if reason == "idle":
            self.transport.close()
        elif reason == "head-timeout" and self._begun and not self._deaf:
            self._answer(
                Refusal("request-timeout", f"the head of the request did not arrive within {self._head_s:g} s")
            )
            self.transport.close()
        else:
            self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        """The connection was idle for too long."""
        if not self.transport.is_closing():
            self._all.close(self, "idle")


class _DelayedClose:
    """A transport for uvicorn that delays closing: with unread bytes, an immediate close would lose the response."""

    def __init__(self, transport: asyncio.Transport, disconnect: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = disconnect


def _head_too_large() -> Refusal:
    return Refusal(
        "headers-too-large", f"a request may have {MOST_HEADERS} header fields and {HEAD_BYTES} bytes of them"
    )
