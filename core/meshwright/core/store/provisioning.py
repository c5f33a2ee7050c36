"""Setting up an embedded MongoDB: a replica set with one member, and the users that Meshwright needs.

Problem: a fresh mongod has no user, and by default lets anybody on the host create the first one. Invariant: the server
is started with a key file and without that exception, so there is no moment of anonymous access; a process that can
read the key file is an administrator (`__system`, the internal user of MongoDB's members). Repeating this, on a server
with or without existing data, gives the same users.

Functions that are not coroutines block: call them in a thread.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pymongo
from pymongo.errors import AutoReconnect, NotPrimaryError, OperationFailure

from meshwright.core.security import mongodb_users
from meshwright.core.security.mongodb_users import ROLES, Component, Credentials, Secrets
from meshwright.core.store.errors import StoreUnavailable, translated

REPLICA_SET = "rs0"
_ALREADY_INITIALIZED = 23
_USER_EXISTS = 51003
_Client: TypeAlias = "pymongo.MongoClient[dict[str, Any]]"


def provision(host: str, port: int, folder: Path, database: str, *, timeout: float = 30) -> None:
    """Initiate the set if needed, wait until it accepts writes, and create or update the users of that database.

    The server must be listening. Raises StoreUnavailable after `timeout` seconds, InvalidCredentials, OSError.
    """
    made = Secrets(folder)
    made.make()
    users = {component: mongodb_users.read(made.credentials_file(component)) for component in ROLES}
    with translated("set up MongoDB"), _administrator(host, port, made.key_file, timeout) as client:
        _initiate(client, f"{host}:{port}", time.monotonic() + timeout)
        _grant(client, database, users)


def crown(host: str, port: int, folder: Path, user: Credentials) -> None:
    """Create a user with all rights, for tests. Raises StoreUnavailable."""
    with translated("create an administrator"), _administrator(host, port, Secrets(folder).key_file, 30) as client:
        _ensure_user(client, user, ["root"])


def grant(url: str, database: str, users: Mapping[Component, Credentials], *, timeout: float = 2) -> None:
    """Create or update these users of a database, as the user in the address. Raises StoreUnavailable."""
    client: _Client = pymongo.MongoClient(url, serverSelectionTimeoutMS=int(timeout * 1000))
    with translated("make users"), client:
        _grant(client, database, users)


async def drop_database(url: str, name: str) -> None:
    """Drop a whole database. Raises StoreUnavailable."""

    def drop() -> None:
        client: _Client = pymongo.MongoClient(url)
        with translated("drop a database"), client:
            client.drop_database(name)

    await asyncio.to_thread(drop)


def _administrator(host: str, port: int, key_file: Path, timeout: float) -> _Client:
    return pymongo.MongoClient(
        host,
        port,
        directConnection=True,
        serverSelectionTimeoutMS=int(timeout * 1000),
        username="__system",
        password=key_file.read_text().strip(),
        authSource="local",
        authMechanism="SCRAM-SHA-256",
        appname="meshwright-provisioning",
    )


def _grant(client: _Client, database: str, users: Mapping[Component, Credentials]) -> None:
    for component, user in users.items():
        _ensure_user(client, user, [{"role": ROLES[component], "db": database}])


def _ensure_user(client: _Client, user: Credentials, roles: list[Any]) -> None:
    try:
        client.admin.command("createUser", user.username, pwd=user.password, roles=roles)
    except OperationFailure as error:
        if error.code != _USER_EXISTS:
            raise
        client.admin.command("updateUser", user.username, pwd=user.password, roles=roles)


def _initiate(client: _Client, member: str, deadline: float) -> None:
    config = {
        "_id": REPLICA_SET,
        "members": [{"_id": 0, "host": member}],
        # A set with one member elects itself; the default delay of 10 s before it does so would only slow a restart.
        "settings": {"electionTimeoutMillis": 500},
    }
    try:
        client.admin.command("replSetInitiate", config)
    except OperationFailure as error:
        if error.code != _ALREADY_INITIALIZED:
            raise
    while not _accepts_writes(client):
        if time.monotonic() > deadline:
            raise StoreUnavailable(f"{member} does not accept writes")
        time.sleep(0.01)


def _accepts_writes(client: _Client) -> bool:
    try:
        return bool(client.admin.command("hello")["isWritablePrimary"])
    except (AutoReconnect, NotPrimaryError):  # an election closes connections
        return False
