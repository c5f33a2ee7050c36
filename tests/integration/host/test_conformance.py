"""The example adapter passes the suite that every adapter must pass."""

import asyncio
from pathlib import Path
from typing import ClassVar

from example_adapter import NoOp, Write, example

from meshwright.core.testing import file_target
from meshwright.core.testing.conformance import AdapterConformance, Sample, World
from meshwright.schemas import operations
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Timeout


class TestExample(AdapterConformance):
    """What a third party writes to try its adapter."""

    adapter = example
    load_as: ClassVar[str] = "example_adapter:example"
    path: ClassVar[Path | None] = Path(__file__).parents[2] / "example"

    def samples(self, directory: Path) -> dict[str, Sample]:
        """One no-op, and three lines in a file."""
        file = directory / "lines"

        async def look(_world: World) -> int:
            return len((await asyncio.to_thread(file.read_text)).splitlines()) if file.exists() else 0

        def there() -> object:
            place = file_target.folder(directory, "default", "m1")
            return [(str(each.resource.ref), each.resource.body) for each in file_target.files(place)]

        async def resources(_world: World) -> object:
            return await asyncio.to_thread(there)

        write = Write(path=str(file), steps=3)
        first, second = applied("1s"), applied("2s")
        removed, back = operations.RemoveDesign(design="d"), operations.RollbackDesign(design="d")
        return {
            "example.noop": Sample(arguments=NoOp()),
            "example.write": Sample(arguments=write, look=look),
            "design.apply": Sample(arguments=second, before=(first,), look=resources),
            "design.remove": Sample(arguments=removed, before=(first,), look=resources),
            "design.rollback": Sample(arguments=back, before=(first, second), look=resources),
        }


def applied(timeout: str) -> operations.ApplyDesign:
    """Apply a design of one timeout."""
    return operations.ApplyDesign(design=Design(id="d", intents=[Timeout(service="reviews", timeout=timeout)]))
