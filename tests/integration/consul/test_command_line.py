"""A person with a Consul: the command line, the API, the bus and a worker, and the entries in the end."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from rig.consul.registering import configured, emptied, register
from rig.stack.stack import TOKEN, Stack, stack
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
_WITHIN_S = 90.0


async def run(parts: Stack, *arguments: str, stdin: str = "", expect: int = 0) -> str:
    """Call the command line and check its exit code; what it prints."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(parts.folder),
        "MESHWRIGHT_API_URL": parts.url,
        "MESHWRIGHT_TOKEN": TOKEN,
    }
    program = Path(sys.executable).with_name("meshwright")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        program, *arguments, env=environment, cwd=parts.folder, stdin=pipe, stdout=pipe, stderr=pipe
    )
    async with asyncio.timeout(_WITHIN_S):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode == expect, f"{arguments}: {out.decode()}\n{err.decode()}"
    return out.decode()


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
