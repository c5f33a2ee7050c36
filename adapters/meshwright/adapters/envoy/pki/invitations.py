"""Invitations: what a sidecar of another host may join with, once.

Invariant: the bucket holds the newest invitation of a proxy, of which one spender alone can take it away; what it holds
is of no use to who reads it, since the invitation itself is a certificate that names it.
"""

import secrets

from meshwright.adapters.envoy.state.identity import NodeId
from meshwright.core.kit.buckets import Bucket, Conflict


class Invitations:
    """In the `secrets` bucket, under `join.<workspace>.<mesh>.<workload>`. Methods raise bus.BusUnavailable."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def give(self, node: NodeId) -> str:
        """The name of a new invitation, in place of the former one."""
        name = secrets.token_hex(8)
        await self._bucket.put(_key(node), name.encode())
        return name

    async def spend(self, node: NodeId, name: str) -> bool:
        """Whether this was the newest invitation and nobody has used it; now it is used."""
        entry = await self._bucket.get(_key(node))
        if entry is None or entry.value.decode() != name:
            return False
        try:
            await self._bucket.delete(_key(node), entry.revision)
        except Conflict:
            return False
        return True

    async def withdraw(self, node: NodeId) -> None:
        """The proxy may not join any more."""
        await self._bucket.delete(_key(node))


def _key(node: NodeId) -> str:
    return f"join.{node}"
