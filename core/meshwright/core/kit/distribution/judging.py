"""Comparing what proxies say with what they said before something was applied.

Invariant: pure functions. A refusal counts against what was applied only when the proxy has words in it that it did not
have before; what a proxy was sent before does not count at all.
"""

import re
import zlib
from collections.abc import Iterable, Sequence

import msgspec

from meshwright.core.kit.distribution.views import Proxy, Replica, Work
from meshwright.schemas.base import Model
from meshwright.schemas.designs import ProxiesTaken

_SHOWN = 20
_LONGEST = 1500
_HEADING = re.compile(r"^Error adding/updating [a-z]+\(s\) ")
_NOISE = re.compile(r"goo\.gle/debug\w*\s*:?\s*")
"""what protobuf writes into its texts so that nobody compares them, another one in each process"""


class Baseline(Model, frozen=True, kw_only=True):
    """What the proxies said before anything was done."""

    positions: dict[str, str] = {}
    """of the newest that was sent, by replica"""
    works: dict[str, Work] = {}
    """what was counted, by replica"""
    refusing: dict[str, dict[str, list[str]]] = {}
    """digests of the complaints of those that refused something, by proxy and type"""
    problem: str = ""
    """why no replica could be asked"""

    def before(self, proxy: str, kind: str) -> set[str]:
        """The digests of what a proxy complained of."""
        return set(self.refusing.get(proxy, {}).get(kind, ()))


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it, by the names of proxies."""

    sent: list[str]
    refused: dict[str, str]
    """those that refuse what they did not refuse before, with their words"""
    refusing: list[str]
    """those that refuse what they refused before"""
    pending: list[str]
    """those that have not answered to what they were sent last, but for what changes by itself"""
    behind: list[str]
    """those that have not taken anything since of something that they were sent"""

    def taken(self, unconfirmed: str = "") -> ProxiesTaken:
        """For people."""
        late = {*self.behind, *self.refusing}
        return ProxiesTaken(
            sent=len(self.sent),
            taken=len([each for each in self.sent if each not in late]),
            behind=self.behind[:_SHOWN],
            refusing=self.refusing[:_SHOWN],
            unconfirmed=unconfirmed[:_LONGEST],
        )


def baseline(replicas: Sequence[Replica]) -> Baseline:
    """What is to be remembered of what the replicas tell now."""
    refusing: dict[str, dict[str, list[str]]] = {}
    for proxy in (proxy for replica in replicas for proxy in replica.proxies):
        if errors := {kind: sorted(complaints(each.error)) for kind, each in proxy.answers.items() if each.error}:
            refusing[proxy.name] = errors
    asked = {each.name: each.position for each in replicas if not each.problem}
    works = {each.name: each.work for each in replicas if each.work}
    return Baseline(positions=asked, works=works, refusing=refusing, problem="" if asked else problem(replicas))


def problem(replicas: Sequence[Replica]) -> str:
    """Why not all replicas were asked; empty when they were."""
    if not replicas:
        return "no control plane of the mesh runs"
    return "; ".join(f"{each.name}: {each.problem}" for each in replicas if each.problem)


def judged(before: Baseline, replicas: Iterable[Replica]) -> Judgement:
    """What the proxies say now of what they were sent since."""
    judgement = Judgement(sent=[], refused={}, refusing=[], pending=[], behind=[])
    for replica in replicas:
        for proxy in replica.proxies:
            _judge(before, before.positions.get(replica.name, ""), proxy, judgement)
    return judgement


def _judge(before: Baseline, since: str, proxy: Proxy, into: Judgement) -> None:
    newer = {kind: each for kind, each in proxy.answers.items() if each.sent > since}
    if any(not each.changes_by_itself for each in newer.values()):
        into.sent.append(proxy.name)
    refusals = {kind: complaints(each.error) for kind, each in newer.items() if each.error}
    fresh = [
        f"{kind}: {line}"
        for kind, lines in refusals.items()
        for digest, line in lines.items()
        if digest not in before.before(proxy.name, kind)
    ]
    if fresh:
        into.refused[proxy.name] = "; ".join(fresh)[:_LONGEST]
    elif refusals:
        into.refusing.append(proxy.name)
    pending = [each for each in newer.values() if each.is_pending and not each.error]
    # Where pods come and go all the time, some proxy always owes an answer about them.
    if any(not each.changes_by_itself for each in pending):
        into.pending.append(proxy.name)
    if any(each.acked <= since for each in pending):
        into.behind.append(proxy.name)


def plain(error: str) -> str:
    """The words of a proxy on one line, without what is in them for machines."""
    return " ".join(_NOISE.sub("", error).split())


def complaints(error: str) -> dict[str, str]:
    """The complaints in the words of a proxy, one a line, by their digests."""
    lines = [" ".join(each.split()) for each in _NOISE.sub("", error).splitlines()]
    plain = [_HEADING.sub("", each) for each in lines if each]
    return {f"{zlib.crc32(each.encode()):08x}": each for each in plain}
