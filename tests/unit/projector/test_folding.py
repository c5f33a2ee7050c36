"""The folds: replays, late copies and interleavings change nothing, and every prefix is a valid document."""

import datetime
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import bus
from meshwright.core.bus import envelope
from meshwright.core.operations import records
from meshwright.core.store.writing import Folded
from meshwright.schemas import (
    access,
    adapters,
    catalog,
    connections,
    designs,
    meshes,
    sealing,
    telemetry,
    webhooks,
    workloads,
)
from meshwright.schemas import operations as o
from meshwright.schemas.base import Message
from meshwright.schemas.errors import Failure
from meshwright.workers.projector.folding.routes import applied, routes

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
OPERATIONS = ["01JD8X3M5TZ9Q4W7V2K6N0B1CE", "01JD8X3M5TZ9Q4W7V2K6N0B1CF"]
FAILURE = Failure(code="x", what="it broke")
Views = dict[tuple[str, str], Folded]
Said = tuple[str, Message]


def _command(operation: str) -> Said:
    command = o.Command(
        operation=operation,
        workspace="w",
        adapter="envoy",
        connection="c",
        mesh="m",
        kind="mesh.status",
        arguments={"a": 1},
        principal="ann",
        accepted_at=START,
        deadline=START + datetime.timedelta(minutes=5),
    )
    return f"mw.evt.w.commands.operation.{operation}", command


