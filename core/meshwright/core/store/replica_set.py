"""Turns a fresh mongod into a replica set of one.

Problem: sessions with majority writes and change streams need a replica set, and a mongod that was just started
with `--replSet` refuses writes until somebody initiates it. Invariant: afterwards the server takes writes;
calling this again, or on a server that has its data from before, changes nothing.
"""

import asyncio
from typing import Any

from motor import motor_asyncio
from pymongo.errors import AutoReconnect, NotPrimaryError, OperationFailure

ALREADY_INITIALIZED = 23
"""MongoDB's error code for a second replSetInitiate."""


async def initiate(host: str, port: int, *, name: str = "rs0", timeout: float = 30) -> None:
    """Initiates the set if need be and waits until it has a primary; `TimeoutError` after `timeout` seconds.

    The server must be listening already.
    """
    client: motor_asyncio.AsyncIOMotorClient[dict[str, Any]] = motor_asyncio.AsyncIOMotorClient(
        host, port, directConnection=True, serverSelectionTimeoutMS=int(timeout * 1000)
    )
    try:
        async with asyncio.timeout(timeout):
            await _initiate(client, f"{host}:{port}", name)
            while not await _takes_writes(client):  # noqa: ASYNC110 - another process decides, nothing signals
                await asyncio.sleep(0.01)
    finally:
        client.close()


async def drop_database(url: str, name: str) -> None:
    """Forgets a whole database."""
    client: motor_asyncio.AsyncIOMotorClient[dict[str, Any]] = motor_asyncio.AsyncIOMotorClient(url)
    try:
        await client.drop_database(name)
    finally:
        client.close()


async def _initiate(client: "motor_asyncio.AsyncIOMotorClient[dict[str, Any]]", member: str, name: str) -> None:
    config = {
        "_id": name,
        "members": [{"_id": 0, "host": member}],
        # A set of one elects itself; waiting the usual 10 s before it does so would only delay a restart.
        "settings": {"electionTimeoutMillis": 500},
    }
    try:
        await client.admin.command("replSetInitiate", config)
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise


async def _takes_writes(client: "motor_asyncio.AsyncIOMotorClient[dict[str, Any]]") -> bool:
    try:
        return bool((await client.admin.command("hello"))["isWritablePrimary"])
    except (AutoReconnect, NotPrimaryError):  # an election closes connections
        return False
