"""A mongod as Meshwright starts it, one without authentication, and clients with any credentials."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pymongo
import pytest

from meshwright.core.security.mongodb_users import SERVER_OPTIONS, Credentials
from meshwright.core.testing.servers import MongoServer, Server

Client = Callable[..., "pymongo.MongoClient[dict[str, Any]]"]


class OpenServer(MongoServer):
    """As it was started before there were users; once it is `shut`, the next start is as it should be."""

    shut = False

    def _command(self) -> list[str]:
        command = super()._command()
        if self.shut:
            return command
        place = command.index("--keyFile")
        del command[place : place + 2 + len(SERVER_OPTIONS)]
        return command

    async def _ready(self) -> None:
        if self.shut:
            return await super()._ready()
        await Server._ready(self)
        return await asyncio.to_thread(self._initiate)

    def _initiate(self) -> None:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        )
        with client:
            member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        client = pymongo.MongoClient(self.address)
        with client:
            client.admin.command("ping")  # once there is a primary


@pytest.fixture
async def open_server(tmp_path: Path) -> AsyncIterator[OpenServer]:
    """A mongod without users, with a persistent folder."""
    async with OpenServer(tmp_path / "mongo") as server:
        yield server


@pytest.fixture
def client() -> Iterator[Client]:
    """Creates clients of an address, with or without a user; they are closed after the test."""
    with ExitStack() as opened:

        def make(url: str, user: Credentials | None = None) -> "pymongo.MongoClient[dict[str, Any]]":
            known: dict[str, Any] = {"username": user.username, "password": user.password} if user else {}
            return opened.enter_context(pymongo.MongoClient(url, serverSelectionTimeoutMS=5000, **known))

        yield make
