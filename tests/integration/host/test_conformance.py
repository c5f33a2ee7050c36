"""The example adapter passes the suite that every adapter must pass."""

import asyncio
from pathlib import Path
from typing import ClassVar

from example_adapter import NoOp, Write, example

from meshwright.core.testing.conformance import AdapterConformance, Sample


class TestExample(AdapterConformance):
    """What a third party writes to try its adapter."""

    adapter = example
    load_as: ClassVar[str] = "example_adapter:example"
    path: ClassVar[Path | None] = Path(__file__).parents[2] / "example"

    def samples(self, directory: Path) -> dict[str, Sample]:
        """One no-op, and five lines in a file."""
        file = directory / "lines"

        async def look() -> int:
            return len((await asyncio.to_thread(file.read_text)).splitlines()) if file.exists() else 0

        write = Write(path=str(file), steps=5, pause="100ms")
        return {"example.noop": Sample(arguments=NoOp()), "example.write": Sample(arguments=write, look=look)}
