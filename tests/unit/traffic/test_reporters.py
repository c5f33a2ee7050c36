"""Two ends count the same requests: each is on its edge once, whoever tells first and whoever is missing."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.kit.traffic.meanings import EdgeKey, Meaning, Place, Quantity, Reporter, Statistics
from meshwright.core.kit.traffic.series import Reading, Series
from meshwright.core.kit.traffic.tallies import Reporters, Tallies, Tally, tally

EDGE = EdgeKey("shop", "web", "shop", "reviews", "v1")
OTHER = EdgeKey("shop", "web", "shop", "ratings", "v1")


def window(**requests: float) -> Tallies:
    """What each reporter counted of the edge."""
    reporters: dict[str, Reporter] = {"source": "source", "waypoint": "waypoint", "destination": "destination"}
    return {EDGE: {reporters[name]: Tally(requests=count, rate=count / 10) for name, count in requests.items()}}


def requests(reporters: Reporters, *windows: Tallies) -> list[float | None]:
    """Of the edge, by window."""
    counted = [reporters.choose(each) for each in windows]
    return [each[EDGE].requests if EDGE in each else None for each in counted]


def test_the_source_counts_where_both_do() -> None:
    """The same requests of the other end are not added."""
    assert requests(Reporters(), window(source=5, destination=5), window(source=7, destination=6)) == [5, 7]


def test_a_destination_that_reported_first_is_not_added_to_the_source() -> None:
    """The one proxy was asked before a request and the other one after it."""
    assert requests(Reporters(), window(destination=5), window(source=5, destination=0)) == [None, 5]


def test_a_destination_alone_is_counted_one_window_later() -> None:
    """The client has no proxy: nothing is lost, and from then on nothing is late."""
    reporters = Reporters()
    assert requests(reporters, window(destination=5), window(destination=3), window(destination=2)) == [None, 8, 2]


def test_a_destination_alone_that_falls_silent_is_counted() -> None:
    """What was held back is told when nothing better comes."""
    assert requests(Reporters(), window(destination=5), {}) == [None, 5]


def test_a_source_that_is_away_is_replaced_when_it_stays_away() -> None:
    """One window of doubt, then the destination's count."""
    reporters = Reporters()
    windows = [window(source=5, destination=5), window(destination=4), window(destination=4), window(destination=1)]
    assert requests(reporters, *windows) == [5, None, 8, 1]


def test_a_waypoint_is_better_than_the_destination() -> None:
    """It sees requests where the node's proxy sees connections."""
    reporters = Reporters()
    assert requests(reporters, window(waypoint=5, destination=5), window(waypoint=1, destination=2)) == [None, 6]


REPORTS = st.dictionaries(st.sampled_from(["source", "destination"]), st.integers(0, 9), min_size=1, max_size=2)


@given(st.lists(REPORTS, min_size=1, max_size=8))
def test_never_more_than_both_ends_counted(windows: list[Mapping[str, int]]) -> None:
    """Whatever the order in which they report, and no less than the source did."""
    reporters = Reporters()
    total = sum(each or 0.0 for each in requests(reporters, *(window(**each) for each in windows), {}, {}))
    by = {name: sum(each.get(name, 0) for each in windows) for name in ("source", "destination")}
    assert by["source"] <= total <= by["source"] + by["destination"]


def test_edges_do_not_disturb_each_other() -> None:
    """One of them is held back, the other one is not."""
    both: Tallies = {EDGE: {"destination": Tally(requests=1)}, OTHER: {"source": Tally(requests=2)}}
    assert set(Reporters().choose(both)) == {OTHER}


def test_the_destination_says_by_which_connection_where_the_source_does_not() -> None:
    """Istio's sources do not know the security of a connection."""
    both: Tallies = {EDGE: {"source": Tally(requests=4), "destination": Tally(requests=4, secured=3.0, unsecured=1.0)}}
    counted = Reporters().choose(both)[EDGE]
    assert (counted.requests, counted.share_secured()) == (4, 0.75)


