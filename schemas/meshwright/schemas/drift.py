"""Drift: a difference between what a release applied and the present state.

Invariant: a drift is identified by its release, and published as a whole each time that it changes; its end is
published once.
"""

from typing import ClassVar, Literal

from meshwright.schemas.base import Message, Model, Moment, Name, Ulid, Wire
from meshwright.schemas.references import ResourceRef


class DriftedResource(Model, frozen=True, kw_only=True):
    """One native resource that differs from what the release applied."""

    ref: ResourceRef
    change: Literal["missing", "changed", "extra"]
    proxies: list[str] = []
    """the proxies that do not hold it, when it is missing there alone"""


class Drift(Model, frozen=True, kw_only=True):
    """The drift of one release; `id` is the release's."""

    id: Ulid
    design: Name
    mesh: Name
    connection: Name
    revision: int
    resources: list[DriftedResource]
    detected_at: Moment


class DriftDetected(Message, frozen=True, kw_only=True):
    """Something that a release applied was changed or removed."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.drift.detected.v1", "drift")
    drift: Drift


class DriftResolved(Message, frozen=True, kw_only=True):
    """The drift of a release has ended.

    `reverted` by whoever changed it, `healed` because the design has self-healing, `replaced` by another release.
    """

    wire: ClassVar[Wire] = Wire("dev.meshwright.drift.resolved.v1", "drift")
    id: Ulid
    design: Name
    mesh: Name
    how: Literal["reverted", "healed", "replaced"]
    principal: str = ""
    """the principal with which Meshwright healed it; empty otherwise"""
