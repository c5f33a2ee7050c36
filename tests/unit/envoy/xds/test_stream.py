"""The discovery protocol as a state machine: what is sent when, without any I/O."""

from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.snapshot import ProxySnapshot, proxy_snapshot, resource, type_set
from meshwright.adapters.envoy.xds.stream import ProxyStream, Send
from meshwright.adapters.envoy.xds.wire import DiscoveryRequest
from meshwright.schemas.workloads import SyncState

ALL = (names.CLUSTER, names.LISTENER, names.ROUTES)


def target(clusters: str, listeners: str = "l", routes: str = "r1") -> ProxySnapshot:
    """A snapshot with these clusters and listeners, and one route configuration of this content."""
    return proxy_snapshot(
        {
            names.CLUSTER: type_set(resource(names.CLUSTER, {"name": each}) for each in clusters),
            names.LISTENER: type_set(resource(names.LISTENER, {"name": each}) for each in listeners),
            names.ROUTES: type_set([resource(names.ROUTES, {"name": "out", "content": routes})]),
        }
    )


class Proxy:
    """The other side: subscribes, and accepts or rejects what it is sent."""

    def __init__(self, first: ProxySnapshot) -> None:
        self.stream = ProxyStream()
        self.stream.target = first
        self.stream.secrets = type_set([resource(names.SECRET, {"name": "identity"})])
        for url in ALL:
            self.stream.receive(DiscoveryRequest(type_url=url, names=self._names(url)))
        self.stream.receive(DiscoveryRequest(type_url=names.SECRET, names=("identity",)))

    def accept(self) -> list[str]:
        """ACK until nothing more comes; what was sent, in order."""
        sent = []
        while due := self.stream.due():
            for send in due:
                sent.append(send.type_url)
                self.answer(send)
        return sent

    def state(self) -> SyncState:
        """How the control plane judges it."""
        return self.stream.state

    def answer(self, send: Send, error: str | None = None) -> None:
        """ACK, or NACK with these words."""
        version = "before" if error else send.content.version
        self.stream.receive(
            DiscoveryRequest(
                type_url=send.type_url, version=version, nonce=send.nonce, names=self._names(send.type_url), error=error
            )
        )

    def _names(self, url: str) -> tuple[str, ...]:
        return {names.ROUTES: ("out",), names.SECRET: ("identity",)}.get(url, ())


def served(first: ProxySnapshot) -> Proxy:
    """A proxy that holds its first snapshot."""
    proxy = Proxy(first)
    proxy.accept()
    assert proxy.state() == "synced"
    return proxy


def test_only_what_changed_is_sent() -> None:
    """New routes do not send clusters, listeners or secrets again, and an equal snapshot sends nothing."""
    proxy = served(target("ab"))
    proxy.stream.target = target("ab", routes="r2")
    assert proxy.state() == "stale"
    assert proxy.accept() == [names.ROUTES]
    proxy.stream.target = target("ab", routes="r2")
    assert proxy.state() == "synced"
    assert proxy.accept() == []


def test_clusters_come_before_routes_and_go_after() -> None:
    """While routes may still lead there a cluster stays; only then is it taken away."""
    proxy = served(target("ab"))
    proxy.stream.target = target("bc", routes="r2")
    (first,) = proxy.stream.due()
    assert {each.name for each in first.content.resources} == {"a", "b", "c"}
    assert proxy.stream.due() == []
    proxy.answer(first)
    (second,) = proxy.stream.due()
    assert second.type_url == names.ROUTES
    proxy.answer(second)
    (third,) = proxy.stream.due()
    assert {each.name for each in third.content.resources} == {"b", "c"}
    proxy.answer(third)
    assert proxy.state() == "synced"


