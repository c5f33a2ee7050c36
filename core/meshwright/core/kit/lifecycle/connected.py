"""A mesh that may be behind connections of several kinds: in a cluster, or behind an API of its own without one.

Problem: what is read, and where resources live, differs by the kind of connection, while the mesh, its intents and its
operations are the same. Invariant: the connection as it is now decides, at each call; one that an adapter has no answer
for is refused by name.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from meshwright.core.kit.target import Attempt, Body, ConnectionScope, Draft, DryRun, Scope, Target
from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.connections import ConnectionSettings
from meshwright.schemas.designs import ProxiesTaken
from meshwright.schemas.errors import Failure
from meshwright.schemas.references import ResourceRef

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Kind = type[ConnectionSettings]


def by_connection(
    choices: Mapping[Kind, Callable[Concatenate[Any, P], Awaitable[R]]],
) -> Callable[Concatenate[Any, P], Awaitable[R]]:
    """One function of several, by the connection of the scope, or of the target, that is its first argument."""

    async def chosen(place: Any, /, *rest: P.args, **named: P.kwargs) -> R:
        scope: Scope | ConnectionScope = place.scope if isinstance(place, Target) else place
        function = await _choice(scope, choices)
        return await function(await place.own() if isinstance(place, ConnectedTarget) else place, *rest, **named)

    return chosen


class ConnectedTarget(Target):
    """The target of such a mesh; a subclass says which it is for each kind of connection."""

    choices: ClassVar[Mapping[Kind, type[Target]]]
    undo_timeout = 600.0
    _chosen: Target | None = None

    async def own(self) -> Target:
        """The target of the mesh's connection, the same for all of an attempt. Raises Reject, BusUnavailable."""
        if self._chosen is None:
            self._chosen = (await _choice(self.scope, self.choices))(self.scope)
        return self._chosen

    async def read(self, refs: Collection[ResourceRef]) -> Mapping[ResourceRef, Body]:
        """See Target."""
        return await (await self.own()).read(refs)

    async def dry_run(self, draft: Draft, *, reserve: bool = False) -> DryRun:
        """See Target."""
        return await (await self.own()).dry_run(draft, reserve=reserve)

    async def apply(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """See Target."""
        await (await self.own()).apply(draft, checkpoint, attempt)

    async def revert(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """See Target."""
        await (await self.own()).revert(draft, checkpoint, attempt)

    async def wait(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """See Target."""
        await (await self.own()).wait(draft, checkpoint, attempt)

    async def taken(
        self, draft: Draft, refs: Collection[ResourceRef], checkpoint: Any, attempt: Attempt
    ) -> ProxiesTaken | None:
        """See Target."""
        return await (await self.own()).taken(draft, refs, checkpoint, attempt)

    async def prune(self, draft: Draft, refs: list[ResourceRef], checkpoint: Any, attempt: Attempt) -> None:
        """See Target."""
        await (await self.own()).prune(draft, refs, checkpoint, attempt)

    async def restore(self, draft: Draft, refs: list[ResourceRef], checkpoint: Any, attempt: Attempt) -> None:
        """See Target."""
        await (await self.own()).restore(draft, refs, checkpoint, attempt)

    async def tell(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """See Target."""
        await (await self.own()).tell(draft, checkpoint, attempt)

    async def standing(self, owner: str) -> int | None:
        """See Target."""
        return await (await self.own()).standing(owner)

    async def watch(self, refs: Collection[ResourceRef]) -> AsyncGenerator[set[ResourceRef], None]:
        """See Target."""
        async for changed in (await self.own()).watch(refs):
            yield changed

    async def lost(self, refs: Collection[ResourceRef]) -> Mapping[ResourceRef, list[str]]:
        """See Target."""
        return await (await self.own()).lost(refs)


async def _choice(scope: Scope | ConnectionScope, choices: Mapping[Kind, T]) -> T:
    place = scope.mesh if isinstance(scope, Scope) else scope
    settings = (await scope.runtime.connection(place.workspace, place.connection)).settings
    for kind, choice in choices.items():
        if isinstance(settings, kind):
            return choice
    kinds = " or ".join(each.kind for each in choices)
    what = f"connection {place.connection} is of kind {settings.kind}, and not {kinds}"
    raise Reject(Failure(code="MW5305", what=what, remedy=f"Name a connection of kind {kinds}."))
