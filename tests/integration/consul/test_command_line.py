"""A person with a Consul: the command line, the API, the bus and a worker, and the entries in the end."""

import json
from pathlib import Path

import pytest

from rig.consul.registering import configured, emptied, register
from rig.stack.command_line import run
from rig.stack.stack import stack
from testbed.consul import ConsulServer

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]
SPLIT = """\
id: split
intents:
- intent: traffic-split
  service: reviews
  backends:
  - {version: v1, weight: 90}
  - {version: v2, weight: 10}
"""


async def test_a_person_adopts_a_consul_and_splits_requests(consul: ConsulServer, tmp_path: Path) -> None:
    """The connection is tried, the mesh adopted, the design shown, applied and removed; Consul is as it was."""
    await register(consul)
    folder = tmp_path / "stack"
    async with stack(folder, adapters=["consul"], MESHWRIGHT_CONNECTION_ALLOW="127.0.0.0/8") as parts:
        parts.start("meshwright-scheduler", name="scheduler")
        parts.start("meshwright-adapter", "consul", name="worker")
        await parts.adapter("consul")
        (folder / "split.yaml").write_text(SPLIT)
        settings = json.dumps({"url": consul.url, "token": consul.token})
        await run(parts, "connections", "set", "dc1", "--kind", "consul", "--settings", "-", stdin=settings)
        assert consul.token not in await run(parts, "connections", "list", "-o", "json")
        await run(parts, "connections", "test", "dc1")
        assert "dc1" in await run(parts, "meshes", "detect", "dc1")
        await run(parts, "meshes", "adopt", "consul", "--connection", "dc1")
        assert "service-splitter" in await run(parts, "diff", "split.yaml", "--mesh", "consul", expect=4)
        assert await configured(consul) == []
        await run(parts, "apply", "split.yaml", "--mesh", "consul")
        kinds = [each["Kind"] for each in await configured(consul)]
        assert kinds == ["service-defaults", "service-resolver", "service-splitter"]
        await run(parts, "remove", "split", "--mesh", "consul", "--yes")
        assert await configured(consul) == []
    await emptied(consul)
