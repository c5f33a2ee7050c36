"""Dead letters: a command that no worker completes or can decode is stored with the reason, and its operation ends.

Problem: the server gives a message up silently, except for an advisory that may have no subscriber. Invariant:
advisories are stored in a stream; each is handled once, by ids derived from it, before it is acknowledged.
"""

import datetime
import logging
from contextlib import aclosing

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.schemas import subjects
from meshwright.schemas.dead_letters import DeadLetter
from meshwright.schemas.errors import Failure
from meshwright.schemas.operations import OperationDeadLettered
from meshwright.workers.scheduler import verdicts

log = logging.getLogger(__name__)
_COMMANDS = subjects.COMMANDS.stream
_QUEUE = mwbus.WorkQueue(
    stream=subjects.DEAD_COMMANDS.stream,
    name=subjects.DEAD_COMMANDS.name,
    subject=subjects.DEAD_COMMANDS.filter,
    ack_wait=10.0,
    max_deliver=-1,
)


class _Advisory(msgspec.Struct, frozen=True):
    """An advisory of the server; MSG_TERMINATED and MAX_DELIVERIES share these fields."""

    type: str
    stream_seq: int
    consumer: str = ""
    deliveries: int = 0
    reason: str = ""

    @property
    def why(self) -> str:
        """The reason, for people."""
        if self.type.endswith("terminated"):
            return self.reason or "A worker could not decode the command and terminated it."
        return f"It was delivered {self.deliveries} times and no worker completed it."


async def run(bus: mwbus.Connection) -> None:
    """Handle advisories until cancelled."""
    async with aclosing(mwbus.jobs(bus, _QUEUE)) as jobs:
        async for job in jobs:
            if job is not None:
                await _take(bus, job)


async def _take(bus: mwbus.Connection, job: mwbus.Job) -> None:
    try:
        advisory = msgspec.json.decode(job.message.payload, type=_Advisory)
        await _answer(bus, advisory)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("an advisory that cannot be read: %s", error)
        await job.ack()
    except mwbus.BusUnavailable as error:
        log.warning("could not store a dead letter yet: %s", error)
        await job.nak(1.0)
    else:
        await job.ack()


async def _answer(bus: mwbus.Connection, advisory: _Advisory) -> None:
    command = await bus.at(_COMMANDS, advisory.stream_seq)
    about = subjects.parse(subjects.COMMANDS, command.subject) if command else {}
    if command is None or not about:
        log.warning("command %d was terminated and is no longer stored", advisory.stream_seq)
        return
    if not subjects.can_be_filled(*about.values()):
        log.warning("command %d was terminated, and no subject can hold %r", advisory.stream_seq, command.subject)
        return
    workspace, operation = about["workspace"], about["operation"]
    history = await verdicts.history(bus, workspace, operation)
    if history.end in ("", OperationDeadLettered.wire.name):  # a worker may have published this end itself
        await _keep(bus, advisory, about, command)
    if history.end:
        return
    failure = Failure(
        code="dead-lettered",
        what="The command could not be executed and is a dead letter",
        cause=advisory.why,
        remedy="Read the worker's log, fix the cause, then retry the operation.",
    )
    verdict = OperationDeadLettered(failure=failure, command_seq=advisory.stream_seq)
    if await verdicts.end(bus, workspace, operation, verdict, history.traceparent):
        log.warning("operation %s is a dead letter: %s", operation, advisory.why)


async def _keep(bus: mwbus.Connection, advisory: _Advisory, about: dict[str, str], command: mwbus.Received) -> None:
    letter = DeadLetter(
        operation=about["operation"],
        workspace=about["workspace"],
        adapter=about["adapter"],
        subject=command.subject,
        command_seq=advisory.stream_seq,
        deliveries=advisory.deliveries,
        reason=advisory.why,
        stored_at=datetime.datetime.now(datetime.UTC),
    )
    subject = subjects.fill(
        subjects.DEADLETTERS, workspace=about["workspace"], adapter=about["adapter"], operation=about["operation"]
    )
    try:
        await bus.publisher.publish(
            subject,
            letter,
            about=f"operations/{about['operation']}",
            id=ids.derived("dead letter", str(advisory.stream_seq), advisory.consumer),
            expected_last=0,
        )
    except mwbus.Conflict:
        log.debug("%s is stored already", subject)
