"""Drift: what a release applied and what is there now differ.

Invariant: a drift is known by its release, and told whole each time that it changes; when it is over that is told once.
"""

from typing import ClassVar, Literal

from meshwright.schemas.base import Message, Model, Moment, Name, Ulid, Wire
from meshwright.schemas.references import ResourceRef


class DriftedResource(Model, frozen=True, kw_only=True):
    """One native resource that is not as the release applied it."""

    ref: ResourceRef
    change: Literal["missing", "changed", "extra"]
    proxies: list[str] = []
    """the proxies that do not hold it, when it is missing there alone"""


class Drift(Model, frozen=True, kw_only=True):
    """The difference of one release; `id` is the release's."""

    id: Ulid
    design: Name
    mesh: Name
    connection: Name
    revision: int
    resources: list[DriftedResource]
    detected_at: Moment


class DriftDetected(Message, frozen=True, kw_only=True):
    """Somebody changed or removed what a release applied."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.drift.detected.v1", "drift")
    drift: Drift


class DriftResolved(Message, frozen=True, kw_only=True):
    """The release is in force again as it was applied, or no longer wanted.

    `reverted` by whoever had changed it, `healed` because the design asks for that, `replaced` by another release.
    """

    wire: ClassVar[Wire] = Wire("dev.meshwright.drift.resolved.v1", "drift")
    id: Ulid
    design: Name
    mesh: Name
    how: Literal["reverted", "healed", "replaced"]
    principal: str = ""
    """as whom Meshwright healed it; empty otherwise"""
