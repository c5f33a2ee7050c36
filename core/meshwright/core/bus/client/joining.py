"""Connecting a component to NATS as its settings say.

Problem: a server that admits anonymous clients makes every permission worthless, and nothing shows it. Invariant: a
component uses such a server only when a setting allows it, and then logs a warning at each start.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats.errors

from meshwright.core import settings
from meshwright.core.bus.client import dialing
from meshwright.core.bus.client.connecting import Connection, connection
from meshwright.core.bus.client.nats_client import NatsClient
from meshwright.core.bus.errors import AccessRefused, BusUnavailable
from meshwright.core.security import addresses

log = logging.getLogger(__name__)
_PROBE_TIMEOUT_S = 2.0


@asynccontextmanager
async def join(chosen: settings.Settings, name: str, timeout: float = 10.0) -> AsyncIterator[Connection]:
    """The connection of a component, for the length of the block.

    Raises BusUnavailable, AccessRefused, InsufficientStorage.
    """
    client = await dialing.dial(chosen.nats_url, name, timeout, chosen.nats_credentials_file, chosen.nats_ca_file)
    try:
        await _refuse_open_server(chosen, timeout)
    except BusUnavailable:
        await dialing.disconnect(client)
        raise
    async with connection(client, name, replicas=chosen.replicas, gib=chosen.streams_gib, timeout=timeout) as bus:
        yield bus


async def _refuse_open_server(chosen: settings.Settings, timeout: float) -> None:
    """Refuse a server that admits anonymous clients, unless a setting allows it.

    Raises AccessRefused, BusUnavailable.
    """
    if not await _retried(chosen, timeout):
        return
    where = dialing.without_password(chosen.nats_url)
    if not chosen.nats_allow_anonymous:
        raise AccessRefused(
            f"the NATS server at {where} admits anonymous clients: anyone who reaches it has full access."
            " Give it users (`meshwright-nats users` writes its configuration and the credentials, see"
            " deploy/README.md), or set MESHWRIGHT_NATS_ALLOW_ANONYMOUS=true if nobody else can reach it"
        )
    log.warning("the NATS server at %s admits ANONYMOUS clients, as MESHWRIGHT_NATS_ALLOW_ANONYMOUS permits", where)


async def _retried(chosen: settings.Settings, timeout: float) -> bool:
    """The result of `allows_anonymous`, retried for `timeout` seconds. Raises BusUnavailable when there is none."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        try:
            return await allows_anonymous(chosen.nats_url, chosen.nats_ca_file)
        except BusUnavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.1)


async def allows_anonymous(url: str, ca_file: Path | None = None, **credentials: str) -> bool:
    """Whether the server admits a client without credentials, or with these ones.

    Raises BusUnavailable when it neither admits nor refuses the client within two seconds.
    """
    client = NatsClient()
    errors: list[Exception] = []

    async def failed(error: Exception) -> None:
        errors.append(error)

    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            await client.connect(
                addresses.nats_servers(dialing.without_password(url)),
                name="anonymous",
                allow_reconnect=False,
                error_cb=failed,
                tls=dialing.tls_context(ca_file) if ca_file else None,
                **credentials,  # type: ignore[arg-type]  # its other options are of other types
            )
    except (nats.errors.Error, OSError, TimeoutError) as error:
        if any("authorization violation" in str(each).lower() for each in (error, *errors)):
            return False
        where = dialing.without_password(url)
        reason = repr(errors[-1] if errors else error)
        raise BusUnavailable(
            f"cannot tell whether the NATS server at {where} requires credentials: {reason}"
        ) from error
    finally:
        await dialing.disconnect(client)
    return True
