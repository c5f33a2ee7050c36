"""Intents over random meshes and designs: valid ones are served, others refused in place, and order means nothing."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy import adapter
from meshwright.adapters.envoy.intents.translation import translate
from meshwright.adapters.envoy.resources import compiler, diffs, names
from meshwright.adapters.envoy.resources.snapshot import Snapshot
from meshwright.adapters.envoy.state import desired, validation
from meshwright.adapters.envoy.state.desired import DesiredState, Ports
from meshwright.adapters.envoy.target import EnvoyFacts
from meshwright.adapters.envoy.xds.encoding import Encoder
from meshwright.core import kit
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import (
    INTENT_TYPES,
    AccessLog,
    Allow,
    AnyIntent,
    Backend,
    CircuitBreaker,
    DenyAll,
    EgressControl,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    Ingress,
    LoadBalancing,
    Mirror,
    MutualTls,
    OutlierDetection,
    RateLimit,
    Retry,
    Timeout,
    TrafficSplit,
    Translation,
    Unsupported,
    intent_kind,
)
from meshwright.schemas.workloads import WorkloadSpec

MEMBERS = (("web", "v1"), ("reviews", "v1"), ("reviews", "v2"), ("ratings", "v1"))
MANY = (Allow, HeaderRoute, Mirror)
ENCODER = Encoder()


def mesh() -> DesiredState:
    """`web`, `reviews` in two versions, `ratings`."""
    specs = [WorkloadSpec(name=f"{name}-{version}", service=name, version=version, port=9) for name, version in MEMBERS]
    ports = {spec.name: Ports(outbound=10 * index, inbound=10 * index + 1) for index, spec in enumerate(specs)}
    return desired.enrol(DesiredState(workspace="w", mesh="m", connection="c"), specs, ports)


MESH = mesh()
TEXT = st.text(st.characters(codec="utf-8"), max_size=4)
PERCENT = st.floats(0, 100, allow_nan=False) | st.integers(0, 100).map(float)
DURATION = st.builds(
    "{}{}{}".format,
    st.integers(0, 999_999),
    st.sampled_from(["", ".5", ".001"]),
    st.sampled_from(["ms", "s", "m", "h"]),
)
COUNT = st.sampled_from([1, 9, 2**32 - 1, 2**32, 2**64])
HEADER = st.builds(
    HeaderMatch,
    name=st.sampled_from(["x-a", "X-B"]),
    exact=st.none() | TEXT,
    prefix=st.none() | TEXT,
    regex=st.none() | TEXT,
)
GOOD_HEADER = st.builds(HeaderMatch, name=st.sampled_from(["x-a", "X-B"]), exact=TEXT)
BALANCING = st.sampled_from(["round-robin", "least-request", "random", "ring-hash"])


def intents(
    services: list[str], versions: list[str], durations: Any, counts: Any, headers: Any
) -> dict[str, st.SearchStrategy[Any]]:
    """One strategy for each kind of intent."""
    service, version = st.sampled_from(services), st.sampled_from(versions)
    maybe = st.none() | service
    backends = st.lists(
        st.builds(Backend, version=version, weight=st.sampled_from([0, 30, 50, 70, 100])), min_size=1, max_size=3
    )
    detection = st.builds(OutlierDetection, consecutive_errors=counts, interval=durations, ejection_time=durations)
    result = [
        st.builds(MutualTls, mode=st.sampled_from(["strict", "permissive"]), service=maybe),
        st.builds(TrafficSplit, service=service, backends=backends),
        st.builds(HeaderRoute, service=service, header=headers, version=version),
        st.builds(Mirror, service=service, version=version, percent=PERCENT),
        st.builds(
            Retry, service=service, attempts=st.integers(1, 10), per_try_timeout=st.none() | durations
        ),
        st.builds(Timeout, service=service, timeout=durations),
        st.builds(FaultDelay, service=service, delay=durations, percent=PERCENT, header=st.none() | headers),
        st.builds(FaultAbort, service=service, status=st.integers(200, 599), percent=PERCENT),
        st.builds(RateLimit, service=service, requests=counts, per=durations),
        st.builds(
            CircuitBreaker, service=service, max_connections=st.none() | counts, max_retries=st.none() | counts,
            outlier_detection=st.none() | detection,
        ),
        st.builds(
            Allow, source=service, service=service, methods=st.lists(st.sampled_from(["GET", "PUT"]), max_size=2),
            path_prefixes=st.lists(st.sampled_from(["/", "/a"]), max_size=2),
        ),
        st.builds(DenyAll, service=maybe),
        st.builds(AccessLog, service=maybe),
        st.builds(
            LoadBalancing, service=service, policy=BALANCING, hash_header=st.none() | st.sampled_from(["x-a", "X-B"])
        ),
    ]  # fmt: skip
    kinds = (each for each in INTENT_TYPES if each not in (EgressControl, Ingress))
    return {intent_kind(kind): strategy for kind, strategy in zip(kinds, result, strict=True)}


ANY = intents(["web", "reviews", "reviews", "nobody"], ["v1", "v2"], DURATION, COUNT, HEADER)
SANE = intents(
    ["web", "reviews"], ["v1", "v2"], st.sampled_from(["50ms", "1.5s", "2m"]), st.integers(1, 9), GOOD_HEADER
)
SOME = st.one_of(*SANE.values())
OFTEN = st.one_of(*(SANE[kind] for kind in ("allow", "header-route", "mirror", "mutual-tls", "deny-all")))


@st.composite
def designs(draw: st.DrawFn, most: int = 6) -> list[Design]:
    """Designs that the mesh can carry together, under names in any order."""
    state, result = MESH, list[Design]()
    for name in draw(st.permutations("abc")):
        kept = list[AnyIntent]()
        for intent in draw(st.lists(SOME | OFTEN, max_size=most)):
            design = Design(id=name, intents=[*kept, intent])
            if not validation.problems(desired.apply_design(state, design, 1), design):
                kept.append(intent)
        result.append(Design(id=name, intents=kept))
        state = desired.apply_design(state, result[-1], 1)
    return result


def applied(state: DesiredState, *several: Design) -> DesiredState:
    """The state with these designs."""
    for each in several:
        state = desired.apply_design(state, each, 1)
    return state


def versions(state: DesiredState) -> dict[str, str]:
    """What each proxy would hold, by name of content."""
    return {node: each.version for node, each in compiler.compile_mesh(state).proxies.items()}


@pytest.mark.parametrize("kind", ANY)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_passes_is_served_and_what_does_not_is_named_in_place(kind: str, data: st.DataObject) -> None:
    """Whatever the contract lets a person write either becomes bytes for every proxy or problems at real places."""
    wanted = data.draw(st.lists(ANY[kind], min_size=1, max_size=2))
    design = msgspec.convert(msgspec.to_builtins(Design(id="d", intents=wanted)), Design)
    after = applied(MESH, design)
    result, snapshot = validation.problems(after, design), compiler.compile_mesh(after)  # previews show bad ones too
    if not result:
        ENCODER.warm(snapshot)
    for problem in result:
        place: Any = msgspec.to_builtins(design)
        for part in problem.pointer.removeprefix("#/").split("/"):
            place = place[int(part)] if isinstance(place, list) else place[part]
        assert problem.detail


@settings(max_examples=40, deadline=None)
@given(designs(), st.randoms())
def test_the_order_of_designs_and_of_kinds_means_nothing(several: list[Design], chance: Any) -> None:
    """Designs applied in any order, with their kinds of intents in any order, are one state and one configuration."""
    state = applied(MESH, *several)
    chance.shuffle(several)
    other = applied(MESH, *several)
    assert desired.version(other) == desired.version(state)
    assert versions(other) == versions(state)
    kinds = [intent_kind(each) for each in INTENT_TYPES]
    chance.shuffle(kinds)
    regrouped = [
        msgspec.structs.replace(each, intents=sorted(each.intents, key=lambda one: kinds.index(intent_kind(one))))
        for each in several
    ]
    assert versions(applied(MESH, *regrouped)) == versions(state)


def changes(before: DesiredState, after: DesiredState) -> list[kit.Change]:
    """What proxies would receive otherwise."""
    return kit.changes(diffs.bodies(compiler.compile_mesh(before)), diffs.bodies(compiler.compile_mesh(after)))


@settings(max_examples=20, deadline=None)
@given(designs(), designs(most=3))
def test_removing_a_design_gives_back_what_was_there(others: list[Design], one: list[Design]) -> None:
    """Applied and removed again, any design leaves the others' configuration as it was; applied twice it changes
    nothing more."""
    state = applied(MESH, *others)
    for design in one:
        design = msgspec.structs.replace(design, id="last")
        after = applied(state, design)
        assert applied(after, design) == after
        assert desired.remove_design(after, "last") == state
        there, back = changes(state, after), changes(after, state)
        assert [(each.ref, each.before) for each in there] == [(each.ref, each.after) for each in back]


@settings(max_examples=40, deadline=None)
@given(designs(), SOME)
def test_a_translation_is_what_the_intent_changes(several: list[Design], intent: AnyIntent) -> None:
    """It is the same before and after the intent was applied, names every resource that differs, fits its types, and
    says so when nothing differs."""
    state = applied(MESH, *several)
    for design in several:
        if intent in design.intents:
            state = desired.remove_design(state, design.id)
    result = translate(intent, state)
    assert isinstance(result, Translation)
    after = applied(state, Design(id="~", intents=[intent]))
    assert translate(intent, after) == result
    assert result.resources == diffs.caused(compiler.compile_mesh(state), compiler.compile_mesh(after))
    assert [each.ref for each in changes(state, after)] == [each.ref for each in result.resources]
    assert bool(result.notes) == (not result.resources)


@settings(max_examples=40, deadline=None)
@given(designs(), SOME.filter(lambda intent: getattr(intent, "service", None)))
def test_an_intent_about_one_service_touches_no_other(several: list[Design], intent: Any) -> None:
    """Other services' clusters, virtual hosts and sidecars are byte for byte what they were."""
    state = applied(MESH, *several)
    before = compiler.compile_mesh(state)
    after = compiler.compile_mesh(applied(state, Design(id="~", intents=[intent])))
    old, new = diffs.flat(before), diffs.flat(after)
    assert old.keys() == new.keys()
    for key in (each for each in old if old[each].digest != new[each].digest):
        if key == (names.ROUTES, "", names.OUTBOUND):
            hosts = zip(old[key].body["virtual_hosts"], new[key].body["virtual_hosts"], strict=True)
            assert {one["name"] for one, other in hosts if one != other} == {intent.service}
        else:
            assert (key[1] or key[2].replace("|", "-")).startswith(f"{intent.service}-")


