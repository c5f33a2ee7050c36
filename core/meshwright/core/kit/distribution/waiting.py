"""Waiting until the proxies of a mesh have taken what was applied.

Problem: a control plane reads what was applied a moment later, gathers changes for another moment, and then sends to
some of its proxies; to which, and that it is done, it does not tell. Invariant: a replica counts as done when it has
read all that was applied, has sent it (see `following`), and no proxy of its own owes an answer. Waiting ends in time,
and says what it could not see.
"""

import asyncio
from collections.abc import Mapping, Sequence

from meshwright.core.kit.distribution import following, judging
from meshwright.core.kit.distribution.following import Followed
from meshwright.core.kit.distribution.judging import Baseline, Judgement
from meshwright.core.kit.distribution.views import ControlPlanes, Replica
from meshwright.core.kit.lifecycle import failures
from meshwright.core.kit.target import Attempt
from meshwright.core.operations.outcomes import Retry
from meshwright.schemas.designs import ProxiesTaken
from meshwright.schemas.references import ResourceRef

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_UNASKED = 5.0
"""seconds for which replicas that could be asked before are asked again"""
_READ_WITHIN = 10.0
"""seconds after which a replica that has not read something is taken for one that never will"""
_TELL_AFTER = 3.0
_SURE_AFTER = 0.5
"""seconds after which what proxies refuse is looked at once more: what they are sent instead may be on its way"""


async def remembered(planes: ControlPlanes) -> Baseline:
    """What the proxies say before anything is done; why not, where it cannot be asked."""
    try:
        before = judging.baseline(await planes.replicas())
        if before.refusing:
            await asyncio.sleep(_SURE_AFTER)
            before = judging.baseline(await planes.replicas())
    except Retry as away:
        return Baseline(problem=away.failure.what)
    return before


class Waiting:
    """Waits once, for one operation. `versions` are those of the objects that were applied; empty: deleted."""

    def __init__(
        self, planes: ControlPlanes, before: Baseline, versions: Mapping[ResourceRef, str], attempt: Attempt
    ) -> None:
        self._planes, self._before, self._versions, self._attempt = planes, before, versions, attempt
        self._followed: dict[str, Followed] = {}
        self._unread: dict[str, list[ResourceRef]] = {}
        self._clock = asyncio.get_running_loop().time
        self._all_asked_at = 0.0

    async def taken(self, within: float) -> ProxiesTaken:
        """What the proxies said, after at most so many seconds. Raises Reject with their words when they refuse it."""
        result = await self._result(within)
        await self._attempt.progress(words(result))
        return result

    async def _result(self, within: float) -> ProxiesTaken:
        if self._before.problem:
            return ProxiesTaken(unconfirmed=self._before.problem)
        began, pause, reported = self._clock(), _FIRST_PAUSE, False
        self._all_asked_at = began
        while True:
            looked = self._clock()
            replicas = await self._look()
            now = self._clock()
            asked = [each for each in replicas if not each.problem]
            judgement = judging.judged(self._before, asked)
            if judgement.refused:
                raise failures.rejected(judgement.refused)
            if now - began >= within or (self._is_complete(replicas, now) and self._is_done(asked, judgement, now)):
                return judgement.taken(self._problem(replicas))
            if not reported and now - began > _TELL_AFTER:
                reported = True
                await self._attempt.progress(_waiting(judgement, self._unread))
            await self._attempt.sleep(max(pause, now - looked))
            pause = min(pause * 1.2, _LONGEST_PAUSE)

    async def _look(self) -> list[Replica]:
        """What all replicas tell; those that have not read everything are asked for that, too."""
        try:
            replicas = await self._planes.replicas()
            for each in replicas:
                if not each.problem:
                    await self._follow(each)
        except Retry as away:
            return [Replica(name=name, problem=away.failure.what) for name in self._before.positions]
        return replicas

    async def _follow(self, replica: Replica) -> None:
        now = self._clock()
        followed = self._followed.get(replica.name)
        if followed is None:
            followed = self._followed[replica.name] = Followed.begin(self._before, replica, now)
        followed.look(replica, now)
        if followed.read_at is None:
            unread = await self._planes.unread(replica, self._versions) if replica.proxies else []
            self._unread[replica.name] = unread
            if not unread or now - followed.began_at >= _READ_WITHIN:
                followed.has_read(replica, self._clock())

    def _is_complete(self, replicas: Sequence[Replica], now: float) -> bool:
        """Whether all have answered that did before; one that does not for a while is not waited for."""
        if not any(each.problem and each.name in self._before.positions for each in replicas):
            self._all_asked_at = now
            return True
        return now - self._all_asked_at >= _UNASKED

    def _is_done(self, asked: Sequence[Replica], judgement: Judgement, now: float) -> bool:
        if not any(each.proxies for each in asked):
            return True
        followed = [(self._followed[each.name], each) for each in asked]
        done = all(one.is_done(replica, now) for one, replica in followed)
        # Where a replica never is quiet, some proxy always owes it an answer.
        quiet = all(now - one.sent_at >= following.MARGIN for one, _ in followed)
        return done and not judgement.behind and not (judgement.pending and quiet)

    def _problem(self, replicas: Sequence[Replica]) -> str:
        """What could not be seen."""
        unread = {name: refs for name, refs in self._unread.items() if refs}
        parts = [judging.problem(replicas)]
        if unread:
            name, refs = next(iter(unread.items()))
            parts.append(f"{name} has not read {', '.join(map(str, refs[:5]))}")
        return "; ".join(each for each in parts if each)


def words(taken: ProxiesTaken) -> str:
    """What the proxies said, in a sentence."""
    parts = []
    if taken.unconfirmed:
        parts.append(f"not confirmed by all proxies: {taken.unconfirmed}")
    if taken.sent:
        parts.append(f"{taken.taken} of {taken.sent} proxies that were sent it have taken it")
    if taken.behind:
        parts.append(f"{_listed(taken.behind)} will take it when they answer again (restart what stays silent)")
    if taken.refusing:
        parts.append(f"{_listed(taken.refusing)} refuse what they refused before")
    return "; ".join(parts) or "no connected proxy is concerned"


def _waiting(judgement: Judgement, unread: Mapping[str, list[ResourceRef]]) -> str:
    late = judgement.behind or judgement.pending
    if late:
        return f"waiting for {len(late)} of {len(judgement.sent)} proxies: {_listed(late)}"
    waiting = [name for name, refs in unread.items() if refs]
    return f"waiting for {', '.join(waiting)} to read it" if waiting else "waiting for the proxies"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