NAMES = st.sampled_from(["one", "two", "three"])
OF_WORKER: st.SearchStrategy[Message] = st.one_of(
    st.builds(o.OperationQueued, worker=st.just("w1"), reason=st.sampled_from(["", "the lease"])),
    st.builds(o.OperationStarted, worker=st.just("w1"), adapter_version=st.just("1"), attempt=st.integers(1, 3)),
    st.builds(o.OperationProgressed, message=NAMES),
    st.builds(o.StepStarted, step=NAMES, attempt=st.integers(1, 3)),
    st.builds(o.StepCompleted, step=NAMES, attempt=st.integers(1, 3)),
    st.builds(o.StepFailed, step=NAMES, attempt=st.integers(1, 3), failure=st.just(FAILURE)),
    st.builds(o.StepUndone, step=NAMES, failure=st.sampled_from([None, FAILURE])),
    st.builds(o.OperationUndoing, worker=st.just("w"), end=st.just("failed"), failure=st.just(FAILURE)),
    st.builds(o.OperationRetrying, failure=st.just(FAILURE), next_attempt_at=st.just(START)),
    st.builds(o.OperationSucceeded, result=st.sampled_from([None, {"n": 1}])),
    st.builds(o.OperationFailed, failure=st.just(FAILURE)),
    st.builds(o.OperationCancelled),
)
OF_SCHEDULER: st.SearchStrategy[Message] = st.one_of(
    st.builds(o.OperationTimedOut, deadline=st.just(START)),
    st.builds(o.OperationDeadLettered, failure=st.just(FAILURE), command_seq=st.just(1)),
)
OPERATION_EVENTS: st.SearchStrategy[list[Said]] = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([f"mw.evt.w.envoy.operation.{one}" for one in OPERATIONS]), OF_WORKER),
        st.tuples(st.sampled_from([f"mw.evt.w.scheduler.operation.{one}" for one in OPERATIONS]), OF_SCHEDULER),
        st.tuples(
            st.sampled_from([f"mw.evt.w.api.operation.{one}" for one in OPERATIONS]),
            st.just(o.CancelRequested(principal="ann")),
        ),
    ),
    max_size=25,
)
ADAPTER_EVENTS: st.SearchStrategy[list[Said]] = st.lists(
    st.one_of(
        st.tuples(
            st.just("mw.evt.system.scheduler.adapter.envoy"),
            st.builds(
                adapters.AdapterAnnouncement,
                name=st.just("envoy"),
                instance=NAMES,
                version=NAMES,
                contract=st.just(1),
                meshes=st.just(["envoy"]),
                operations=st.just([]),
                intents=st.just([]),
                started_at=st.just(START),
            ),
        ),
        st.tuples(
            st.just("mw.evt.system.scheduler.adapter.envoy"),
            st.builds(adapters.AdapterLost, name=st.just("envoy"), instance=NAMES, graceful=st.booleans()),
        ),
        st.tuples(
            st.just("mw.evt.system.envoy.adapter.envoy"),
            st.builds(adapters.AdapterFailed, name=st.just("envoy"), instance=NAMES, reason=NAMES),
        ),
    ),
    max_size=8,
)
MESH = meshes.Mesh(id="m", kind="envoy", connection="c", adapter="envoy", observed_at=START)
PROXY = workloads.Proxy(id="m~~p", mesh="m", name="p", workload="m~~process~w1", observed_at=START)
OBSERVED: list[Said] = [
    ("mw.evt.w.envoy.mesh.m", meshes.MeshObserved(mesh=MESH)),
    ("mw.evt.w.envoy.mesh.m", meshes.MeshRemoved(id="m", connection="c")),
    ("mw.evt.w.envoy.proxy.p", workloads.ProxyObserved(proxy=PROXY)),
    ("mw.evt.w.envoy.proxy.p", workloads.ProxyRemoved(id="m~~p", mesh="m", name="p")),
]
WRITTEN: list[Said] = [
    ("mw.state.w.design.d", designs.DesignWritten(document=designs.Design(id="d"), principal="ann")),
    (
        "mw.state.w.design.d",
        designs.DesignWritten(document=designs.Design(id="d", description="two"), principal="ann"),
    ),
    ("mw.state.w.design.d", access.ResourceDeleted(kind="design", id="d", principal="ann")),
    (
        "mw.state.w.connection.c",
        connections.ConnectionWritten(document=connections.Connection(id="c", kind="envoy-fleet"), principal="ann"),
    ),
]
HOOK = webhooks.Webhook(id="h", url="https://example.com")
HOOK_WRITTEN: Said = (
    "mw.state.w.webhook.h",
    webhooks.WebhookWritten(
        document=HOOK,
        secret=sealing.Sealed(key_id="k", nonce=b"n", ciphertext=b"c"),
        created_at=START,
        since=1,
        as_of=1,
        principal="ann",
    ),
)
TRIED = webhooks.Delivery(
    webhook="h", event=7, event_id="e", event_type="t", state="retrying", attempts=1, attempted_at=START
)
ARRIVED = msgspec.structs.replace(TRIED, state="delivered", attempts=2, status=204)
MEASURED: list[Said] = [
    ("mw.metric.w.envoy.m", telemetry.EdgesMeasured(mesh="m", start=START, seconds=5, edges=[])),
    ("mw.metric.w.envoy.m", telemetry.EdgesMeasured(mesh="m", start=START, seconds=7, edges=[])),
]
EVENTS = st.tuples(OPERATION_EVENTS, ADAPTER_EVENTS, st.lists(st.sampled_from(OBSERVED), max_size=8)).flatmap(
    lambda parts: st.permutations([said for part in parts for said in part])
)


def received(stream: str, seq: int, said: Said, at: int | None = None) -> bus.Received:
    """A message as the bus gives it, at second `at` (by default its sequence)."""
    subject, message = said
    headers = envelope.write(
        bus.Envelope(
            id=f"{stream}-{seq}",
            source="test",
            type=message.wire.name,
            traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
        )
    )
    return bus.Received(
        stream=stream,
        subject=subject,
        seq=seq,
        time=int(START.timestamp() + (seq if at is None else at)) * 10**9,
        headers=headers,
        payload=catalog.encode(message),
    )


def stream(name: str, told: Sequence[Said]) -> list[records.Fact]:
    """The facts of a stream that holds these messages."""
    return [records.read(received(name, seq, said)) for seq, said in enumerate(told, 1)]


