"""The operation that reads the status of a mesh now.

Invariant: looking changes nothing but what is published.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from meshwright.core.kit.context import Context
from meshwright.core.kit.status.publishing import Publications, StatusReader
from meshwright.core.kit.target import MeshRef, Scope

_MOST_NAMES = 100


def handler(reader: StatusReader) -> Callable[[Context, Any], Awaitable[dict[str, Any]]]:
    """What handles `RefreshStatus` for an adapter that reads its meshes like this."""

    async def refresh(ctx: Context, _: Any) -> dict[str, Any]:
        mesh = MeshRef.of(ctx.command)
        status = await reader(Scope(ctx.runtime, ctx.service(object), mesh))
        await (await Publications.open(ctx.runtime)).publish(mesh, status)
        behind = [f"{each.namespace}/{each.name}" for each in status.proxies if each.state != "synced"]
        return {
            "mesh": msgspec.to_builtins(status.mesh),
            "proxies": dict(Counter(each.state for each in status.proxies)),
            "behind": behind[:_MOST_NAMES],
            **status.details,
        }

    refresh.__doc__ = reader.__doc__
    return refresh
