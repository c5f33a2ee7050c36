"""Following which objects change, by one watch of each kind for all who ask in this process.

Problem: many want to know when something changes and few want its content, and each watch costs the API server.
Invariant: of one kind in one namespace there is one watch, of metadata alone, from the first follower to the last; a
follower is told every object that changed since it began, at least once, and holds no more than their references. A
change of an object's status alone is none.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeAlias

import msgspec

from meshwright.core import ending
from meshwright.core.kit.kubernetes import errors, objects
from meshwright.core.kit.kubernetes.objects import Item, WatchEvent
from meshwright.schemas.references import ResourceRef

Start = Callable[..., AsyncGenerator[WatchEvent, None]]
_AGAIN = 5.0
"""seconds before a kind that is not served, or a cluster that does not answer, is tried once more"""
Place: TypeAlias = tuple[str, str, str]
"""group, kind, and namespace or nothing for all of them"""


class Follower:
    """Somebody who is told of changes. Made by `SharedWatches.follow`."""

    def __init__(self) -> None:
        self._changed: set[ResourceRef] = set()
        self._news = asyncio.Event()
        self._error: errors.KubernetesError | None = None

    async def changed(self) -> set[ResourceRef]:
        """What has changed since the last question, as soon as there is something. Raises Closed."""
        await self._news.wait()
        self._news.clear()
        if self._error:
            raise self._error
        changed, self._changed = self._changed, set()
        return changed

    def tell(self, ref: ResourceRef) -> None:
        """An object changed. For the watch."""
        self._changed.add(ref)
        self._news.set()

    def fail(self, error: errors.KubernetesError) -> None:
        """Nothing more will be told. For the watch."""
        self._error = error
        self._news.set()


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    generation: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    deletion_timestamp: str = ""
    resource_version: str = ""

    def fingerprint(self) -> int:
        """Another number when more than the status has changed."""
        version = self.generation or self.resource_version
        parts = (version, sorted(self.labels.items()), sorted(self.annotations.items()), self.deletion_timestamp)
        return hash(str(parts))


class _Object(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


class _Shared:
    """One watch and who follows it."""

    def __init__(self, start: Callable[[], AsyncGenerator[WatchEvent, None]]) -> None:
        self._start = start
        self._known: dict[ResourceRef, int] = {}
        self._is_synced = False
        self.synced = asyncio.Event()
        self.followers: set[Follower] = set()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                async with aclosing(self._start()) as events:
                    async for event in events:
                        self._learn(event)
            except errors.Closed as closed:
                for each in self.followers:
                    each.fail(closed)
                return
            except errors.KubernetesError as error:
                if isinstance(error, errors.NotFound):  # no such kind: nothing is there to be followed
                    self._is_synced = True
                    self.synced.set()
                await asyncio.sleep(_AGAIN)

    def _learn(self, event: WatchEvent) -> None:
        match event:
            case objects.Added(item) | objects.Modified(item):
                mark = _mark(item)
                if self._known.get(item.ref) != mark:
                    self._known[item.ref] = mark
                    self._tell(item.ref)
            case objects.Deleted(ref):
                self._known.pop(ref, None)
                self._tell(ref)
            case objects.Synced():
                self._is_synced = True
                self.synced.set()

    def _tell(self, ref: ResourceRef) -> None:
        if self._is_synced:  # before, it is only what is there
            for each in self.followers:
                each.tell(ref)


def _mark(item: Item) -> int:
    return item.decode(_Object).metadata.fingerprint()


class SharedWatches:
    """The shared watches of one cluster."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._open: dict[Place, _Shared] = {}

    def __len__(self) -> int:
        """How many watches are open."""
        return len(self._open)

    @asynccontextmanager
    async def follow(self, group: str, kind: str, namespace: str = "") -> AsyncGenerator[Follower, None]:
        """Be told what changes from now on, of a kind in a namespace or (empty) in all of them.

        A kind that is not served now is followed as soon as it is.
        """
        async with self.follow_all([(group, kind, namespace)]) as follower:
            yield follower

    @asynccontextmanager
    async def follow_all(self, places: Iterable[Place]) -> AsyncGenerator[Follower, None]:
        """Be told what changes from now on in several places; see `follow`."""
        follower, joined = Follower(), dict[Place, _Shared]()
        try:
            for place in places:
                joined[place] = self._join(place, follower)
            for shared in joined.values():
                await _either(shared.synced.wait(), shared.task)
            yield follower
        finally:
            for place, shared in joined.items():
                shared.followers.discard(follower)
                if not shared.followers:
                    if self._open.get(place) is shared:
                        del self._open[place]
                    await ending.end(shared.task)

    def _join(self, place: Place, follower: Follower) -> _Shared:
        shared = self._open.get(place)
        if shared is None or shared.task.done():
            group, kind, namespace = place
            shared = _Shared(lambda: self._start(group, kind, namespace or None, metadata_only=True))
            self._open[place] = shared
        shared.followers.add(follower)
        return shared

    async def close(self) -> None:
        """End all of them; who follows is told Closed."""
        tasks = [each.task for each in self._open.values()]
        for each in self._open.values():
            for follower in each.followers:
                follower.fail(errors.Closed("the client of the cluster was closed"))
        self._open.clear()
        await ending.end(*tasks)


async def _either(first: Any, task: "asyncio.Task[None]") -> None:
    """Wait for the first thing, or until the task has ended."""
    waiting = asyncio.ensure_future(first)
    try:
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await ending.end(waiting)