def callers(snapshot: Snapshot, workload: str) -> set[str] | None:
    """The workloads that may call a workload, by the rules of its sidecar; None means all."""
    content = snapshot.proxies[f"w.m.{workload}"].types[names.ROUTES]
    body = next(each.body for each in content.resources if each.name == names.INBOUND)
    rules = body["virtual_hosts"][0].get("typed_per_filter_config", {}).get(names.ACCESS)
    if rules is None:
        return None
    assert rules["rbac"]["rules"]["action"] == "ALLOW"
    principals = itertools.chain(*(each["principals"] for each in rules["rbac"]["rules"]["policies"].values()))
    return {each["authenticated"]["principal_name"]["exact"].rpartition("/")[2] for each in principals}


@settings(max_examples=40, deadline=None)
@given(designs())
def test_exactly_the_allowed_may_call(several: list[Design]) -> None:
    """A service that any allow or deny-all names admits the workloads of the allowed sources; others admit all."""
    state = applied(MESH, *several)
    snapshot = compiler.compile_mesh(state)
    for service, version in MEMBERS:
        said = [
            each
            for each in state.intents()
            if isinstance(each, Allow | DenyAll) and each.service in (None, service)
        ]  # fmt: skip
        sources = {each.source for each in said if isinstance(each, Allow)}
        expected = {f"{name}-{each}" for name, each in MEMBERS if name in sources}
        assert callers(snapshot, f"{service}-{version}") == (expected if said else None)


def test_what_cannot_be_done_says_why_and_what_instead() -> None:
    """The two intents that this mesh has no way to carry out are answered as unsupported, never as nothing."""
    for intent in (EgressControl(hosts=["example.org"]), Ingress(host="shop.example", service="web")):
        result = adapter.translators.translate(intent, EnvoyFacts(state=MESH))
        assert isinstance(result, Unsupported)
        assert result.intent == intent_kind(intent)
        assert result.because and result.instead


def test_an_intent_about_nobody_is_not_called_fulfilled() -> None:
    """When a service or version is missing, the note says that, not that the proxies behave so already."""
    strangers: list[AnyIntent] = [
        Timeout(service="nobody", timeout="1s"),
        Mirror(service="reviews", version="v9"),
        FaultAbort(service="nobody", status=500),
    ]
    for intent in strangers:
        result = translate(intent, MESH)
        assert isinstance(result, Translation)
        assert any(word in " ".join(result.notes) for word in ("no service nobody", "no version v9"))
