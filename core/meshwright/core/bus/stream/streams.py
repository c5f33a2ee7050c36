"""The streams and their settings, created or updated idempotently.

Problem: two processes that start together, or a newer version with other settings, must end with the same streams and
never lose a message. Invariant: `ensure` compares the existing streams with the desired settings and updates only those
that differ; it never deletes a stream, and a full stream refuses new messages instead of dropping acknowledged ones
(METRICS excepted).

EVENTS sources COMMANDS and STATE inside the server: what the API writes appears among the events without a second
publish, so there is no moment at which a command is stored and its `accepted` event is not. CONNECTIONS sources those
documents of STATE that workers may read, and keeps the newest of each. SEEN keeps the newest message of each object
that discovery sees, and a removal only for the time that its message names.
"""

import asyncio
import re
from collections.abc import Iterator

import msgspec
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import (
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamSource,
    SubjectTransform,
)

from meshwright.core.bus.errors import BusUnavailable, InsufficientStorage
from meshwright.core.measurements import resolutions
from meshwright.schemas import subjects

DAY = 24 * 3600.0
DEFAULT_GIB = 10.0
"""the default size limit of all streams together; JetStream reserves it but does not write it at once"""
SHARES = {
    subjects.EVENTS.stream: 0.54,
    subjects.COMMANDS.stream: 0.15,
    subjects.STATE.stream: 0.15,
    subjects.METRICS.stream: 0.05,
    subjects.DEADLETTERS.stream: 0.04,
    subjects.ADVISORIES: 0.01,
    subjects.CONNECTIONS.stream: 0.01,
    subjects.SEEN.stream: 0.05,
}
"""the share of each stream in that limit"""
_PAUSES = (0.1, 0.2, 0.3, 0.4)
"""pauses between attempts when there is no room: concurrent requests for one stream each count towards the limit"""
_NO_ROOM = (10023, 10047, 10120, 10121)
_TRANSFORMED = re.compile(r"\{\{wildcard\((\d+)\)\}\}")


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that the server makes from one stream into another, with the subjects of the copies."""

    source: str
    target: str
    transforms: tuple[SubjectTransform, ...]

    @property
    def places(self) -> list[str]:
        """The subjects, with wildcards, of the copies."""
        return [_TRANSFORMED.sub("*", str(transform.dest)) for transform in self.transforms]

    def place_of(self, subject: str) -> str:
        """The subject of the copy of a message; empty when it has none."""
        for transform in self.transforms:
            pattern = re.escape(str(transform.src)).replace(r"\*", r"([^.]+)")
            if match := re.fullmatch(pattern, subject):
                return match.expand(_TRANSFORMED.sub(r"\\g<\1>", str(transform.dest)))
        return ""


def _copied_commands() -> SubjectTransform:
    return SubjectTransform(
        src=subjects.COMMANDS.wildcard,
        dest=subjects.EVENTS.address.format(
            workspace="{{wildcard(1)}}", origin=subjects.ACCEPTED_ORIGIN, entity="operation", id="{{wildcard(5)}}"
        ),
    )


def _copied_state(kind: str) -> SubjectTransform:
    return SubjectTransform(
        src=subjects.fill(subjects.STATE, kind=kind),
        dest=subjects.EVENTS.address.format(
            workspace="{{wildcard(1)}}", origin=subjects.API, entity=kind, id="{{wildcard(2)}}"
        ),
    )


def _copied_connections() -> SubjectTransform:
    return SubjectTransform(
        src=subjects.fill(subjects.STATE, kind="connection"),
        dest=subjects.CONNECTIONS.address.format(workspace="{{wildcard(1)}}", id="{{wildcard(2)}}"),
    )


COPIES = (
    Copy(source=subjects.COMMANDS.stream, target=subjects.EVENTS.stream, transforms=(_copied_commands(),)),
    Copy(
        source=subjects.STATE.stream,
        target=subjects.EVENTS.stream,
        transforms=tuple(_copied_state(kind) for kind in subjects.COPIED_KINDS),
    ),
    Copy(source=subjects.STATE.stream, target=subjects.CONNECTIONS.stream, transforms=(_copied_connections(),)),
)


def _stream(name: str, listens: list[str], days: float) -> StreamConfig:
    return StreamConfig(
        name=name,
        subjects=listens,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=days * DAY,
        duplicate_window=600.0,
        allow_direct=True,
    )


def desired_streams(replicas: int = 1, gib: float = DEFAULT_GIB) -> list[StreamConfig]:
    """Every stream with its desired settings, in creation order."""
    commands = _stream(subjects.COMMANDS.stream, [subjects.COMMANDS.wildcard], 30)
    state = _stream(subjects.STATE.stream, [subjects.STATE.wildcard], 0)
    state.max_msgs_per_subject = 100  # the oldest version makes room for the newest, also when full
    events = _stream(subjects.EVENTS.stream, [subjects.EVENTS.wildcard], 30)
    places = _stream(subjects.CONNECTIONS.stream, [subjects.CONNECTIONS.wildcard], 0)
    places.max_msgs_per_subject = 1
    for config in (events, places):
        copies = [one for one in COPIES if one.target == config.name]
        config.sources = [StreamSource(name=one.source, subject_transforms=list(one.transforms)) for one in copies]
    metrics = _stream(subjects.METRICS.stream, [subjects.METRICS.wildcard], resolutions.RAW_KEPT.total_seconds() / DAY)
    metrics.discard = DiscardPolicy.OLD  # losing measurements is better than a full disk
    dead = _stream(subjects.DEADLETTERS.stream, [subjects.DEADLETTERS.wildcard], 90)
    advisories = _stream(subjects.ADVISORIES, list(subjects.ADVISORY_SUBJECTS), 30)
    seen = _stream(subjects.SEEN.stream, [subjects.SEEN.wildcard], 0)
    seen.max_msgs_per_subject = 1
    seen.allow_atomic = True  # atomic batches: one write to the disk for many messages
    seen.allow_msg_ttl = True  # lets the message about a removal expire
    configs = [commands, state, events, metrics, dead, advisories, places, seen]
    for config in configs:
        config.num_replicas = replicas
        config.max_bytes = int(SHARES[str(config.name)] * gib * 2**30)
    return configs


async def ensure(js: JetStreamContext, replicas: int = 1, gib: float | None = None, timeout: float = 10.0) -> None:
    """Create the streams that are missing and update those that differ; waits up to `timeout` s for JetStream.

    `gib` is the limit of all streams together; None keeps the limits of existing ones.

    Raises InsufficientStorage when the server cannot reserve that, BusUnavailable when JetStream does not answer.
    """
    try:
        async with asyncio.timeout(timeout):
            for config in desired_streams(replicas, gib or DEFAULT_GIB):
                await _ensure_one(js, config, keep_size=gib is None)
    except nats.js.errors.APIError as error:
        if error.err_code in _NO_ROOM:
            raise InsufficientStorage(_no_room(gib or DEFAULT_GIB, str(error.description))) from error
        raise BusUnavailable(f"JetStream did not set up the streams: {error!r}") from error
    except (TimeoutError, nats.errors.Error) as error:
        raise BusUnavailable(f"JetStream did not set up the streams: {error!r}") from error


async def await_set_up(js: JetStreamContext, timeout: float) -> None:
    """Wait until the streams are set up. Raises BusUnavailable."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        try:
            await js.stream_info(subjects.EVENTS.stream)
        except nats.js.errors.NotFoundError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise BusUnavailable("the NATS server has no streams yet: run `meshwright-nats provision`") from error
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise BusUnavailable(f"JetStream does not answer: {error!r}") from error
        else:
            return
        await asyncio.sleep(0.1)


