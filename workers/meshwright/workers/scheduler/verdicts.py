"""The scheduler's terminal events of operations.

Invariant: the scheduler ends an operation at most once and only when it has not ended before; its event carries the
operation's own trace. If a worker's terminal event and this one race, the first in stream order wins everywhere.
"""

import asyncio
import logging

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.operations import origins
from meshwright.core.telemetry import tracing
from meshwright.schemas import catalog, subjects
from meshwright.schemas.base import Message

log = logging.getLogger(__name__)
_EVENTS = subjects.EVENTS.stream


class OperationEnd(msgspec.Struct, frozen=True):
    """The wire name of the terminal event of an operation, if it has ended, and its trace."""

    end: str
    traceparent: str


async def history(bus: mwbus.Connection, workspace: str, operation: str) -> OperationEnd:
    """The events of an operation in EVENTS. Raises BusUnavailable."""
    subject = subjects.fill(subjects.EVENTS, workspace=workspace, entity="operation", id=operation)
    seq, traceparent = 1, ""
    while (message := await bus.following(_EVENTS, seq, subject)) is not None:
        traceparent = traceparent or message.headers.get("traceparent", "")
        if message.type in catalog.TERMINAL_TYPES:
            return OperationEnd(message.type, traceparent)
        seq = message.seq + 1
    return OperationEnd("", traceparent)


async def end(bus: mwbus.Connection, workspace: str, operation: str, verdict: Message, traceparent: str) -> bool:
    """Publish the end of an operation; False when the scheduler has published one already. Raises BusUnavailable."""
    subject = origins.subject(workspace, origins.SCHEDULER, operation)
    try:
        with tracing.continued(traceparent):
            await bus.publisher.publish(
                subject,
                verdict,
                about=f"operations/{operation}",
                id=ids.derived(verdict.wire.name, workspace, operation),
                expected_last=0,
            )
    except mwbus.Conflict:
        return False
    return True


async def pause(error: Exception) -> None:
    """Wait before the next attempt while the bus is unavailable."""
    log.debug("retrying: %s", error)
    await asyncio.sleep(0.3)
