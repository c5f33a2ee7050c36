"""A real Consul for the tests of a module, and who reaches it as a worker does."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from meshwright.adapters.consul.control_plane.api import headers
from meshwright.core import kit
from meshwright.core.kit.http_control_plane import Servers
from meshwright.schemas.connections import Consul
from rig.consul.fixtures import consul
from rig.consul.runtime import Runtime
from testbed.consul import ConsulServer

__all__ = ["consul", "scope"]
MESH = kit.MeshRef(workspace="default", connection="local", mesh="prod")


@pytest_asyncio.fixture(loop_scope="module", name="scope")
async def scope(consul: ConsulServer) -> AsyncIterator[kit.Scope]:
    """A mesh on the server, with the service that the adapter has beside its commands."""
    runtime: Any = Runtime(Consul(url=consul.url, token=consul.token))
    async with Servers(runtime, Consul, headers) as servers:
        yield kit.Scope(runtime, servers, MESH)
