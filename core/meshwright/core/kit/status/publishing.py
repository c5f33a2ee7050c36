"""Publishing how a mesh, its workloads and its proxies are, as far as it is news.

Problem: a status is read again and again, and most of it is as before. Invariant: what was published of a mesh lies in
the adapter's bucket, so any of its workers tells only what differs; it is written after the events, so that what a
worker could not finish is told again and not forgotten. What is not there any more is told as removed, once.
"""

import asyncio
import datetime
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from meshwright.core.bus import Bucket, Conflict, Entry
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.target import MeshRef, Scope
from meshwright.schemas.base import Message, Model
from meshwright.schemas.meshes import Mesh, MeshObserved, MeshRemoved
from meshwright.schemas.workloads import (
    Proxy,
    ProxyObserved,
    ProxyRemoved,
    Workload,
    WorkloadKind,
    WorkloadObserved,
    WorkloadRemoved,
    proxy_id,
    workload_id,
)

BUCKET = "status"
_Part = TypeVar("_Part", Proxy, Workload)
_AT_ONCE = 16
"""events that are on their way at the same time"""
_EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)
"""stands for the time of observation where documents are compared"""


class MeshStatus(Model, frozen=True, kw_only=True):
    """A mesh as its adapter has just read it."""

    mesh: Mesh
    proxies: list[Proxy] = []
    workloads: list[Workload] = []
    complete: bool = True
    """whether a proxy or workload that is not among them is gone; else it stays as it was published"""
    details: dict[str, Any] = {}
    """what whoever asked for a refresh is told beside"""


