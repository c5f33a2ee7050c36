"""Any history of targets, ACKs and NACKs: routes never lead nowhere, and a proxy ends with what it should hold."""

from typing import TypeAlias

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.snapshot import ProxySnapshot, Resource, proxy_snapshot, resource, type_set
from meshwright.adapters.envoy.xds.stream import ProxyStream, Send
from meshwright.adapters.envoy.xds.wire import DiscoveryRequest

BAD = "bad"
SUBSCRIBED = {names.CLUSTER: (), names.LISTENER: (), names.ROUTES: ("out",), names.SECRET: ("identity",)}


class Wanted(msgspec.Struct, frozen=True):
    """A configuration in short: clusters, those that the routes lead to, and which types Envoy cannot run."""

    clusters: frozenset[str]
    routed: frozenset[str]
    listener: int
    bad: frozenset[str] = frozenset()

    def snapshot(self) -> ProxySnapshot:
        """As the compiler would make it."""
        clusters = [{"name": each} for each in sorted(self.clusters)]
        clusters += [{"name": BAD}] if names.CLUSTER in self.bad else []
        listener = {"name": "in", "number": self.listener, BAD: names.LISTENER in self.bad}
        routes = {"name": "out", "to": sorted(self.routed), BAD: names.ROUTES in self.bad}
        return proxy_snapshot(
            {
                names.CLUSTER: type_set(resource(names.CLUSTER, each) for each in clusters),
                names.LISTENER: type_set([resource(names.LISTENER, listener)]),
                names.ROUTES: type_set([resource(names.ROUTES, routes)]),
            }
        )


@st.composite
def wishes(draw: st.DrawFn, bad: bool = True) -> Wanted:
    """A configuration whose routes lead to clusters of its own."""
    clusters = draw(st.frozensets(st.sampled_from("abcd"), min_size=1))
    routed = draw(st.frozensets(st.sampled_from(sorted(clusters))))
    types = st.frozensets(st.sampled_from([names.CLUSTER, names.LISTENER, names.ROUTES]), max_size=1)
    return Wanted(clusters, routed, draw(st.integers(0, 2)), draw(types) if bad else frozenset())


Step: TypeAlias = Wanted | int
STEPS = st.lists(wishes() | st.integers(0, 3), max_size=12)


class Envoy:
    """A proxy that answers in order; of rejected clusters it takes the good ones, as Envoy does, or none."""

    def __init__(self, takes_part: bool) -> None:
        self.takes_part = takes_part
        self.stream = ProxyStream()
        self.stream.secrets = type_set([resource(names.SECRET, {"name": "identity"})])
        self.held: dict[str, dict[str, Resource]] = {url: {} for url in SUBSCRIBED}
        self.versions = dict.fromkeys(SUBSCRIBED, "")
        self.waiting: list[Send] = []
        self.refused: set[tuple[str, str]] = set()
        for url, wanted in SUBSCRIBED.items():
            self.stream.receive(DiscoveryRequest(type_url=url, names=wanted))

    def aim(self, wanted: Wanted) -> None:
        """The control plane wants something else; what was refused before may be tried again."""
        self.stream.target = wanted.snapshot()
        self.refused.clear()
        self.fetch()

    def fetch(self) -> None:
        """Take what is sent."""
        for send in self.stream.due():
            assert (send.type_url, send.content.version) not in self.refused, "sent again what was rejected"
            self.waiting.append(send)

    def answer(self) -> None:
        """Accept or reject the oldest response that waits."""
        send = self.waiting.pop(0)
        bad = {each.name for each in send.content.resources if each.name == BAD or each.body.get(BAD)}
        if not bad or (self.takes_part and send.type_url == names.CLUSTER):
            self.held[send.type_url] = {each.name: each for each in send.content.resources if each.name not in bad}
        if bad and send is self.newest(send.type_url, send):
            self.refused.add((send.type_url, send.content.version))
        if not bad:
            self.versions[send.type_url] = send.content.version
        self.stream.receive(
            DiscoveryRequest(
                type_url=send.type_url,
                version=self.versions[send.type_url],
                nonce=send.nonce,
                names=SUBSCRIBED[send.type_url],
                error="no" if bad else None,
            )
        )
        routed = {to for each in self.held[names.ROUTES].values() for to in each.body["to"]}
        assert routed <= set(self.held[names.CLUSTER]), "a route leads to a cluster that is not there"
        self.fetch()

    def newest(self, url: str, otherwise: Send) -> Send:
        """The newest response of a type that waits for its answer."""
        return next((each for each in reversed(self.waiting) if each.type_url == url), otherwise)

    def settle(self) -> None:
        """Answer until nothing comes any more."""
        for _ in range(50):
            if not self.waiting:
                return
            self.answer()
        raise AssertionError("it never comes to rest")


@settings(max_examples=120, deadline=None)
@given(wishes(bad=False), STEPS, wishes(), wishes(bad=False), st.booleans())
def test_a_proxy_ends_with_what_it_should_hold(
    first: Wanted, steps: list[Step], bad: Wanted, last: Wanted, takes_part: bool
) -> None:
    """Whatever was wanted, accepted and rejected meanwhile, the last good configuration is reached and told as such."""
    envoy = Envoy(takes_part)
    envoy.aim(first)
    envoy.settle()
    for step in [*steps, bad]:
        if isinstance(step, Wanted):
            envoy.aim(step)
        for _ in range(step if isinstance(step, int) else 0):
            if envoy.waiting:
                envoy.answer()
    envoy.settle()
    assert envoy.stream.state == ("rejected" if bad.bad else "synced")
    envoy.aim(last)
    envoy.settle()
    assert (envoy.stream.state, envoy.stream.errors()) == ("synced", {})
    content = last.snapshot().types
    for url, resources in envoy.held.items():
        expected = content[url].resources if url in content else envoy.stream.secrets.resources
        assert list(resources.values()) == list(expected)


@settings(max_examples=50, deadline=None)
@given(wishes(bad=False), wishes(), st.booleans())
def test_a_rejection_leaves_the_last_good_configuration_whole(first: Wanted, second: Wanted, takes_part: bool) -> None:
    """When a proxy that works rejects a type, no later type changes, and going back to what worked is quiet."""
    envoy = Envoy(takes_part)
    envoy.aim(first)
    envoy.settle()
    before = {url: dict(resources) for url, resources in envoy.held.items()}
    envoy.aim(second)
    envoy.settle()
    for bad in second.bad:
        order = [names.CLUSTER, names.LISTENER, names.ROUTES]
        for later in order[order.index(bad) + (bad == names.CLUSTER) :]:
            assert envoy.held[later] == before[later]
    envoy.aim(first)
    envoy.settle()
    assert envoy.held == before


@given(st.lists(wishes(bad=False), min_size=1, max_size=6))
def test_a_proxy_that_comes_back_is_served_at_most_once(targets: list[Wanted]) -> None:
    """On its new stream each type is answered once, however often the target changed before it asked."""
    stream = ProxyStream()
    for each in targets:
        stream.target = each.snapshot()
    stream.secrets = type_set([resource(names.SECRET, {"name": "identity"})])
    for url, wanted in SUBSCRIBED.items():
        stream.receive(DiscoveryRequest(type_url=url, names=wanted, version="held before"))
        stream.receive(DiscoveryRequest(type_url=url, names=wanted))
    sent = stream.due()
    assert sorted(each.type_url for each in sent) == sorted(SUBSCRIBED)
    assert len({each.nonce for each in sent}) == len(sent)
    assert stream.due() == []
