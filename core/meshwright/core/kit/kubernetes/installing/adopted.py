"""The record of a mesh that was adopted, among those of what Meshwright has installed.

Invariant: a mesh that Meshwright has installed is not taken for an adopted one.
"""

from typing import Any

import msgspec

from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations


async def read(scope: kit.Scope) -> dict[str, Any] | None:
    """The record of an adopted mesh. Raises Reject when Meshwright has installed it."""
    known = await (await Installations.open(scope.runtime)).get(scope.mesh)
    if known and not known.installer:
        raise kit.not_adopted(scope.mesh.mesh)
    result: dict[str, Any] | None = msgspec.to_builtins(known)
    return result


async def write(scope: kit.Scope, known: Any) -> None:
    """Store a record, or remove it."""
    new = msgspec.convert(known, Installation) if known is not None else None
    await (await Installations.open(scope.runtime)).put(scope.mesh, new)
