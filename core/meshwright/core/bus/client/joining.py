"""Joining: how a component comes onto the bus, as its settings say.

Problem: a server that lets anybody in makes every permission worthless, and nobody notices. Invariant: a component
works on such a server only when it was told to, and then says so at each start.
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
from meshwright.core.bus.client.lean import LeanClient
from meshwright.core.bus.errors import NotLetIn

log = logging.getLogger(__name__)
_KNOCK_S = 2.0


@asynccontextmanager
async def join(chosen: settings.Settings, name: str, timeout: float = 10.0) -> AsyncIterator[Connection]:
    """The connection of a component, for the length of the block. Raises BusUnavailable, NotLetIn, NoRoom."""
    client = await dialing.dial(chosen.nats_url, name, timeout, chosen.nats_credentials_file, chosen.nats_ca_file)
    try:
        await _refuse_open_server(chosen)
    except NotLetIn:
        await dialing.hang_up(client)
        raise
    async with connection(client, name, replicas=chosen.replicas, gib=chosen.streams_gib, timeout=timeout) as bus:
        yield bus


async def _refuse_open_server(chosen: settings.Settings) -> None:
    """Raises NotLetIn when the server admits strangers and nobody has said that it may."""
    if not await admits_strangers(chosen.nats_url, chosen.nats_ca_file):
        return
    where = dialing.without_password(chosen.nats_url)
    if not chosen.nats_allow_anonymous:
        raise NotLetIn(
            f"the NATS server at {where} lets anybody in: whoever reaches it could become an administrator. Give it"
            " users (`meshwright-nats users` writes its configuration and the credentials, see deploy/README.md), or"
            " set MESHWRIGHT_NATS_ALLOW_ANONYMOUS=true if nobody else can reach it"
        )
    log.warning("the NATS server at %s lets ANYBODY in, as MESHWRIGHT_NATS_ALLOW_ANONYMOUS permits", where)


async def admits_strangers(url: str, ca_file: Path | None = None, **said: str) -> bool:
    """Whether the server lets somebody in who does not say who it is, or only what is `said`."""
    client = LeanClient()

    async def ignore(_: Exception) -> None:
        """The refusal is the answer."""

    try:
        async with asyncio.timeout(_KNOCK_S):
            await client.connect(
                dialing.without_password(url),
                name="stranger",
                allow_reconnect=False,
                error_cb=ignore,
                tls=dialing.trusting(ca_file) if ca_file else None,
                **said,  # type: ignore[arg-type]  # its other options are of other types
            )
    except (nats.errors.Error, OSError, TimeoutError):
        return False
    finally:
        await dialing.hang_up(client)
    return True
