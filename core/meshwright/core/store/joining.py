"""Connecting a component to its database as its settings say.

Problem: a server that admits anonymous clients lets anybody read and forge everything, and nothing shows it. Invariant:
a component uses such a server only when a setting allows it, and then logs a warning at each start.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from motor import motor_asyncio
from pymongo.errors import ConfigurationError, OperationFailure

from meshwright.core import settings
from meshwright.core.security import addresses, mongodb_users
from meshwright.core.store.connecting import Database, Document, connect
from meshwright.core.store.errors import NotAdmissible, translated

log = logging.getLogger(__name__)
_PROBE_TIMEOUT_MS = 2000


@asynccontextmanager
async def join(chosen: settings.Settings, *, timeout: float = 2.0, retry: bool = True) -> AsyncIterator[Database]:
    """The database of a component; does not wait for the server.

    Raises InvalidCredentials, InvalidAddress.
    """
    file = chosen.mongodb_credentials_file
    user = mongodb_users.read(file) if file else None
    async with connect(chosen.mongodb_url, chosen.mongodb_database, user=user, timeout=timeout, retry=retry) as opened:
        yield opened


async def refuse_open_server(chosen: settings.Settings) -> None:
    """Refuse a server that admits anonymous clients, unless a setting allows it.

    Raises NotAdmissible, StoreUnavailable.
    """
    if not await allows_anonymous(chosen.mongodb_url):
        return
    where = urlsplit(addresses.without_user(chosen.mongodb_url)).netloc
    if not chosen.mongodb_allow_anonymous:
        raise NotAdmissible(
            f"the MongoDB at {where} admits anonymous clients: anyone who reaches it can read and forge everything."
            " Start it with authentication and make a user for each component (README, section Your own NATS and"
            " MongoDB), or set MESHWRIGHT_MONGODB_ALLOW_ANONYMOUS=true if nobody else can reach it"
        )
    log.warning("the MongoDB at %s admits anonymous clients, as MESHWRIGHT_MONGODB_ALLOW_ANONYMOUS permits", where)


async def allows_anonymous(url: str) -> bool:
    """Whether the server lists its databases to a client without credentials.

    Raises StoreUnavailable when it does not answer.
    """
    address, _, options = addresses.without_user(url).partition("?")
    kept = [option for option in options.split("&") if option and not option.lower().startswith("auth")]
    anonymous = f"{address}?{'&'.join(kept)}" if kept else address
    with translated("check whether MongoDB admits anonymous clients"):
        try:
            client: motor_asyncio.AsyncIOMotorClient[Document] = motor_asyncio.AsyncIOMotorClient(
                anonymous,
                serverSelectionTimeoutMS=_PROBE_TIMEOUT_MS,
                timeoutMS=_PROBE_TIMEOUT_MS,
                appname="meshwright-anonymous",
            )
        except ConfigurationError:
            return False  # an address that needs a user
        try:
            await client.admin.command("listDatabases", nameOnly=True)
        except OperationFailure:
            return False
        finally:
            await asyncio.to_thread(client.close)
    return True