def _no_room(gib: float, why: str) -> str:
    return (
        f"the NATS server cannot reserve {gib:g} GiB for the streams ({why}): set MESHWRIGHT_STREAMS_GIB to what it"
        " has, or give JetStream more (max_file_store in its configuration, free disk, the account's limits)"
    )


async def _ensure_one(js: JetStreamContext, config: StreamConfig, *, keep_size: bool) -> None:
    pauses = iter(_PAUSES)
    while True:
        try:
            standing = (await js.stream_info(str(config.name))).config
            if keep_size:
                config.max_bytes = standing.max_bytes
            if _differs(standing, config):
                await js.update_stream(config)
            return
        except nats.js.errors.NotFoundError:
            if await _create(js, config, pauses):
                return
        except nats.js.errors.ServiceUnavailableError as error:
            if error.err_code in _NO_ROOM:
                raise
            await asyncio.sleep(0.1)  # JetStream is still recovering its store
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
            await asyncio.sleep(0.1)


async def _create(js: JetStreamContext, config: StreamConfig, pauses: Iterator[float]) -> bool:
    """Create a stream; False when another process has just created it. Raises APIError when there is no room."""
    try:
        await js.add_stream(config)
    except nats.js.errors.BadRequestError:
        await asyncio.sleep(0.05)
        return False
    except nats.js.errors.APIError as error:
        pause = next(pauses, None)
        if error.err_code not in _NO_ROOM or pause is None:
            raise
        await asyncio.sleep(pause)
        return False
    return True


def _differs(standing: StreamConfig, config: StreamConfig) -> bool:
    fields = (
        "subjects", "max_age", "max_bytes", "discard", "duplicate_window", "num_replicas", "max_msgs_per_subject",
        "allow_msg_ttl", "allow_atomic",
    )  # fmt: skip
    unset = (None, 0, -1)
    for name in fields:
        a, b = getattr(standing, name), getattr(config, name)
        if a != b and not (a in unset and b in unset):
            return True
    return [s.name for s in standing.sources or []] != [s.name for s in config.sources or []]