StatusReader = Callable[[Scope], Awaitable[MeshStatus]]


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What was published of one mesh, its proxies and workloads by their place, as a digest of each."""

    connection: str
    mesh: Mesh | None = None
    proxies: dict[str, str] = {}
    workloads: dict[str, str] = {}


class Publications:
    """What was published of all meshes of an adapter. Methods raise bus.BusUnavailable."""

    def __init__(self, bucket: Bucket, runtime: Runtime) -> None:
        self._bucket = bucket
        self._runtime = runtime

    @classmethod
    async def open(cls, runtime: Runtime) -> "Publications":
        """Those of this adapter."""
        return cls(await runtime.bucket(BUCKET), runtime)

    async def meshes(self) -> list[MeshRef]:
        """The meshes of which something was published and that were not removed."""
        refs = []
        for key in await self._bucket.keys():
            workspace, _, name = key.partition(".")
            if (published := _decoded(await self._bucket.get(key))) is not None:
                refs.append(MeshRef(workspace=workspace, connection=published.connection, mesh=name))
        return refs

    async def on(self, workspace: str, connection: str) -> list[Mesh]:
        """The meshes of a connection as they were published."""
        refs = [each for each in await self.meshes() if (each.workspace, each.connection) == (workspace, connection)]
        entries = [await self.of(each) for each in refs]
        return [each.mesh for each in entries if each is not None and each.mesh is not None]

    async def of(self, mesh: MeshRef) -> Published | None:
        """What was published of a mesh; None when it is not followed."""
        return _decoded(await self._bucket.get(_key(mesh)))

    async def publish(self, ref: MeshRef, status: MeshStatus) -> int:
        """Tell what is news; how many events that took."""
        entry = await self._bucket.get(_key(ref))
        before = _decoded(entry) or Published(connection=ref.connection)
        news: list[tuple[str, Message]] = []
        if before.mesh is None or _timeless(before.mesh) != _timeless(status.mesh):
            news.append((ref.mesh, MeshObserved(mesh=status.mesh)))
        workloads, told = _news(before.workloads, status.workloads, _controller, status.complete)
        news += told + [_left(ref.mesh, place) for place in before.workloads.keys() - workloads.keys()]
        proxies, told = _news(before.proxies, status.proxies, _place, status.complete)
        news += told + [_removed(ref.mesh, place) for place in before.proxies.keys() - proxies.keys()]
        now = Published(connection=ref.connection, mesh=status.mesh, proxies=proxies, workloads=workloads)
        await self._tell(ref.workspace, news)
        if news or entry is None:
            await self._write(ref, now, entry)
        return len(news)

    async def forget(self, ref: MeshRef) -> None:
        """Tell that a mesh is gone, and with it all that was published of it."""
        await self._runtime.emit(ref.workspace, ref.mesh, MeshRemoved(id=ref.mesh, connection=ref.connection))
        await self._bucket.delete(_key(ref))

    async def _tell(self, workspace: str, news: list[tuple[str, Message]]) -> None:
        for start in range(0, len(news), _AT_ONCE):
            some = news[start : start + _AT_ONCE]
            results = await asyncio.gather(
                *(self._runtime.emit(workspace, *each) for each in some), return_exceptions=True
            )
            for error in (each for each in results if isinstance(each, BaseException)):
                raise error

    async def _write(self, ref: MeshRef, now: Published, entry: Entry | None) -> None:
        value = zlib.compress(msgspec.json.encode(now))
        try:
            if entry is None:
                await self._bucket.create(_key(ref), value)
            else:
                await self._bucket.update(_key(ref), value, entry.revision)
        except Conflict:
            return  # another worker has looked meanwhile: at the next look what differs is told again


async def tell_mesh(runtime: Runtime, ref: MeshRef, mesh: Mesh) -> None:
    """Publish a mesh as an operation has left it, which is followed from then on. Raises bus.BusUnavailable.

    An operation does not count workloads and proxies: they stay as they were published.
    """
    publications = await Publications.open(runtime)
    before = await publications.of(ref)
    if before is not None and before.mesh is not None:
        counts = {"workloads": before.mesh.workloads, "proxies": before.mesh.proxies}
        mesh = msgspec.structs.replace(mesh, **counts)
    await publications.publish(ref, MeshStatus(mesh=mesh, complete=False))


async def told_mesh(runtime: Runtime, ref: MeshRef) -> Mesh | None:
    """A mesh as it was published last; None when it is not followed. Raises bus.BusUnavailable."""
    published = await (await Publications.open(runtime)).of(ref)
    return published.mesh if published else None


async def forget_mesh(runtime: Runtime, ref: MeshRef) -> None:
    """Publish that a mesh is gone; it is not followed any more. Raises bus.BusUnavailable."""
    await (await Publications.open(runtime)).forget(ref)


def _key(ref: MeshRef) -> str:
    return f"{ref.workspace}.{ref.mesh}"


def _decoded(entry: Entry | None) -> Published | None:
    return msgspec.json.decode(zlib.decompress(entry.value), type=Published) if entry else None


def _news(
    before: Mapping[str, str], there: Sequence[_Part], place: Callable[[_Part], str], complete: bool
) -> tuple[dict[str, str], list[tuple[str, Message]]]:
    """The digests of what is there now, by place, and an event for each whose digest is another one."""
    digests = {place(each): _digest(each) for each in there}
    changed = [each for each in there if before.get(place(each)) != digests[place(each)]]
    return digests if complete else {**before, **digests}, [(each.id, _observed(each)) for each in changed]


def _observed(part: Proxy | Workload) -> Message:
    return ProxyObserved(proxy=part) if isinstance(part, Proxy) else WorkloadObserved(workload=part)


def _place(proxy: Proxy) -> str:
    return f"{proxy.namespace}/{proxy.name}"


def _controller(workload: Workload) -> str:
    return f"{workload.namespace}/{workload.kind}/{workload.name}"


def _digest(part: Proxy | Workload) -> str:
    return hashlib.sha256(msgspec.json.encode(_timeless(part))).hexdigest()[:16]


def _timeless(document: Any) -> Any:
    return msgspec.structs.replace(document, observed_at=_EPOCH)


def _removed(mesh: str, place: str) -> tuple[str, Message]:
    namespace, _, name = place.partition("/")
    identity = proxy_id(mesh, namespace, name)
    return identity, ProxyRemoved(id=identity, mesh=mesh, namespace=namespace, name=name)


def _left(mesh: str, place: str) -> tuple[str, Message]:
    namespace, kind, name = place.split("/", 2)
    identity = workload_id(mesh, namespace, kind, name)
    of_kind = msgspec.convert(kind, WorkloadKind)
    return identity, WorkloadRemoved(id=identity, mesh=mesh, namespace=namespace, kind=of_kind, name=name)
