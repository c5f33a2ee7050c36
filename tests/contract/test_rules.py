"""Rules that span fields. Invariant: a document that means nothing sensible is refused with its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.schemas import designs, intents, strict, subjects
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import Backend, HeaderMatch
from meshwright.schemas.workloads import WorkloadSpec


def split(*weights: int) -> intents.TrafficSplit:
    backends = [Backend(version=f"v{index}", weight=weight) for index, weight in enumerate(weights)]
    return intents.TrafficSplit(service="reviews", backends=backends)


def pointers(intent: intents.Intent) -> list[str]:
    return [problem.pointer for problem in intents.intent_problems(intent, "#/intents/0")]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20))
def test_weights_add_up_to_a_hundred(weights: list[int]) -> None:
    """A split is right exactly when its weights add up to 100, however many versions there are."""
    assert pointers(split(*weights)) == ([] if sum(weights) == 100 else ["#/intents/0/backends"])


def test_a_version_is_named_once() -> None:
    """Two shares for the same version are a slip of the pen."""
    twice = [Backend(version="v1", weight=50), Backend(version="v1", weight=50)]
    assert pointers(intents.TrafficSplit(service="a", backends=twice)) == ["#/intents/0/backends"]


@pytest.mark.parametrize(
    ("version", "is_one"), [("v1", True), ("1.4.2", True), ("V2_rc", True), (".1", False), ("1 ", False), ("", False)]
)
def test_a_version_is_a_label_value(version: str, is_one: bool) -> None:
    """Versions in Kubernetes have dots and capitals; what no label could hold is refused."""
    document = {"intent": "mirror", "service": "a", "version": version, "percent": 1}
    try:
        strict.decode(document, intents.Mirror)
    except strict.InvalidDocument as refusal:
        assert not is_one
        assert [error.pointer for error in refusal.errors] == ["#/version"]
    else:
        assert is_one


@pytest.mark.parametrize("exact", [None, "a"])
@pytest.mark.parametrize("prefix", [None, "", "b"])
@pytest.mark.parametrize("regex", [None, "c"])
def test_a_header_is_compared_in_exactly_one_way(exact: str | None, prefix: str | None, regex: str | None) -> None:
    """None and two ways to compare a header are refused, in every intent that has one."""
    header = HeaderMatch(name="x-user", exact=exact, prefix=prefix, regex=regex)
    right = [exact, prefix, regex].count(None) == 2
    for intent in (
        intents.HeaderRoute(service="a", header=header, version="v1"),
        intents.FaultDelay(service="a", delay="1s", header=header),
        intents.FaultAbort(service="a", status=503, header=header),
    ):
        assert pointers(intent) == ([] if right else ["#/intents/0/header"])


@pytest.mark.parametrize(
    ("intent", "field"),
    [
        (intents.Timeout(service="a", timeout="0s"), "timeout"),
        (intents.Retry(service="a", attempts=1, per_try_timeout="0.0ms"), "per_try_timeout"),
        (intents.FaultDelay(service="a", delay="0h"), "delay"),
        (intents.RateLimit(service="a", requests=1, per="0s"), "per"),
        (
            intents.CircuitBreaker(service="a", outlier_detection=intents.OutlierDetection(interval="0s")),
            "outlier_detection/interval",
        ),
    ],
)
def test_a_duration_of_nothing_is_refused(intent: intents.Intent, field: str) -> None:
    """Zero would disable the limit, which is not what a user means by writing one."""
    assert pointers(intent) == [f"#/intents/0/{field}"]


def test_hashing_needs_something_to_hash() -> None:
    """A ring hash without a header is refused; with one it is right."""
    assert pointers(intents.LoadBalancing(service="a", policy="ring-hash")) == ["#/intents/0/hash_header"]
    assert pointers(intents.LoadBalancing(service="a", policy="ring-hash", hash_header="x-user")) == []


def test_a_circuit_breaker_bounds_something() -> None:
    """An intent that would change nothing is refused, instead of looking applied."""
    assert pointers(intents.CircuitBreaker(service="a")) == ["#/intents/0"]
    assert pointers(intents.CircuitBreaker(service="a", max_retries=0)) == []


def test_a_design_reports_all_its_problems() -> None:
    """Each invalid intent and each workload named twice is reported with its own pointer."""
    spec = WorkloadSpec(name="reviews", service="reviews", port=9080)
    design = designs.Design(id="d", workloads=[spec, spec], intents=[split(100), split(1), split(2, 3)])
    assert [problem.pointer for problem in designs.design_problems(design)] == [
        "#/intents/1/backends",
        "#/intents/2/backends",
        "#/workloads/1/name",
    ]


def test_every_namespace_in_a_design_is_found() -> None:
    """On a mesh without namespaces each of them is reported with its pointer and the correct form."""
    spec = WorkloadSpec(name="a", service="a", port=80, namespace="shop")
    long: list[intents.AnyIntent] = [
        intents.Allow(source="shop/b", service="a"),
        intents.DenyAll(),
        intents.Timeout(service="shop/a", timeout="1s"),
    ]
    design = designs.Design(id="d", namespace="shop", workloads=[spec], intents=long)
    result = designs.namespace_problems(design)
    assert [(each.pointer, each.detail.rpartition(": ")[2]) for each in result] == [
        ("#/namespace", "leave it out"),
        ("#/workloads/0/namespace", "leave it out"),
        ("#/intents/0/source", "write b"),
        ("#/intents/2/service", "write a"),
    ]


@given(st.decimals(0, 999_999, places=3), st.sampled_from([("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]))
def test_a_duration_is_its_number_times_its_unit(number: object, unit: tuple[str, float]) -> None:
    """Every duration that can be written is understood to the millisecond."""
    assert seconds(f"{number}{unit[0]}") == pytest.approx(float(str(number)) * unit[1])


@pytest.mark.parametrize("text", ["", "5", "s", ".5s", "1.s", "-1s", "1 s", "1s\n", "1d", "1e3s", "1_0s", "1234567s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Everything else is an error that shows how to write one."""
    with pytest.raises(ValueError, match="as in 250ms"):
        seconds(text)


