"""Numbers for Prometheus: of every process, whatever it does."""

import re
from pathlib import Path

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from rig.stack.stack import Stack, stack

pytestmark = pytest.mark.servers
SERVED = re.compile(r"metrics are served at (http://\S+)")


async def _text(parts: Stack, name: str) -> str:
    """What a scraper gets from a process."""
    if name == "api":
        return (await parts.http.get("/metrics")).text
    (address,) = await eventually(lambda: SERVED.findall(parts.log(name).read_text()))
    async with httpx.AsyncClient() as client:
        return (await client.get(address)).text


async def test_every_process_tells_its_numbers(tmp_path: Path) -> None:
    """Processor time, memory and start of each; and of those that publish, what the bus has stored."""
    async with stack(tmp_path, MESHWRIGHT_METRICS_LISTEN="127.0.0.1:0", MESHWRIGHT_LOG_LEVEL="info") as parts:
        parts.start("meshwright-notifier", name="notifier")
        parts.start("meshwright-discovery", name="discovery")
        parts.start("meshwright-adapter", "example_adapter:example", name="worker")
        parts.start("meshwright-scheduler", name="scheduler")
        for name in parts.processes:
            told = await _text(parts, name)
            for number in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"):
                (value,) = re.findall(rf"^process_{number} (\S+)$", told, re.MULTILINE)
                assert float(value) > 0, (name, number)

        async def counted() -> bool:
            return 'published_total{type="dev.meshwright.adapter.announced.v1"}' in await _text(parts, "scheduler")

        await eventually(counted)
