"""What is published of a mesh and its proxies: what differs from what was, once."""

import asyncio
import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.bus import BusUnavailable, Conflict, Entry
from meshwright.core.kit.status import MeshStatus
from meshwright.core.kit.status.publishing import Publications, tell_mesh
from meshwright.core.kit.status.watching import StatusWatch
from meshwright.core.kit.target import MeshRef, Scope
from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.base import Message
from meshwright.schemas.errors import Failure
from meshwright.schemas.meshes import Mesh, MeshObserved, MeshRemoved
from meshwright.schemas.workloads import (
    Proxy,
    ProxyObserved,
    ProxyRemoved,
    Workload,
    WorkloadObserved,
    WorkloadRemoved,
    proxy_id,
    workload_id,
)

REF = MeshRef(workspace="default", connection="local", mesh="prod")
NAMES = st.sampled_from(["a", "b", "c", "d"])
STATES = st.sampled_from(["synced", "stale", "rejected"])


class MemoryBucket:
    """A bucket in this process."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._revision = 0

    async def get(self, key: str) -> Entry | None:
        """As a bucket does."""
        return self.entries.get(key)

    async def keys(self) -> list[str]:
        """As a bucket does."""
        return sorted(self.entries)

    async def create(self, key: str, value: bytes) -> None:
        """As a bucket does."""
        if key in self.entries:
            raise Conflict(key)
        self._put(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> None:
        """As a bucket does."""
        if self.entries[key].revision != revision:
            raise Conflict(key)
        self._put(key, value)

    async def delete(self, key: str) -> None:
        """As a bucket does."""
        self.entries.pop(key, None)

    def _put(self, key: str, value: bytes) -> None:
        self._revision += 1
        self.entries[key] = Entry(value, self._revision)


class Emitting:
    """A runtime that records what is published; after `fails_after` events the bus is unavailable."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Message]] = []
        self.fails_after = 1_000_000

    async def emit(self, _: str, entity: str, message: Message) -> int:
        """Keep it."""
        await asyncio.sleep(0)
        if len(self.events) >= self.fails_after:
            raise BusUnavailable("away")
        self.events.append((entity, message))
        return len(self.events)

    def taken(self) -> list[Message]:
        """What was published since the last call."""
        events = [message for _, message in self.events]
        self.events.clear()
        return events


def status(complete: bool = True, **proxies: str) -> MeshStatus:
    """A mesh with proxies in these states, seen now."""
    now = datetime.datetime.now(datetime.UTC)
    mesh = Mesh(id="prod", kind="istio", connection="local", adapter="istio", proxies=len(proxies), observed_at=now)
    ours = [
        Proxy(
            id=proxy_id("prod", "shop", name), mesh="prod", namespace="shop", name=name,
            state=msgspec.convert(state, Any), observed_at=now,
        )
        for name, state in proxies.items()
    ]  # fmt: skip
    return MeshStatus(mesh=mesh, proxies=ours, complete=complete)


def running(*names: str, version: str = "v1", complete: bool = True) -> MeshStatus:
    """A mesh with these Deployments, seen now."""
    now = datetime.datetime.now(datetime.UTC)
    workloads = [
        Workload(
            id=workload_id("prod", "shop", "deployment", name), mesh="prod", connection="local", namespace="shop",
            kind="deployment", name=name, version=version, observed_at=now,
        )
        for name in names
    ]  # fmt: skip
    return msgspec.structs.replace(status(complete), workloads=workloads)


@pytest.fixture
def runtime() -> Emitting:
    """What events go to."""
    return Emitting()


@pytest.fixture
def publications(runtime: Emitting) -> Publications:
    """Those of one adapter."""
    bucket: Any = MemoryBucket()
    told: Any = runtime
    return Publications(bucket, told)


