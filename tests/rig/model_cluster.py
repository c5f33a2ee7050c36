"""An API server in memory with one kind of object, which drops its history and breaks its watches on request."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from meshwright.core.kit.kubernetes import Api, Item, errors, objects
from meshwright.core.kit.kubernetes.transport import Reply

API = Api("", "v1", "Thing", "things", namespaced=True, verbs=frozenset({"list", "watch"}))
NAMESPACE = "shop"


def gone() -> errors.KubernetesError:
    """What a server says of history that it has forgotten."""
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    return errors.from_response(410, msgspec.json.encode(status), "GET things")


class ModelCluster:
    """What a `Watch` sees as its transport. Versions rise by one with every change."""

    def __init__(self, page: int) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self._page = page
        self._version = 1
        self._oldest = 1
        self._history: list[tuple[int, str, dict[str, Any]]] = []
        self._snapshots: dict[str, tuple[int, list[dict[str, Any]]]] = {}
        self._news = asyncio.Event()
        self._epoch = 0

    def put(self, name: str) -> None:
        """Create or change an object."""
        before = self.things.get(name)
        self._version += 1
        uid = before["metadata"]["uid"] if before else f"uid-{self._version}"
        meta = {"name": name, "namespace": NAMESPACE, "uid": uid, "resourceVersion": str(self._version)}
        self.things[name] = {"apiVersion": "v1", "kind": API.kind, "metadata": meta}
        self._tell("MODIFIED" if before else "ADDED", self.things[name])

    def delete(self, name: str) -> None:
        """Delete an object that is there."""
        if body := self.things.pop(name, None):
            self._version += 1
            meta = {**body["metadata"], "resourceVersion": str(self._version)}
            self._tell("DELETED", {**body, "metadata": meta})

    def forget(self) -> None:
        """Drop the history up to now: a watch from before gets 410."""
        self._oldest = self._version

    def disconnect(self) -> None:
        """End every watch."""
        self._epoch += 1
        self._wake()

    def state(self) -> dict[str, tuple[str, str]]:
        """UID and version by name."""
        return {name: (one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for name, one in self.things.items()}

    def item(self, name: str) -> Item:
        """An object as a client has it."""
        return objects.item("", API.kind, msgspec.json.encode(self.things[name]), API.api_version)

    async def send(self, method: str, path: str, *, query: Mapping[str, str], **_: Any) -> Reply:
        """A page of the list. Raises Gone."""
        await asyncio.sleep(0)
        if token := query.get("continue", ""):
            version, left = self._snapshots.pop(token)
            if version < self._oldest:
                raise gone()
        else:
            version, left = self._version, [body for _, body in sorted(self.things.items())]
        now, later = left[: self._page], left[self._page :]
        meta = {"resourceVersion": str(version)}
        if later:
            meta["continue"] = f"{version}-{len(later)}-{len(self._snapshots)}"
            self._snapshots[meta["continue"]] = version, later
        return Reply(msgspec.json.encode({"metadata": meta, "items": now}))

    @asynccontextmanager
    async def lines(
        self, path: str, *, query: Mapping[str, str], **_: Any
    ) -> AsyncGenerator[AsyncGenerator[bytes, None], None]:
        """The changes behind a version. Raises Gone."""
        await asyncio.sleep(0)
        version = int(query["resourceVersion"])
        if version < self._oldest:
            raise gone()
        yield self._changes(version)

    async def _changes(self, version: int) -> AsyncGenerator[bytes, None]:
        epoch = self._epoch
        while self._epoch == epoch:
            news = self._news
            for at, kind, body in [one for one in self._history if one[0] > version]:
                version = at
                yield msgspec.json.encode({"type": kind, "object": body})
            await news.wait()

    def _tell(self, kind: str, body: dict[str, Any]) -> None:
        self._history.append((self._version, kind, body))
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
