"""What needs somebody is said in sentences, the worst first."""

import datetime
from typing import Any

import pytest

from meshwright.schemas import adapters, dead_letters, discovery, drift, errors, meshes, operations, references
from meshwright.schemas.readings.overview import Attention
from meshwright.schemas.telemetry import EdgesMeasured
from meshwright.schemas.workloads import Certificate, Proxy
from meshwright.ui_api.reading.overview import attention
from meshwright.ui_api.reading.overview import meshes as glances

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)
ULID = "01JD8X3M5TZ9Q4W7V2K6N0B1CE"


def mesh(name: str, adapter: str = "envoy", **more: Any) -> meshes.Mesh:
    """A mesh."""
    return meshes.Mesh(id=name, kind="envoy", connection="c", adapter=adapter, observed_at=NOW, **more)


def proxy(name: str, **more: Any) -> Proxy:
    """A proxy of the mesh `m`."""
    return Proxy(**{"id": f"m~shop~{name}", "mesh": "m", "namespace": "shop", "name": name, "observed_at": NOW, **more})


def said(items: list[Attention]) -> list[tuple[str, str, str]]:
    """How bad, what, and where to go."""
    return [(item.severity, item.sentence, item.entity.id) for item in items]


def test_degraded_meshes_say_why() -> None:
    """By the first condition that does not hold; others need nobody."""
    ready = meshes.Condition(type="ControlPlaneReady", status="True")
    unknown = meshes.Condition(type="AuthorityValid", status="Unknown", reason="Away")
    synced = meshes.Condition(type="ProxiesSynced", status="False", message="2 proxies\nare away")
    result = attention.of_meshes(
        [
            mesh("a", state="degraded", conditions=[ready, unknown, synced]),
            mesh("b", state="degraded", conditions=[ready, unknown]),
            mesh("c", state="degraded"),
            mesh("d", state="ready", conditions=[synced]),
            mesh("e", state="installing"),
        ]
    )
    assert said(result) == [
        ("critical", "Mesh a is degraded: 2 proxies are away", "a"),
        ("critical", "Mesh b is degraded: Away", "b"),
        ("critical", "Mesh c is degraded", "c"),
    ]
    assert result[0].entity.mesh == "a"


def test_adapters_without_workers_are_named_with_their_meshes() -> None:
    """Once per adapter; one without meshes is missed by nobody, one that could not be loaded says why."""
    known = [mesh("b", "istio"), mesh("a", "istio"), mesh("c", "envoy")]
    listed = [
        adapters.Adapter(id="linkerd", failure="no module"),
        adapters.Adapter(id="envoy", failure="an older worker"),
        adapters.Adapter(id="kuma"),
    ]
    assert said(attention.of_adapters(listed, frozenset({"envoy"}), known)) == [
        ("critical", "Adapter istio has no live worker: nothing is read or changed on a, b", "istio"),
        ("error", "Adapter linkerd could not be loaded: no module", "linkerd"),
    ]
    many = [mesh(f"m{number}", "istio") for number in range(9)]
    (item,) = attention.of_adapters([], frozenset(), many)
    assert item.sentence.endswith("m0, m1, m2, m3, m4 and 4 more")


def test_rejecting_proxies_are_named_with_their_words_and_then_counted() -> None:
    """So that a mesh of which all proxies reject a configuration is not all that is seen."""
    listed = [proxy(f"p{number:02}", state="rejected", error="bad cluster") for number in range(25)]
    result = attention.of_proxies(listed, {("m", "rejected"): 25, ("n", "rejected"): 1, ("m", "synced"): 4})
    assert len(result) == 22
    assert said(result)[0] == (
        "error", "Proxy shop/p00 of mesh m has rejected its configuration: bad cluster", "m~shop~p00",
    )  # fmt: skip
    assert said(result)[20:] == [
        ("error", "5 further proxies of mesh m rejected the configuration", "m"),
        ("error", "1 proxy of mesh n rejected the configuration", "n"),
    ]


def test_certificates_end_soon_or_have_ended() -> None:
    """Of connected proxies; one that is away gets a new one when it comes back."""

    def ending(minutes: float, **more: Any) -> Proxy:
        certificate = Certificate(spiffe_id="spiffe://m/p", serial="1", not_after=NOW + minutes * MINUTE)
        return proxy("p", certificate=certificate, **{"state": "synced", **more})

    result = attention.of_certificates(
        [ending(10), ending(-3), ending(-300), ending(-9000), ending(5, state="disconnected"), proxy("q")], NOW
    )
    begin = "The certificate of proxy shop/p of mesh m "
    assert [(item.severity, item.sentence.removeprefix(begin)) for item in result] == [
        ("error", "ends in 10 min and was not renewed"),
        ("critical", "ended 3 min ago"),
        ("critical", "ended 5 h ago"),
        ("critical", "ended 6 days ago"),
    ]  # fmt: skip
    assert (result[0].since, result[1].since) == (None, NOW - 3 * MINUTE)