tokens = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(st.sampled_from(subjects.CHANNELS), st.data())
def test_a_subject_gives_back_its_tokens(channel: subjects.Channel, data: st.DataObject) -> None:
    """What is put into a subject can be read from it again."""
    names = [part[1:-1] for part in channel.address.split(".") if part.startswith("{")]
    given_tokens = {name: data.draw(tokens) for name in names}
    assert subjects.parse(channel, subjects.fill(channel, **given_tokens)) == given_tokens


@pytest.mark.parametrize("token", ["", "a.b", ">", "a*", "a b", "a\n", "a\r\nPUB x", "é", "a" * 65])
def test_no_token_can_change_the_meaning_of_a_subject(token: str) -> None:
    """Text from users cannot widen a filter, leave its position or inject protocol lines."""
    with pytest.raises(ValueError, match="cannot be used in a subject"):
        subjects.fill(subjects.STATE, workspace="default", kind=token, id="one")
    if token and len(token) <= 64:
        subject = subjects.fill(subjects.STATE, workspace="default", kind="design", id=token)
        assert len(subject.split(".")) == 5
        assert subject.isascii()
        assert subject.isprintable()
        assert not set(" *>") & set(subject)


@given(tokens | st.text(max_size=70) | st.sampled_from(["a=b", "a.b", "*", "a" * 65, "é", ""]))
def test_what_can_be_filled_is_known_beforehand(token: str) -> None:
    """For a subject of another program a reader can check whether `fill` accepts its tokens."""
    try:
        subject = subjects.fill(subjects.STATE, workspace="default", kind=token, id="one")
    except ValueError:
        assert not subjects.can_be_filled("default", token)
    else:
        assert subjects.can_be_filled(token) == (token != "*")
        assert subjects.parse(subjects.STATE, subject)["kind"] == token


def test_a_token_that_the_channel_does_not_have_is_refused() -> None:
    """A misspelt token name does not silently become a wildcard."""
    with pytest.raises(ValueError, match="has no mesh"):
        subjects.fill(subjects.EVENTS, mesh="demo")


@pytest.mark.parametrize("subject", ["mw.evt.default.envoy.mesh", "mw.cmd.a.b.c.d", "mw.evt.a.b.c.d.e", ""])
def test_a_subject_of_another_channel_is_distinguished(subject: str) -> None:
    """Parsing never takes a subject for something that it is not."""
    assert subjects.parse(subjects.EVENTS, subject) == {}
