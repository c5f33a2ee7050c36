"""The NATS client, lean, tidy and honest about cancellations.

Problem: nats-py looks at every character of every header name; with the nine headers of a CloudEvent that is half of
a reader's CPU. And a request waits with `asyncio.wait_for`, which before Python 3.12 drops a cancellation that arrives
together with the answer; a task group cancels its tasks once, and would wait for that one for ever. Invariant: the
same headers come out as from the client's own parser, and who is cancelled during a request is cancelled.
"""

import asyncio
import functools
from typing import Any

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.transport import TcpTransport

from meshwright.core.security import nats_accounts, nkeys


@functools.lru_cache(maxsize=1024)
def _name(raw: bytes) -> str | None:
    """A header's name, or None when it is none (not ASCII, or with space inside)."""
    name = raw.strip()
    if not name.isascii() or any(character.isspace() for character in name.decode()):
        return None
    return name.decode()


class NoTls(errors.Error):
    """A server without TLS, where TLS was asked for. Nothing was said to it."""


class NatsClient(Client):
    """nats-py's client with quicker headers, and requests that never swallow a cancellation.

    With `key` it proves that it holds that key. `js_api` is where the API of JetStream is for this client.
    """

    def __init__(self, key: nkeys.KeyPair | None = None, js_api: str = nats_accounts.JS_API) -> None:
        super().__init__()
        self.js_api = js_api
        self.key = key
        # What the client does itself when it is given a seed, with a library that we need for nothing else.
        self._public_nkey = key.public if key else None

    async def request(self, *arguments: Any, **more: Any) -> Msg:
        """As the client's own."""
        task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        try:
            return await super().request(*arguments, **more)
        finally:
            if task.cancelling() > before:
                raise asyncio.CancelledError

    async def _connect_to_server(self, server: Any) -> None:
        """As the client's own, which would leave a connection open that a server took and never greeted."""
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]  # nats-py leaves it so
        await super()._connect_to_server(server)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """As the client's own, which would say who it is, and all else, in clear when the server does not ask for TLS.

        TLS is asked for by a `tls://` URL or by CA certificates. This runs before the first word to each server.
        """
        server = self._current_server
        wants_tls = "tls" in self.options or (server is not None and server.uri.scheme == "tls")
        if initial_connection and wants_tls:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise NoTls("the server has no TLS")
            info["tls_required"] = True  # also where the server leaves it to the client
        await super()._process_info(info, initial_connection)

    async def _attempt_reconnect(self) -> None:
        """As the client's own, which would wait half a minute for a dead server to close TLS."""
        if isinstance(self._transport, TcpTransport) and self._transport._io_writer is not None:
            self._transport._io_writer.transport.abort()
        await super()._attempt_reconnect()

    async def _process_err(self, err_msg: str) -> None:
        """As the client's own, which would close itself for good when the server ends the connection with an error."""
        text = err_msg.strip("'")
        if "permissions violation" in text.lower():
            await self._error_cb(errors.Error(text))
        else:
            await self._process_op_err(errors.Error(f"nats: {text}"))

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        """As the client's own, for which a subject that is not UTF-8 ends the connection at each delivery."""
        return self.msg_class(
            subject=subject.decode(errors="replace"),
            reply=reply.decode(errors="replace"),
            data=data,
            headers=headers,
            _client=self,
            _sid=sid,
        )

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        headers = {}
        for line in raw.split(b"\r\n"):
            start, colon, value = line.partition(b":")
            if colon and (name := _name(start)) is not None:
                headers[name] = value.strip().decode("utf-8", "replace")
        return headers
