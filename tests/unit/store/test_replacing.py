"""A client that finds no primary is replaced, and nothing else waits while the driver closes it."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from meshwright.core import store
from meshwright.core.store import connecting
from meshwright.core.testing.eventually import eventually


class Client:
    """A driver's client without a server, whose `close` waits until it is let go, as it does for a server."""

    def __init__(self, writable: bool) -> None:
        self.delegate = SimpleNamespace(topology_description=SimpleNamespace(has_writable_server=lambda: writable))
        self.closing = threading.Event()
        self.may_end = threading.Event()
        self.closed_by = 0

    def get_database(self, name: str, **options: Any) -> str:
        """The database is only passed on."""
        return name

    def close(self) -> None:
        """Waits as long as the test wants; a loop that waits with it would let nobody end the wait."""
        self.closed_by = threading.get_ident()
        self.closing.set()
        assert self.may_end.wait(60), "nothing else ran while the client was closed"


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """The clients that were made; the first finds no primary and is replaced soon."""
    made: list[Client] = []

    def make(url: str, **options: Any) -> Client:
        made.append(Client(writable=bool(made)))
        return made[-1]

    monkeypatch.setattr("motor.motor_asyncio.AsyncIOMotorClient", make)
    monkeypatch.setattr(connecting, "_POLL_S", 0.001)
    monkeypatch.setattr(connecting, "_REPLACE_AFTER", 0.0)
    return made


async def test_the_loop_goes_on_while_a_client_without_a_primary_is_closed(clients: list[Client]) -> None:
    """Requests are answered meanwhile, and by the new client."""
    async with store.connect("mongodb://127.0.0.1:1", "meshwright") as database:
        await eventually(clients[0].closing.is_set, timeout=60)
        assert id(database._client) == id(clients[1])
        clients[0].may_end.set()
        clients[1].may_end.set()
    assert len(clients) == 2
    assert threading.get_ident() not in {client.closed_by for client in clients}


async def test_the_loop_goes_on_while_the_last_client_is_closed(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends while MongoDB is away does the rest of its ending meanwhile."""
    monkeypatch.setattr(connecting, "_REPLACE_AFTER", 600.0)

    async def let_go() -> None:
        await eventually(clients[0].closing.is_set, timeout=60)
        clients[0].may_end.set()

    async with asyncio.TaskGroup() as group, store.connect("mongodb://127.0.0.1:1", "meshwright"):
        group.create_task(let_go())
    assert len(clients) == 1
    assert clients[0].closed_by != threading.get_ident()