def fold(told: Sequence[records.Fact], views: Views | None = None) -> Views:
    """The views after these facts."""
    after = dict(views or {})
    for fact in told:
        for route in routes(fact):
            place = (route.kind.name, route.key(fact))
            changed = applied(after.get(place), route, place[1], fact)
            if changed is not None:
                after[place] = changed
    return after


@given(EVENTS, st.data())
def test_replaying_changes_nothing(told: list[Said], data: st.DataObject) -> None:
    """A stream replayed three times, or again from any point after any crash, gives the same views."""
    all_facts = stream("EVENTS", told)
    once = fold(all_facts)
    assert fold(all_facts * 3) == once
    views: Views = {}
    for _ in range(3):
        end = data.draw(st.integers(0, len(all_facts)))
        views = fold(all_facts[:end], views)
    assert fold(all_facts, views) == once


@given(OPERATION_EVENTS, st.data())
def test_a_late_acceptance_changes_nothing(told: list[Said], data: st.DataObject) -> None:
    """Wherever the copy of the command lands among an operation's events, the operation reads the same."""

    def operation(place: int) -> Any:
        order: list[tuple[int, Said]] = list(enumerate(said for said in told if said[0].endswith(OPERATIONS[0])))
        order.insert(min(place, len(order)), (0, _command(OPERATIONS[0])))
        messages = [received("EVENTS", seq, said, at) for seq, (at, said) in enumerate(order, 1)]
        folded = fold([records.read(message) for message in messages])["operations", f"w/{OPERATIONS[0]}"]
        assert isinstance(folded.document, o.Operation)
        return msgspec.structs.replace(folded.document, last_seq=0)

    assert operation(data.draw(st.integers(0, len(told)))) == operation(0)


@given(EVENTS, st.randoms(use_true_random=False))
def test_streams_are_independent(told: list[Said], random: Any) -> None:
    """However the streams are interleaved, the views are the same."""
    lanes = [stream("EVENTS", told), stream("STATE", WRITTEN), stream("METRICS", MEASURED)]
    expected = fold([fact for lane in lanes for fact in lane])
    rest = [list(lane) for lane in lanes]
    shuffled = []
    while any(rest):
        lane = random.choice([lane for lane in rest if lane])
        shuffled.append(lane.pop(0))
    assert fold(shuffled) == expected


@given(EVENTS)
def test_every_prefix_is_a_valid_document(told: list[Said]) -> None:
    """After each single event every document fits its own type and survives being stored and read."""
    views: Views = {}
    for fact in stream("EVENTS", told):
        views = fold([fact], views)
        for folded in views.values():
            if folded.document is not None:
                data = msgspec.to_builtins(folded.document)
                assert msgspec.convert(data, folded.kind.model) == folded.document


@given(OPERATION_EVENTS)
def test_the_first_end_is_the_end(told: list[Said]) -> None:
    """Once an operation is done, its state, result, failure and end never change."""
    seen: dict[tuple[str, str], Any] = {}
    views: Views = {}
    for fact in stream("EVENTS", told):
        views = fold([fact], views)
        for place, folded in views.items():
            document = folded.document
            if isinstance(document, o.Operation) and document.done:
                end = (document.state, document.result, document.failure, document.finished_at)
                assert seen.setdefault(place, end) == end
                assert document.state in o.TERMINAL_STATES


def test_removal_leaves_a_mark() -> None:
    """A removed mesh is a tombstone that an older observation cannot bring back, but a newer one can."""
    seen, removed, again = stream("EVENTS", [OBSERVED[0], OBSERVED[1], OBSERVED[0]])
    views = fold([seen, removed])
    assert views["meshes", "w/m"].document is None
    assert fold([seen], views) == views
    assert fold([again], views)["meshes", "w/m"].document == MESH


