"""Whether one replica of a control plane has sent everything that there was to send, over all looks at it.

Problem: no control plane says so. Invariant: one that counts its work has sent everything once it was told of a change,
has queued its proxies after that, and has taken as many from the queue as it had. Of one that does not count, or was
told of nothing, its quiet is all there is to go by: it has sent nothing for longer than it gathers changes.
"""

from typing import Self

import msgspec

from meshwright.core.kit.distribution.judging import Baseline
from meshwright.core.kit.distribution.views import Replica, Work

MARGIN = 0.1
"""seconds of quiet beyond those for which a replica gathers, once it has sent something after reading all"""
_BEGUN_MARGIN = 0.3
"""the same where it has sent something, perhaps before it had read all"""
_IDLE_MARGIN = 1.0
"""the same where it has sent nothing: no proxy may be concerned"""
_SETTLED = 0.04
"""seconds since the last answer: what a proxy has taken may make it ask for more"""


class Followed(msgspec.Struct, kw_only=True):
    """What is known of one replica. Times are of the event loop, in seconds."""

    began_at: float
    since: str
    """the position of what it had sent before"""
    before: Work | None
    """its work before anything was done; None: it does not count, or began anew"""
    proxies: set[str]
    """those that it had at the first look"""
    work: Work | None = None
    answers: dict[tuple[str, str], tuple[str, str, bool]] = {}
    read_at: float | None = None
    position_then: str = ""
    rounds_then: int = 0
    sent_at: float
    """when it was seen to have sent something"""
    answered_at: float
    worked_at: float = 0.0
    received_at: float = 0.0
    round_at: float = 0.0

    @classmethod
    def begin(cls, before: Baseline, replica: Replica, now: float) -> Self:
        """What is known at the first look."""
        work = before.works.get(replica.name)
        return cls(
            began_at=now, since=before.positions.get(replica.name, ""), before=work, work=work, sent_at=now,
            proxies={each.name for each in replica.proxies}, answered_at=now,
        )  # fmt: skip

    def look(self, replica: Replica, now: float) -> None:
        """Take in what it tells now."""
        answers = {
            (proxy.name, kind): (each.sent, each.acked, each.is_pending)
            for proxy in replica.proxies
            for kind, each in proxy.answers.items()
            if not each.changes_by_itself
        }
        # One that has just come was sent everything, and says nothing of the others.
        moved = [(self.answers[key], each) for key, each in answers.items() if self.answers.get(key, each) != each]
        if moved:
            self.answered_at = now
        if any(was[0] != each[0] for was, each in moved):
            self.sent_at = now
        self.answers = answers
        self._count(replica.work, now)

    def _count(self, work: Work | None, now: float) -> None:
        was, self.work = self.work, work
        if work is None or was is None or work.received < was.received or work.rounds < was.rounds:
            self.before = None
        elif work != was:
            self.worked_at = now
            self.received_at = now if work.received != was.received else self.received_at
            self.round_at = now if work.rounds != was.rounds else self.round_at

    def has_read(self, replica: Replica, now: float) -> None:
        """It has read all that was applied, or counts as if it had."""
        self.read_at, self.position_then = now, replica.position
        self.rounds_then = self.work.rounds if self.work else 0

    def is_done(self, replica: Replica, now: float) -> bool:
        """Whether everything has been sent that there was to send."""
        if self.read_at is None:
            return False
        is_told = self.before is not None and self.work is not None and self.work.received > self.before.received
        if is_told and not self._has_sent(replica):
            return False
        # One that is never quiet has sent it all the same when it could gather no longer.
        if now - self.read_at >= replica.gathers_at_most + _IDLE_MARGIN:
            return True
        quiet = now - max(self.sent_at, self.read_at)
        if is_told and not self._rounds_tell(replica, now):
            return False
        margin = MARGIN if is_told else replica.gathers + self._margin(replica)
        return quiet >= margin and now - self.answered_at >= _SETTLED

    def _rounds_tell(self, replica: Replica, now: float) -> bool:
        """Whether a round has begun after it was told: the second that ends after that, or one after which all rests.

        Of what happens within one look nobody knows which was first.
        """
        if self.work and self.work.rounds >= self.rounds_then + 2:
            return True
        gathers = replica.gathers if self.round_at == self.received_at else 0.0
        return self.round_at >= self.received_at and now - self.worked_at >= gathers + MARGIN

    def _has_sent(self, replica: Replica) -> bool:
        """Whether it has queued its proxies since, and looked at as many."""
        if self.before is None or self.work is None:
            return False
        left = len(self.proxies.intersection(each.name for each in replica.proxies))
        return self.work.rounds > self.before.rounds and self.work.looked - self.before.looked >= left

    def _margin(self, replica: Replica) -> float:
        if replica.position > self.position_then:
            return MARGIN
        return _BEGUN_MARGIN if replica.position > self.since else _IDLE_MARGIN
