"""Connecting the NATS client of one process with its credentials and TLS settings.

Problem: nats-py reports refused credentials and permission violations only through a callback. Invariant: each of them
becomes a line of the log or an error that says what to do; after the first connection the client retries for ever.
"""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import NamedTuple

import nats.errors
from nats.aio.client import Client

from meshwright.core.bus.client.nats_client import NatsClient, NoTls
from meshwright.core.bus.errors import AccessRefused, BusUnavailable
from meshwright.core.security import addresses, credentials, nats_accounts, nkeys

log = logging.getLogger(__name__)
NOT_PERMITTED = "NATS refused this process a subject (permissions violation)"
"""prefix of each log line about a permission violation, which is always a defect"""
_DISCONNECT_TIMEOUT_S = 3.0


async def dial(
    url: str, name: str, timeout: float, credentials_file: Path | None = None, ca_file: Path | None = None
) -> NatsClient:
    """A connected client, which reconnects without limit and notices a dead server within ten seconds.

    Raises BusUnavailable when no server answers in time, AccessRefused.
    """
    key = _key(credentials_file) if credentials_file else None
    is_in_streams_account = key is None or name == nats_accounts.PROVISIONER
    client = NatsClient(key, nats_accounts.JS_API if is_in_streams_account else nats_accounts.IMPORTED_JS_API)
    connection_log = _ConnectionLog(client, name, _Server(url, credentials_file, ca_file))
    try:
        # The client retries for ever, which is right after the first connection; only the first one has a time-out.
        async with asyncio.timeout(timeout):
            await client.connect(
                addresses.nats_servers(url),
                name=name,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,  # type: ignore[arg-type]  # it is only ever slept
                connect_timeout=2,
                ping_interval=2,
                max_outstanding_pings=2,
                pending_size=8 * 2**20,
                disconnected_cb=connection_log.disconnected,
                reconnected_cb=connection_log.reconnected,
                error_cb=connection_log.failed,
                allow_reconnect=True,
                signature_cb=key.sign if key else None,
                tls=tls_context(ca_file) if ca_file else None,
            )
    except (nats.errors.Error, OSError, TimeoutError) as error:
        await disconnect(client)
        if connection_log.refusal:
            raise AccessRefused(connection_log.refusal) from error
        where = without_password(url)
        why = connection_log.last or repr(error)
        raise BusUnavailable(f"no NATS server answers at {where} within {timeout:g} s: {why}") from error
    return client


async def disconnect(client: Client) -> None:
    """Flush what is pending and close the connection."""
    try:
        async with asyncio.timeout(_DISCONNECT_TIMEOUT_S):
            if client.is_connected:
                await client.flush()
            await client.close()
    except (nats.errors.Error, TimeoutError, OSError) as error:
        log.debug("closing NATS: %r", error)


def without_password(url: str) -> str:
    """The URL without its password, for messages."""
    return ",".join(map(addresses.without_user, addresses.nats_servers(url)))


class _Server(NamedTuple):
    """The server to connect to, and the files for TLS and credentials."""

    url: str
    credentials_file: Path | None
    ca_file: Path | None

    def refusal(self, error: Exception) -> str:
        """The reason why this server cannot be used and what to do; empty when a retry may succeed."""
        server = f"the NATS server at {without_password(self.url)}"
        if isinstance(error, ssl.SSLCertVerificationError):
            trusted = f"the CA certificates in {self.ca_file}" if self.ca_file else "the CAs of this machine"
            return (
                f"{server} has a certificate that cannot be verified with {trusted}: {error.verify_message}. Let"
                " MESHWRIGHT_NATS_CA_FILE hold the CA of its certificate, and MESHWRIGHT_NATS_URL a name in it"
            )
        if isinstance(error, NoTls):
            return (
                f"{server} has no TLS, which a tls:// URL or MESHWRIGHT_NATS_CA_FILE requires; nothing was sent to it."
                " Give the server its `tls` block, or remove both settings"
            )
        if "authorization violation" not in str(error).lower():
            return ""
        if self.credentials_file is None:
            return f"{server} requires credentials: set MESHWRIGHT_NATS_CREDENTIALS_FILE"
        return f"{server} does not know the key in {self.credentials_file}: is its configuration up to date?"


class _ConnectionLog:
    """Logs each change of the connection as one line."""

    def __init__(self, client: Client, name: str, asked: _Server) -> None:
        self._client = client
        self._name = name
        self._asked = asked
        self.refusal = ""
        self.last = ""
        self._was_connected = False

    async def disconnected(self) -> None:
        self._was_connected = True
        if not self._client.is_closed:  # otherwise this process closed it itself
            log.warning("lost the connection to NATS; reconnecting")

    async def reconnected(self) -> None:
        log.info("connected to NATS again")
        self.refusal = ""

    async def failed(self, error: Exception) -> None:
        self.last = str(error) or repr(error)
        text = self.last.lower()
        if "permissions violation" in text:
            log.error("%s: %s", NOT_PERMITTED, self.last)
        elif refusal := self._asked.refusal(error):
            if self._was_connected and not self.refusal:
                log.error("NATS refuses the credentials of %s: %s", self._name, refusal)
            self.refusal = refusal
        else:
            log.debug("NATS: %r", error)


def _key(path: Path) -> nkeys.KeyPair:
    try:
        return credentials.read(path)
    except credentials.InvalidCredentials as error:
        raise AccessRefused(str(error)) from error


def tls_context(ca_file: Path) -> ssl.SSLContext:
    """TLS that trusts these CA certificates and no others. Raises AccessRefused."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise AccessRefused(f"the CA certificates in {ca_file} cannot be read: {error}") from error
