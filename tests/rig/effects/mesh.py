"""What a proof needs of a mesh: to apply and remove designs, to send requests, and to look at what became of them.

Invariant: requests are sent as workloads send theirs; nothing here says how a mesh does anything.
"""

import abc
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from meshwright.schemas.designs import Design, Preview

WORKLOADS = {
    "web-v1": ("web", "v1"),
    "reviews-v1": ("reviews", "v1"),
    "reviews-v1-twin": ("reviews", "v1"),
    "reviews-v2": ("reviews", "v2"),
    "ratings-v1": ("ratings", "v1"),
}
"""each with its service and version"""
CALLER = "web-v1"
ALMOST = 0.95
"""the part of a delay that passes in any case: a proxy's clock stands still while it works"""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller got; `workload` is the one that answered, empty where none did."""

    status: int
    text: str = ""
    workload: str = ""
    seconds: float = 0.0


class Request(msgspec.Struct, frozen=True):
    """A request as a workload received it; the names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]


class Mesh(abc.ABC):
    """A mesh with these workloads.

    Each answers with its name; `/slow` takes a second, `/fail` is 503 and `/flaky` every third time 200.
    """

    kind: str
    """the name of its adapter"""
    version: str
    """of the mesh"""
    takes_plain_text: bool
    """whether workloads do, as long as no design speaks of mutual TLS"""
    identity: str = "/sa/web"
    """how the identity of the service `web` ends in a certificate"""
    unsupported: frozenset[str] = frozenset()
    """the intents that it must refuse"""
    most_faults: int = 1
    """how many delays, and how many aborts, one service may have"""

    @abc.abstractmethod
    async def apply(self, design: Design) -> None:
        """Apply a design by its operation, which must succeed."""

    @abc.abstractmethod
    async def remove(self, design: Design) -> None:
        """Remove it by its operation, which must succeed."""

    @abc.abstractmethod
    async def preview(self, design: Design) -> Preview:
        """What applying it would do."""

    @abc.abstractmethod
    async def call(
        self,
        service: str,
        path: str = "/",
        *,
        by: str = CALLER,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> Answer:
        """Call a service as a workload does. The path is sent as it is written."""

    @abc.abstractmethod
    async def call_in_plain_text(self, workload: str) -> Answer:
        """Call a workload itself, past the mesh. Raises OSError where that is refused."""

    @abc.abstractmethod
    async def call_outside(self, host: str) -> Answer:
        """Call a host that is not of the mesh, as a workload does."""

    @abc.abstractmethod
    async def call_from_outside(self, host: str, path: str = "/") -> Answer:
        """Call the mesh at its gateway."""

    @abc.abstractmethod
    def received(self, workload: str) -> list[Request]:
        """What a workload has received so far."""

    @abc.abstractmethod
    def log(self, workload: str) -> str:
        """What a workload's sidecar has written so far."""

    @asynccontextmanager
    async def applied(self, design: Design) -> AsyncIterator[None]:
        """A design holds while the block runs, and its name is free again afterwards, also when a proof fails."""
        await self.apply(design)
        try:
            yield
        finally:
            await self.remove(design)

    async def answering(self, service: str, times: int, **more: Any) -> Counter[str]:
        """Which workloads answer how many of so many requests."""
        return Counter([(await self.call(service, **more)).workload for _ in range(times)])

    async def statuses(self, service: str, times: int, path: str = "/", **more: Any) -> list[int]:
        """What so many requests are answered with, one after another."""
        return [(await self.call(service, path, **more)).status for _ in range(times)]

    def all_received(self, service: str, path: str) -> int:
        """How many requests for a path a service has received."""
        own = [name for name, (of, _) in WORKLOADS.items() if of == service]
        return sum(each.path == path for name in own for each in self.received(name))
