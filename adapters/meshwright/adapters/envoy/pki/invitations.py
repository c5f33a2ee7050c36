"""Invitations: single-use credentials with which a sidecar on another host joins.

Invariant: the bucket has the newest invitation of a proxy, and only one request can consume it; its contents are
useless to a reader, since the invitation itself is a certificate that names it.
"""

import secrets

from meshwright.adapters.envoy.state.identity import NodeId
from meshwright.core.kit.buckets import Bucket, Conflict


class Invitations:
    """In the `secrets` bucket, under `join.<workspace>.<mesh>.<workload>`. Methods raise bus.BusUnavailable."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def give(self, node: NodeId) -> str:
        """The name of a new invitation, which replaces the former one."""
        name = secrets.token_hex(8)
        await self._bucket.put(_key(node), name.encode())
        return name

    async def spend(self, node: NodeId, name: str) -> bool:
        """Use an invitation; returns whether it was the newest and unused."""
        entry = await self._bucket.get(_key(node))
        if entry is None or entry.value.decode() != name:
            return False
        try:
            await self._bucket.delete(_key(node), entry.revision)
        except Conflict:
            return False
        return True

    async def withdraw(self, node: NodeId) -> None:
        """Revoke the proxy's invitation."""
        await self._bucket.delete(_key(node))


def _key(node: NodeId) -> str:
    return f"join.{node}"