def test_an_edge_that_nobody_uses_is_none_and_one_that_falls_quiet_stays() -> None:
    """A proxy counts for all services that it knows, also for those that it never calls."""
    reporters = Reporters()
    assert requests(reporters, window(source=0), window(source=2), window(source=0), {}) == [None, 2, 0, None]


def test_what_is_known_of_connections_holds_until_others_are_opened() -> None:
    """Requests of now run over connections of before."""
    reporters = Reporters()
    windows = [
        Tally(requests=2, secured=2.0),
        Tally(requests=5),
        Tally(requests=5, secured=1.0, unsecured=1.0),
        Tally(requests=1),
    ]
    shares = [reporters.choose({EDGE: {"source": each}})[EDGE].share_secured() for each in windows]
    assert shares == [1.0, 1.0, 0.5, 0.5]
    reporters.choose({})
    assert reporters.choose({EDGE: {"source": Tally(requests=1)}})[EDGE].share_secured() is None


def test_handshakes_say_how_many_connections_are_secured() -> None:
    """Where one series has all connections and another one the secured ones; more of these than opened are all."""
    counted = Tally()
    quantities: list[tuple[Quantity, float]] = [("connections", 4.0), ("secured", 3.0)]
    for quantity, value in quantities:
        counted.count(Meaning(edge=EDGE, reporter="source", quantity=quantity, secured=_plain(quantity)), value, 1.0)
    assert (counted.connections, counted.share_secured()) == (4.0, 0.75)
    counted.count(Meaning(edge=EDGE, reporter="source", quantity="secured"), 2.0, 1.0)
    assert counted.share_secured() == 1.0


def _plain(quantity: str) -> bool | None:
    return False if quantity == "connections" else None


def interpret(name: str, labels: Mapping[str, str], place: Place) -> Meaning | None:
    """A mesh whose metrics are called after what they count."""
    if name == "other":
        return None
    secured = {"yes": True, "no": False}.get(labels.get("secure", ""))
    return Meaning(
        edge=EDGE._replace(source=place.workload),
        reporter="source",
        quantity=name,  # type: ignore[arg-type]
        failed=labels.get("code") == "500",
        secured=secured,
        unit=1000.0,
    )


PLAIN = Statistics(
    name="plain",
    counters=["requests", "errors", "connections", "sent", "received", "other"],
    histograms=["latency"],
    labels=["code", "secure"],
    interpret=interpret,
)


def test_a_tally_adds_up_series_of_one_edge() -> None:
    """Requests by code and by security, connections and bytes; latencies in the unit that the adapter names."""
    series = {
        Series("requests", (("code", "200"), ("secure", "yes"))): 6.0,
        Series("requests", (("code", "500"), ("secure", "no"))): 2.0,
        Series("connections", ()): 3.0,
        Series("sent", ()): 100.0,
        Series("received", ()): 900.0,
        Series("other", ()): 7.0,
    }
    total: Tallies = {}
    tally(total, PLAIN, [(Reading(series, {Series("latency", ()): {0.25: 8.0}}), Place(workload="web"), 4.0)])
    (counted,) = total[EDGE].values()
    assert counted == Tally(
        requests=8.0,
        errors=2.0,
        rate=2.0,
        secured=6.0,
        unsecured=2.0,
        connections=3.0,
        sent=100.0,
        received=900.0,
        latencies={(0.0, 250.0): 8.0},
    )


def test_proxies_of_one_workload_are_added() -> None:
    """Each over its own seconds: one of them was silent for a window."""
    parts = [
        (Reading({Series("requests", ()): 10.0}), Place(workload="web"), 10.0),
        (Reading({Series("requests", ()): 40.0}), Place(workload="web"), 20.0),
    ]
    total: Tallies = {}
    tally(total, PLAIN, parts)
    assert (total[EDGE]["source"].requests, total[EDGE]["source"].rate) == (50.0, 3.0)