def test_a_webhook_is_seen_without_its_secret() -> None:
    """The view of a webhook is the document alone; its delivery is what the last attempt came to, once per event."""
    views = fold(stream("STATE", [HOOK_WRITTEN]))
    assert views["webhooks", "w/h"].document == HOOK
    told: list[Said] = [
        ("mw.evt.w.notifier.delivery.h", webhooks.DeliveryRetrying(delivery=TRIED)),
        ("mw.evt.w.notifier.delivery.h", webhooks.DeliverySucceeded(delivery=ARRIVED)),
    ]
    delivered = fold(stream("EVENTS", told))
    assert list(delivered) == [("deliveries", "w/h/7")]
    assert delivered["deliveries", "w/h/7"].document == ARRIVED


def test_versions_of_a_design() -> None:
    """Each write and the deletion of a design is a version of its own."""
    views = fold(stream("STATE", WRITTEN))
    assert views["designs", "w/d"].document is None
    versions = [views["design_versions", f"w/d/{seq}"].document for seq in (1, 2, 3)]
    assert [getattr(getattr(v, "design", None), "description", None) for v in versions] == ["", "two", None]


def test_versions_that_are_counted_have_their_number() -> None:
    """A version has the number that it was written with, whatever its sequence; one from before keeps its sequence."""
    design = designs.Design(id="d")
    told: list[Said] = [
        ("mw.state.w.workspace.w", access.WorkspaceWritten(document=access.Workspace(id="w"), principal="ann")),
        ("mw.state.w.design.d", designs.DesignWritten(document=design, principal="ann")),
        ("mw.state.w.workspace.w", access.WorkspaceWritten(document=access.Workspace(id="w"), principal="ann")),
        ("mw.state.w.design.d", designs.DesignWritten(document=design, version=3, principal="ann")),
        ("mw.state.w.design.d", access.ResourceDeleted(kind="design", id="d", version=4, principal="ann")),
    ]
    views = fold(stream("STATE", told))
    versions = [folded.document for (kind, _), folded in views.items() if kind == "design_versions"]
    assert [getattr(one, "version", None) for one in versions] == [2, 3, 4]
    assert {key for kind, key in views if kind == "design_versions"} == {"w/d/2", "w/d/3", "w/d/4"}


@given(
    st.sampled_from(["EVENTS", "STATE", "METRICS"]),
    st.text(st.characters(codec="ascii", exclude_characters=" "), min_size=1),
    st.sampled_from(["", "dev.other.thing.v1", *catalog.BY_NAME]),
    st.one_of(st.binary(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode)),
)
def test_nonsense_is_refused_in_one_way(name: str, subject: str, kind: str, payload: bytes) -> None:
    """Whatever lies in a stream is either a fact or Unprojectable."""
    message = bus.Received(
        stream=name, subject=f"mw.evt.w.x.y.{subject}", seq=1, time=0, headers={"ce-type": kind}, payload=payload
    )
    try:
        records.read(message)
    except records.Unprojectable as error:
        assert str(error)


def test_too_deep_is_refused() -> None:
    """A payload nested deeper than a document may be is refused before it reaches the database."""
    message = bus.Received(
        stream="EVENTS",
        subject=f"mw.evt.w.envoy.operation.{OPERATIONS[0]}",
        seq=1,
        time=0,
        headers={"ce-type": o.OperationSucceeded.wire.name},
        payload=b'{"result":' + b"[" * 90 + b"]" * 90 + b"}",
    )
    with pytest.raises(records.Unprojectable, match="nested"):
        records.read(message)


def test_an_unknown_type_is_a_fact_without_a_message() -> None:
    """A message of a later version is kept, and changes no view."""
    message = bus.Received(
        stream="EVENTS", subject="mw.evt.w.x.y.z", seq=1, time=0, headers={"ce-type": "dev.later.v9"}, payload=b"{}"
    )
    fact = records.read(message)
    assert fact.message is None
    assert routes(fact) == ()
