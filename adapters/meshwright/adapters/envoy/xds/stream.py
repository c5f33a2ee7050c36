"""The next responses for one proxy: the rules of the discovery protocol as a state machine without I/O.

Problem: routes must not lead to clusters that the proxy does not have yet or no longer, and a rejected resource must
not be sent again and again. Invariant: clusters grow before listeners and routes change and shrink after; nothing is
sent that the proxy rejected; while an earlier type is rejected, a proxy that has a working configuration gets nothing
of the later types, so its last good configuration stays whole.
"""

import itertools
from collections.abc import Iterator

import msgspec

from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.snapshot import ProxySnapshot, Resource, TypeSet, type_set
from meshwright.adapters.envoy.xds import wire
from meshwright.schemas.workloads import ResourceTypeSync, SyncState

_ORDER = (names.CLUSTER, names.LISTENER, names.ROUTES)
_WILDCARD = (names.CLUSTER, names.LISTENER)
_EMPTY = type_set(())


class _Subscription(msgspec.Struct):
    """One type on one stream.

    `asked` is true while a request waits for its first response.
    """

    names: tuple[str, ...] = ()
    asked: bool = True
    nonce: str = ""
    sent: TypeSet | None = None
    offered: dict[str, TypeSet] = {}
    """sent and not yet answered responses, by nonce, oldest first"""
    held: TypeSet | None = None
    """the last sent one that the proxy accepted"""
    acked: str = ""
    rejected: str = ""
    error: str = ""

    def answered(self, nonce: str, *, accepted: bool) -> None:
        """Handle an answer: a proxy answers in order, so earlier responses are answered too."""
        content = self.offered.get(nonce)
        if content is None:
            return
        while next(iter(self.offered)) != nonce:
            del self.offered[next(iter(self.offered))]
        del self.offered[nonce]
        if accepted:
            self.held, self.acked = content, content.version

    def may_hold(self) -> Iterator[Resource]:
        """All that the proxy has, or will have when it accepts the responses in transit."""
        for content in (self.held, *self.offered.values()):
            yield from content.resources if content else ()


class Send(msgspec.Struct, frozen=True):
    """A response that is due."""

    type_url: str
    content: TypeSet
    nonce: str


class ProxyStream:
    """The state of one proxy's stream. `target` and `secrets` are what the proxy should have."""

    def __init__(self) -> None:
        self.target: ProxySnapshot | None = None
        self.secrets: TypeSet = _EMPTY
        self._types: dict[str, _Subscription] = {}
        self._nonces = itertools.count(1)

    def receive(self, request: wire.DiscoveryRequest) -> None:
        """Handle a subscription, an ACK or a NACK; from answers to older responses only the proxy's present
        resources count.
        """
        known = self._types.get(request.type_url)
        if known is None:
            # a proxy that reconnects names what it still has; it needs the first response nevertheless
            self._types[request.type_url] = _Subscription(names=request.names, acked=request.version)
            return
        if request.nonce:
            known.answered(request.nonce, accepted=request.error is None)
        if request.nonce and request.nonce != known.nonce:
            return
        if request.nonce:
            self._settle(known, request)
        if set(request.names) != set(known.names):
            known.names, known.asked = request.names, True

    def retry(self, url: str) -> None:
        """Send what the proxy rejected again: its content was not the reason."""
        known = self._types.get(url)
        if known and known.rejected:
            known.rejected, known.error, known.asked = "", "", True

    def due(self) -> list[Send]:
        """The responses to send now, in order; they count as sent."""
        urls = [names.SECRET, *_ORDER]
        return [send for url in urls if (send := self._due(url)) is not None]

    @property
    def state(self) -> SyncState:
        """The state of the proxy relative to its target."""
        if self.target is None:
            return "not_sent"
        if self.errors():
            return "rejected"
        return "synced" if all(self._holds(url) for url in (*_ORDER, names.SECRET)) else "stale"

    def errors(self) -> dict[str, str]:
        """The proxy's errors for what it rejects of its target, by type."""
        return {url: sub.error for url, sub in self._types.items() if self._is_rejected(url, sub)}

    def sync(self) -> list[ResourceTypeSync]:
        """The state of each type that the proxy subscribed to; versions of secrets are not shown."""
        urls = [url for url in (*_ORDER, names.SECRET) if url in self._types]
        return [self._sync(url, self._types[url]) for url in urls]

    def _sync(self, url: str, known: _Subscription) -> ResourceTypeSync:
        rejected = self._is_rejected(url, known)
        waiting: SyncState = "stale" if known.sent else "not_sent"
        state: SyncState = "rejected" if rejected else "synced" if self._holds(url) else waiting
        sync = ResourceTypeSync(type=url.rpartition(".")[2], state=state)
        if url == names.SECRET:
            return sync
        return msgspec.structs.replace(
            sync,
            sent=known.sent.version if known.sent else "",
            acked=known.acked,
            error=known.error[:2000] if rejected else "",
        )

    def _settle(self, known: _Subscription, request: wire.DiscoveryRequest) -> None:
        sent = known.sent.version if known.sent else ""
        if request.error is not None:
            known.rejected, known.error = sent, request.error
        else:
            known.rejected, known.error = "", ""

    def _due(self, url: str) -> Send | None:
        subscription = self._types.get(url)
        if subscription is None or (self.target is None and url != names.SECRET):
            return None
        wanted = self._wanted(url, subscription)
        unchanged = subscription.sent is not None and subscription.sent.version == wanted.version
        if not subscription.asked and (unchanged or not self._may_follow(url)):
            return None
        if url == names.SECRET and not wanted.resources:
            return None
        nonce = str(next(self._nonces))
        subscription.asked, subscription.sent, subscription.nonce = False, wanted, nonce
        subscription.offered[nonce] = wanted
        return Send(url, wanted, nonce)

    def _wanted(self, url: str, subscription: _Subscription) -> TypeSet:
        final = self._final(url, subscription)
        if url != names.CLUSTER or all(self._holds(other) for other in _ORDER[1:]):
            return final
        present = {each.name for each in final.resources}
        retained = {each.name: each for each in subscription.may_hold() if each.name not in present}
        # always in one order, so that an answer's resources compare as equal
        return type_set([*final.resources, *(retained[name] for name in sorted(retained))]) if retained else final

    def _final(self, url: str, subscription: _Subscription) -> TypeSet:
        if url == names.SECRET:
            return self.secrets.named(subscription.names)
        content = self.target.types.get(url, _EMPTY) if self.target else _EMPTY
        return content if url in _WILDCARD else content.named(subscription.names)

    def _may_follow(self, url: str) -> bool:
        """Whether all earlier types have settled, so that this one may change."""
        if url not in _ORDER:
            return True
        for earlier in _ORDER[: _ORDER.index(url)]:
            subscription = self._types.get(earlier)
            if subscription is None:
                continue
            wanted = self._wanted(earlier, subscription).version
            never_worked = subscription.rejected == wanted and not subscription.acked
            if subscription.acked != wanted and not never_worked:
                return False
        return True

    def _holds(self, url: str) -> bool:
        subscription = self._types.get(url)
        if subscription is None:
            return False
        settled = not subscription.asked and subscription.nonce not in subscription.offered
        return settled and subscription.acked == self._final(url, subscription).version

    def _is_rejected(self, url: str, subscription: _Subscription) -> bool:
        return bool(subscription.error) and subscription.rejected == self._wanted(url, subscription).version