async def test_only_what_differs_is_reported(publications: Publications, runtime: Emitting) -> None:
    """Not that it was seen once more; a change of one proxy is one event."""
    await publications.publish(REF, status(a="synced", b="synced"))
    assert [type(each) for each in runtime.taken()] == [MeshObserved, ProxyObserved, ProxyObserved]
    await publications.publish(REF, status(a="synced", b="synced"))
    assert runtime.taken() == []
    await publications.publish(REF, status(a="synced", b="rejected"))
    (only,) = runtime.taken()
    assert isinstance(only, ProxyObserved)
    assert (only.proxy.name, only.proxy.state) == ("b", "rejected")


async def test_a_proxy_that_is_gone_is_reported_once_and_only_when_all_were_read(
    publications: Publications, runtime: Emitting
) -> None:
    """While a control plane cannot be read, its proxies stay."""
    await publications.publish(REF, status(a="synced", b="synced"))
    runtime.taken()
    await publications.publish(REF, status(complete=False, a="synced"))
    assert not any(isinstance(each, ProxyRemoved) for each in runtime.taken())
    await publications.publish(REF, status(a="synced"))
    (gone,) = (each for each in runtime.taken() if isinstance(each, ProxyRemoved))
    assert (gone.id, gone.namespace, gone.name) == (proxy_id("prod", "shop", "b"), "shop", "b")
    await publications.publish(REF, status(a="synced"))
    assert runtime.taken() == []


async def test_workloads_come_change_and_go_like_proxies(publications: Publications, runtime: Emitting) -> None:
    """Each is told once, again when it differs, and as gone only when all were read."""
    await publications.publish(REF, running("web", "db"))
    assert [type(each) for each in runtime.taken()] == [MeshObserved, WorkloadObserved, WorkloadObserved]
    await publications.publish(REF, running("web", complete=False))
    assert runtime.taken() == []
    await publications.publish(REF, running("web", version="v2"))
    changed, gone = runtime.taken()
    assert isinstance(changed, WorkloadObserved)
    assert changed.workload.version == "v2"
    assert isinstance(gone, WorkloadRemoved)
    assert (gone.id, gone.kind) == (workload_id("prod", "shop", "deployment", "db"), "deployment")
    await publications.publish(REF, running("web", version="v2"))
    assert runtime.taken() == []


async def test_an_operation_leaves_the_counts_as_they_were(publications: Publications, runtime: Emitting) -> None:
    """It tells of the control plane; nobody is shown a mesh without proxies until the next look."""
    seen = status(a="synced", b="synced")
    await publications.publish(REF, seen)
    runtime.taken()
    told: Any = runtime

    async def bucket(_: str) -> Any:
        return publications._bucket

    told.bucket = bucket
    await tell_mesh(told, REF, msgspec.structs.replace(seen.mesh, version="1.31.0", proxies=0))
    (message,) = runtime.taken()
    assert isinstance(message, MeshObserved)
    assert (message.mesh.version, message.mesh.proxies) == ("1.31.0", 2)


async def test_what_could_not_be_reported_is_reported_again(publications: Publications, runtime: Emitting) -> None:
    """The bus went away in the middle: the next worker begins where nothing was written down."""
    runtime.fails_after = 2
    with pytest.raises(BusUnavailable):
        await publications.publish(REF, status(a="synced", b="synced"))
    runtime.taken()
    runtime.fails_after = 100
    await publications.publish(REF, status(a="synced", b="synced"))
    assert len(runtime.taken()) == 3


async def test_a_forgotten_mesh_is_reported_as_removed_and_not_followed(
    publications: Publications, runtime: Emitting
) -> None:
    """Until it is published again."""
    await publications.publish(REF, status(a="synced"))
    assert await publications.meshes() == [REF]
    runtime.taken()
    await publications.forget(REF)
    assert [type(each) for each in runtime.taken()] == [MeshRemoved]
    assert await publications.meshes() == []