def test_a_rejection_is_reported_and_not_repeated() -> None:
    """What a proxy rejected is not sent again; its words stand until something else is wanted."""
    proxy = served(target("a"))
    proxy.stream.target = target("a", routes="bad")
    (send,) = proxy.stream.due()
    proxy.answer(send, "no such cluster")
    assert (proxy.state(), proxy.stream.errors()) == ("rejected", {names.ROUTES: "no such cluster"})
    assert proxy.stream.due() == []
    proxy.stream.target = target("a")
    assert proxy.accept() == [names.ROUTES]
    assert (proxy.state(), proxy.stream.errors()) == ("synced", {})


def test_what_was_rejected_for_a_passing_reason_is_sent_again_on_request() -> None:
    """A retry sends the same content once; what was accepted is not sent again by it."""
    proxy = served(target("a"))
    proxy.stream.target = target("a", listeners="lx")
    (send,) = proxy.stream.due()
    proxy.answer(send, "cannot bind")
    for url in ALL:
        proxy.stream.retry(url)
    (again,) = proxy.stream.due()
    assert (again.type_url, again.content) == (send.type_url, send.content)
    assert proxy.stream.due() == []
    proxy.answer(again, None)
    assert proxy.state() == "synced"


def test_after_a_rejection_later_types_wait() -> None:
    """With listeners rejected, routes stay what they were: the last good configuration is whole."""
    proxy = served(target("a"))
    proxy.stream.target = target("a", listeners="lx", routes="r2")
    (send,) = proxy.stream.due()
    assert send.type_url == names.LISTENER
    proxy.answer(send, "bad listener")
    assert proxy.stream.due() == []
    proxy.stream.target = target("a")
    proxy.accept()
    assert proxy.state() == "synced"


def test_a_proxy_without_any_configuration_gets_what_it_can() -> None:
    """A rejection of the very first clusters does not keep listeners and routes away."""
    proxy = Proxy(target("a"))
    for send in proxy.stream.due():
        proxy.answer(send, "bad cluster" if send.type_url == names.CLUSTER else None)
    proxy.stream.target = target("a", routes="r2")
    assert [send.type_url for send in proxy.stream.due()] == [names.ROUTES]


def test_answers_to_older_responses_count_for_nothing() -> None:
    """A late ACK of a former response does not make the newest one acknowledged."""
    proxy = served(target("a"))
    proxy.stream.target = target("a", routes="r2")
    (old,) = proxy.stream.due()
    proxy.stream.target = target("a", routes="r3")
    (new,) = proxy.stream.due()
    proxy.answer(old)
    assert proxy.state() == "stale"
    proxy.answer(new)
    assert proxy.state() == "synced"


def test_a_returning_proxy_is_answered_even_if_nothing_changed() -> None:
    """A new stream's first request is answered whatever version the proxy names."""
    content = target("a")
    stream = ProxyStream()
    stream.target = content
    stream.receive(DiscoveryRequest(type_url=names.CLUSTER, version=content.types[names.CLUSTER].version))
    assert [send.type_url for send in stream.due()] == [names.CLUSTER]


def test_new_names_are_answered_at_once() -> None:
    """A listener that needs its routes gets them while clusters are still on their way."""
    proxy = served(target("a"))
    proxy.stream.target = target("ab", routes="r2")
    proxy.stream.due()
    proxy.stream.receive(DiscoveryRequest(type_url=names.ROUTES, names=("out", "more"), nonce=""))
    assert [send.type_url for send in proxy.stream.due()] == [names.ROUTES]


def test_before_its_snapshot_is_known_a_proxy_waits() -> None:
    """Without a target nothing is sent, and the proxy is told as not served."""
    stream = ProxyStream()
    stream.receive(DiscoveryRequest(type_url=names.CLUSTER))
    assert (stream.due(), stream.state) == ([], "not_sent")


def test_renewed_secrets_are_sent_alone() -> None:
    """A new certificate reaches the proxy without touching anything else."""
    proxy = served(target("a"))
    proxy.stream.secrets = type_set([resource(names.SECRET, {"name": "identity", "serial": 2})])
    assert proxy.accept() == [names.SECRET]
