"""The order on a mesh when what is remembered of it is wrong: the stream decides, never the memory."""

import datetime
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from ledger import Book
from ledger_adapter import Enter

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas import operations as ops

ADAPTER = "ledger"
QUEUE = "default.ledger.local.m1"
LONG_AGO = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
Start = Callable[..., Awaitable[WorkerProcess]]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """The world outside."""
    return Book(tmp_path / "book")


@pytest.mark.parametrize(
    "remembered",
    [
        pytest.param(msgspec.json.encode(mwbus.Position(seq=1000, time=LONG_AGO)), id="more than there is"),
        pytest.param(msgspec.json.encode(mwbus.Position(seq=2, time=LONG_AGO)), id="another command there"),
        pytest.param(b"2", id="without a time"),
        pytest.param(b"{", id="damaged"),
    ],
)
async def test_a_memory_of_another_past_lets_nobody_pass(
    sender: Sender, start_worker: Start, book: Book, remembered: bytes
) -> None:
    """Operations run in their order although the bucket says that those ahead are settled, and it is set right."""
    settled = await mwbus.open_bucket(sender.bus, "mw_turns")
    await settled.put(QUEUE, remembered)
    asked = [await sender.ask(Enter(folder=str(book.folder), steps=2, pause="200ms")) for _ in range(4)]
    await start_worker()
    for operation in asked:
        assert kinds(await sender.end(operation))[-1] == "succeeded"
    assert book.order() == asked
    for operation in asked[1:]:
        assert any(isinstance(event, ops.OperationQueued) for event in await sender.events(operation))

    async def is_right_again() -> bool:
        entry = await settled.get(QUEUE)
        return entry is not None and msgspec.json.decode(entry.value, type=mwbus.Position).seq == len(asked)

    await eventually(is_right_again)
