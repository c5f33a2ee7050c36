"""Meshwright itself: what its streams hold, how far the views are, and which workers live.

Invariant: everything here is measured when it is asked for.
"""

from meshwright.schemas.base import Model, Moment, Text


class StreamState(Model, frozen=True, kw_only=True):
    """What a stream holds. `limit_bytes` is 0 where there is no limit; `fill` is from 0 to 1.

    `rolling`: it is always full, because its oldest messages are discarded.
    """

    name: str
    messages: int
    bytes: int
    limit_bytes: int = 0
    fill: float = 0.0
    first_seq: int = 0
    last_seq: int = 0
    rolling: bool = False


class ProjectedStream(Model, frozen=True, kw_only=True):
    """How far a stream is folded into the views: up to `seq`, which was stored at `time`; `behind` are missing."""

    stream: str
    seq: int
    behind: int
    time: Moment | None = None


class ProjectionState(Model, frozen=True, kw_only=True):
    """The views: they contain everything that was stored `age` seconds ago. `complaint` says why they are unreliable.

    `set_aside` counts the messages that could not be folded, up to 100,000.
    """

    age: float | None = None
    complaint: Text = ""
    heartbeat: float | None = None
    """seconds since the projector's last sign of life"""
    set_aside: int = 0
    streams: list[ProjectedStream] = []


class WorkerState(Model, frozen=True, kw_only=True):
    """A live worker of an adapter. `skewed`: its version is not that of the worker that started last."""

    instance: str
    version: str
    contract: int
    skewed: bool = False
    host: str = ""
    pid: int = 0
    started_at: Moment


class AdapterState(Model, frozen=True, kw_only=True):
    """An adapter with its live workers, and this workspace's operations that it has yet to end.

    `open_since` is when the oldest of these was accepted.
    """

    name: str
    workers: list[WorkerState] = []
    versions: list[str] = []
    meshes: list[str] = []
    """the meshes of this workspace"""
    open_operations: int = 0
    open_since: Moment | None = None
    failure: str = ""
    """why it could not be loaded"""


class System(Model, frozen=True, kw_only=True):
    """Meshwright itself, as this process of the API sees it. `version` is its own."""

    version: str
    streams: list[StreamState]
    projection: ProjectionState
    adapters: list[AdapterState]
    event_streams: int = 0
    """open event streams of this process"""
    at: Moment
