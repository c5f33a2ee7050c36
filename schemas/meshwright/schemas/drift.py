"""Drift: a difference between what a release applied and the present state.

Invariant: a drift is identified by its release, and published as a whole each time that it changes; its end is
published once.
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from meshwright.schemas.base import Message, Model, Moment, Name, Ulid, Wire
from meshwright.schemas.references import ResourceRef


class DriftedField(Model, frozen=True, kw_only=True):
    """One field that differs: what the release wants there and what is there. A side that lacks it is null.

    Secrets are marked, and a long value is cut.
    """

    path: Annotated[str, Meta(description="JSON pointer into the resource", examples=["/spec/http/0/timeout"])]
    wanted: Any = None
    there: Any = None


class DriftedResource(Model, frozen=True, kw_only=True):
    """One native resource that differs from what the release applied."""

    ref: ResourceRef
    change: Literal["missing", "changed", "extra"]
    proxies: list[str] = []
    """the proxies that do not hold it, when it is missing there alone"""
    fields: list[DriftedField] = []
    """the fields that differ, when it is changed"""
    more_fields: int = 0
    """how many more fields differ than are named"""


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