@pytest.mark.parametrize(
    ("type", "status", "bad"),
    [
        ("Reachable", "False", True),
        ("Authorized", "False", True),
        ("Synced", "Unknown", False),
        ("Reachable", "True", False),
        ("Throttled", "True", True),
        ("Replaced", "True", True),
        ("Replaced", "False", False),
    ],
)
def test_connections_fail_by_their_conditions(type: str, status: Any, bad: bool) -> None:
    """Some conditions are bad when they hold."""
    condition = meshes.Condition(type=type, status=status, message="it is so")
    known = discovery.ConnectionStatus(id="c", conditions=[condition], observed_at=NOW)
    assert said(attention.of_connections([known])) == ([("error", "Connection c: it is so", "c")] if bad else [])


def test_drift_dead_letters_and_failed_operations_are_said() -> None:
    """With the entity to go to, and since when."""
    ref = references.ResourceRef(kind="Thing", name="t")
    drifted = drift.Drift(
        id=ULID, design="slow", mesh="m", connection="c", revision=3, detected_at=NOW,
        resources=[drift.DriftedResource(ref=ref, change="missing")],
    )  # fmt: skip
    letter = dead_letters.DeadLetterRecord(
        id=ULID, workspace="w", adapter="envoy", reason="poison " * 200, deliveries=8, command_seq=3, stored_at=NOW
    )
    failed = operations.Operation(
        id=ULID, workspace="w", adapter="envoy", mesh="m", kind="design.apply", arguments={"design": {"id": "slow"}},
        state="failed", failure=errors.Failure(code="X", what="it broke"), accepted_at=NOW - MINUTE, finished_at=NOW,
    )  # fmt: skip
    late = operations.Operation(id=ULID, workspace="w", adapter="envoy", mesh="m", kind="own", state="timed_out")
    (item,) = attention.of_drift([drifted])
    assert said([item]) == [("warning", "Design slow (revision 3) differs on mesh m: 1 resource", ULID)]
    assert (item.entity.kind, item.entity.mesh, item.entity.design, item.since) == ("drift", "m", "slow", NOW)
    (item,) = attention.of_dead_letters([letter])
    assert item.sentence.startswith("A command for adapter envoy could not be executed: poison poison")
    assert len(item.sentence) < 600
    assert said(attention.of_operations([failed, late])) == [
        ("warning", "“Apply slow to m” failed: it broke", ULID),
        ("warning", "“own on m” ran out of time", ULID),
    ]


def test_traffic_that_is_not_measured_and_old_views_are_said() -> None:
    """Windows without failure need nobody."""
    failure = errors.Failure(code="X", what="Prometheus is away")
    windows = [
        EdgesMeasured(mesh=name, start=NOW, seconds=1.0, edges=[], failure=each)
        for name, each in (("m", failure), ("n", None))
    ]
    assert said(attention.of_traffic(windows)) == [
        ("warning", "The traffic of mesh m is not all measured: Prometheus is away", "m")
    ]
    assert attention.of_projection("") == []
    assert said(attention.of_projection("no projector has ever run")) == [
        ("critical", "What you see may be old: no projector has ever run", "projection")
    ]


def test_the_worst_comes_first_and_then_the_newest() -> None:
    """What has no time comes behind what has one."""
    base = attention.of_meshes([mesh("m", state="degraded")])[0]

    def item(severity: Any, minutes: int | None) -> Attention:
        since = None if minutes is None else NOW + minutes * MINUTE
        return Attention(kind="drift", severity=severity, sentence="", entity=base.entity, since=since)

    items = [item("warning", 9), item("error", 1), item("error", None), item("error", 2), base, item("critical", 0)]
    order = [(each.severity, each.since) for each in attention.sorted_by_need(items)]
    assert order == [
        ("critical", NOW), ("critical", None), ("error", NOW + 2 * MINUTE), ("error", NOW + MINUTE), ("error", None),
        ("warning", NOW + 9 * MINUTE),
    ]  # fmt: skip


def test_proxies_are_counted_by_state() -> None:
    """Those of other meshes are not; states that nobody asks for are in the total."""
    counts: dict[tuple[str, ...], int] = {
        ("m", "synced"): 5,
        ("m", "rejected"): 1,
        ("m", "not_sent"): 2,
        ("n", "stale"): 7,
    }
    result = glances.proxies("m", counts)
    assert (result.total, result.in_sync, result.rejected, result.stale, result.disconnected) == (8, 5, 1, 0, 0)
