"""The newest status of every proxy, from any replica, and waiting for it.

Invariant: a proxy whose stream is here has only the status of that stream; statuses from other replicas count for the
rest. Waiting ends as soon as all proxies have answered, and at the latest after its time-out.
"""

import asyncio
from collections.abc import Callable, Collection

from meshwright.adapters.envoy.state.identity import NodeId
from meshwright.adapters.envoy.xds.statuses import ABSENT, ProxyStatus, is_answer


class ProxyStatuses:
    """Statuses by proxy. `instance` is this replica's name; `changed` is called for each change made here."""

    def __init__(self, instance: str, changed: Callable[[NodeId], None]) -> None:
        self._instance = instance
        self._changed = changed
        self._statuses: dict[NodeId, ProxyStatus] = {}
        self._news = asyncio.Event()

    def status(self, node: NodeId) -> ProxyStatus:
        """The newest status of a proxy."""
        return self._statuses.get(node, ABSENT)

    def heard_here(self, node: NodeId, status: ProxyStatus) -> None:
        """Set the status of a proxy whose stream is, or was, on this replica."""
        self._set(node, status)
        self._changed(node)

    def heard_elsewhere(self, node: NodeId, status: ProxyStatus) -> None:
        """Set a status recorded by another replica; ignored for a proxy that is connected here."""
        mine = self._statuses.get(node)
        if status.replica != self._instance and (mine is None or not self._is_here(mine)):
            self._set(node, status)

    def forget(self, node: NodeId) -> None:
        """Remove a withdrawn proxy."""
        self._statuses.pop(node, None)
        self._wake()

    async def answers(
        self, nodes: Collection[NodeId], state_version: str, timeout: float, patience: float
    ) -> dict[NodeId, ProxyStatus]:
        """The status of each proxy for a desired state, waiting up to `timeout` seconds.

        A proxy that is not connected is waited for only `patience` seconds. One that has not answered by then is
        returned with its last status, which `statuses.is_answer` distinguishes.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            self._news.clear()
            statuses = {node: self.status(node) for node in nodes}
            silent = [each for each in statuses.values() if not is_answer(each, state_version)]
            connected = any(each.state != "disconnected" for each in silent)
            remaining = start + (timeout if connected else min(patience, timeout)) - loop.time()
            if not silent or remaining <= 0:
                return statuses
            try:
                async with asyncio.timeout(remaining):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _is_here(self, status: ProxyStatus) -> bool:
        return status.replica == self._instance and status.state != "disconnected"

    def _set(self, node: NodeId, status: ProxyStatus) -> None:
        self._statuses[node] = status
        self._wake()

    def _wake(self) -> None:
        self._news.set()
