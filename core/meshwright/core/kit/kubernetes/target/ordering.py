"""In which order objects come and go, and doing many of them at once.

Invariant: what others need is there before them: namespaces, definitions of kinds, roles, what is built in, custom
resources, and last the webhooks that would judge the rest. Everything goes in reverse.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from itertools import groupby
from typing import TypeVar

from meshwright.schemas.references import ResourceRef

S = TypeVar("S")
T = TypeVar("T")
DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
RBAC = "rbac.authorization.k8s.io"
_AT_ONCE = 16
_BUILT_IN = {
    f"{name}.k8s.io"
    for name in ("coordination", "discovery", "networking", "node", "rbac.authorization", "scheduling", "storage",
                 "resource", "flowcontrol.apiserver", "certificates", "apiregistration")
}  # fmt: skip


def rank(ref: ResourceRef) -> int:
    """The phase in which an object is applied."""
    if (ref.group, ref.kind) == ("", "Namespace"):
        return 0
    if (ref.group, ref.kind) == DEFINITION:
        return 1
    if ref.group == RBAC and not ref.kind.endswith("Binding"):
        return 2
    if ref.group == "admissionregistration.k8s.io":
        return 5
    return 3 if "." not in ref.group or ref.group in _BUILT_IN else 4


def phases(
    refs: Collection[ResourceRef], *, reverse: bool = False, order: Callable[[ResourceRef], int] = lambda _: 0
) -> list[list[ResourceRef]]:
    """References in the order of their phases; within one, in the order that a mesh gives to its own kinds."""

    def place(ref: ResourceRef) -> tuple[int, int]:
        return rank(ref), order(ref)

    ordered = sorted(refs, key=lambda ref: (place(ref), ref), reverse=reverse)
    return [list(group) for _, group in groupby(ordered, key=place)]


async def every(items: Collection[S], action: Callable[[S], Awaitable[T]]) -> list[T]:
    """Do something for each, several at a time; in the order of the items. Raises the first error."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(item: S) -> T:
        async with slots:
            return await action(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
