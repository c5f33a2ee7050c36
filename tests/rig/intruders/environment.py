"""What attacks are tried on: a running Meshwright, two tenants, and where their webhooks lead.

Invariant: it is made once for all tests of a process, and no test kills a part of it.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec

from meshwright.core.machine import ports
from rig.inputs import openapi_walk
from rig.intruders import tenants
from rig.intruders.tenants import Tenant
from rig.stack import receiving
from rig.stack.receiving import Delivered
from rig.stack.stack import TOKEN, Stack

Wishes = dict[str, list[tuple[tuple[str, ...], Any]]]
"""By the id of an operation: what can stand in the places of its path, each time with a body that it takes."""


class Environment(msgspec.Struct, frozen=True):
    """The parts; `everywhere` holds a token of each role that counts in all workspaces."""

    stack: Stack
    one: Tenant
    other: Tenant
    everywhere: dict[str, str]
    record: Path

    @property
    def hooks(self) -> list[Delivered]:
        """What the webhooks have received so far."""
        return receiving.recorded(self.record)


def prepare(stack: Stack) -> Environment:
    """Plant both tenants on a running stack with a notifier and the scripted adapter."""
    port, record = ports.choose(stack.port + 1), stack.folder / "hooks"
    stack.start(Path(sys.executable).name, "-P", str(receiving.PROGRAM), str(port), str(record), name="receiver")
    one, other = asyncio.run(tenants.both(stack.url, TOKEN, f"http://127.0.0.1:{port}"))
    asyncio.run(tenants.discovered(stack.url, stack.nats.url, one, other))
    return Environment(stack, one, other, asyncio.run(tenants.everywhere(stack.url, TOKEN)), record)


async def wishes(environment: Environment, document: dict[str, Any]) -> Wishes:
    """A request for everything of tenant one that an operation could be about, for every operation."""
    served, result, one = openapi_walk.operations(document), {}, environment.one
    async with httpx.AsyncClient(base_url=environment.stack.url, timeout=20) as client:
        owner = one.person(client, "admin")
        for operation in served:
            if operation.role is None:  # nobody's in particular
                result[operation.id] = [(tuple("stale" for _ in operation.places), None)]
                continue
            places = await tenants.places(owner, served, operation)
            assert places, f"{operation.id}: no tenant has anything at {operation.path}; plant it in rig/tenants.py"
            result[operation.id] = [
                (values, openapi_walk.body(document, operation, id=(*values, one.mark)[0])) for values in places
            ]
    return result