@given(st.lists(st.dictionaries(NAMES, STATES), max_size=6))
def test_who_listens_knows_the_same_as_who_looked(looks: list[dict[str, str]]) -> None:
    """Whatever comes and goes: all events together give the proxies of the last look."""

    async def follow() -> None:
        bucket: Any = MemoryBucket()
        told: Any = Emitting()
        known: dict[str, str] = {}
        for each in looks:
            await Publications(bucket, told).publish(REF, status(True, **each))
            for message in told.taken():
                if isinstance(message, ProxyObserved):
                    known[message.proxy.name] = message.proxy.state
                elif isinstance(message, ProxyRemoved):
                    del known[message.name]
            assert known == each

    asyncio.run(follow())


class Reader:
    """Reads a mesh as it is set here."""

    def __init__(self) -> None:
        self.status: MeshStatus | Exception = status(a="synced")
        self.looks = 0

    async def __call__(self, _: Scope) -> MeshStatus:
        """One look."""
        self.looks += 1
        if isinstance(self.status, Exception):
            raise self.status
        return self.status


class Watching:
    """A watch over one mesh whose bucket is in this process."""

    def __init__(self, runtime: Emitting) -> None:
        self.bucket, self.reader, self.is_idle = MemoryBucket(), Reader(), True
        told: Any = runtime
        told.bucket = self._bucket
        self.watch = StatusWatch(self.reader, told, None, self._idle, 0.0)
        kept: Any = self.bucket
        self.publications = Publications(kept, told)

    async def look(self) -> None:
        """Look now, however short ago the last look was."""
        self.watch._due.clear()
        await self.watch.look()

    async def _bucket(self, _: str) -> MemoryBucket:
        return self.bucket

    async def _idle(self, _: MeshRef) -> bool:
        return self.is_idle


@pytest.fixture
async def watching(runtime: Emitting) -> Watching:
    """A watch over a mesh that was published once."""
    result = Watching(runtime)
    await result.publications.publish(REF, status(a="synced"))
    runtime.taken()
    return result


async def test_a_mesh_is_left_alone_while_an_operation_is_open(watching: Watching, runtime: Emitting) -> None:
    """What it does is no news of the watch's."""
    watching.is_idle = False
    await watching.look()
    assert watching.reader.looks == 0
    watching.is_idle = True
    watching.reader.status = status(a="rejected")
    await watching.look()
    (only,) = runtime.taken()
    assert isinstance(only, ProxyObserved)


async def test_a_mesh_that_cannot_be_read_is_unknown_with_the_reason(watching: Watching, runtime: Emitting) -> None:
    """Its proxies stay as they were; it is itself again once it answers."""
    watching.reader.status = Reject(Failure(code="MW5000", what="the server is away"))
    await watching.look()
    await watching.look()
    (only,) = runtime.taken()
    assert isinstance(only, MeshObserved)
    assert (only.mesh.state, only.mesh.conditions[0].type) == ("unknown", "StatusRead")
    assert only.mesh.conditions[0].message.startswith("the server is away")
    watching.reader.status = status(a="synced")
    await watching.look()
    (back,) = runtime.taken()
    assert isinstance(back, MeshObserved)
    assert back.mesh.conditions == []


async def test_a_defect_of_an_adapter_ends_no_watch(watching: Watching, runtime: Emitting) -> None:
    """It is logged, and the next look is made."""
    watching.reader.status = ValueError("a defect")
    await watching.look()
    await watching.look()
    assert (watching.reader.looks, runtime.taken()) == (2, [])


async def test_a_mesh_that_was_removed_meanwhile_stays_removed(watching: Watching, runtime: Emitting) -> None:
    """What was read before the removal is not published after it."""
    reader = watching.reader

    async def removed_meanwhile(scope: Scope) -> MeshStatus:
        seen = await reader(scope)
        await watching.publications.forget(REF)
        return msgspec.structs.replace(seen, mesh=msgspec.structs.replace(seen.mesh, version="2"))

    watching.watch._reader = removed_meanwhile
    await watching.look()
    assert [type(each) for each in runtime.taken()] == [MeshRemoved]
    assert await watching.publications.meshes() == []
