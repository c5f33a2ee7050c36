"""What needs somebody, as sentences that name the entity to go to.

Invariant: each function turns documents of one kind into sentences and reads nothing; what is the same trouble many
times over is named a few times and then counted.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence

from meshwright.core.operations import titles
from meshwright.schemas.adapters import Adapter
from meshwright.schemas.dead_letters import DeadLetterRecord
from meshwright.schemas.discovery import ConnectionStatus
from meshwright.schemas.drift import Drift
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.operations import Operation
from meshwright.schemas.readings.overview import Attention, AttentionKind, EntityLink
from meshwright.schemas.telemetry import EdgesMeasured
from meshwright.schemas.workloads import Proxy
from meshwright.ui_api.reading.overview.meshes import worst

CERTIFICATE_ENDS = datetime.timedelta(minutes=30)
"""before its end a certificate should long have been renewed"""
_NAMED = 20
"""of one kind of trouble"""
_RANK = {"critical": 0, "error": 1, "warning": 2}
_BAD_WHEN_TRUE = frozenset({"Throttled", "Replaced"})
_LONGEST = 500
"""characters of a message that is quoted"""


def sorted_by_need(items: Iterable[Attention]) -> list[Attention]:
    """The worst first, and of these the newest."""
    return sorted(items, key=lambda item: (_RANK[item.severity], -item.since.timestamp() if item.since else 0.0))


def of_meshes(meshes: Iterable[Mesh]) -> list[Attention]:
    """Meshes that are degraded."""
    result = []
    for mesh in meshes:
        if mesh.state == "degraded":
            condition = worst(mesh.conditions)
            why = f": {_quoted(condition.message or condition.reason or condition.type)}" if condition else ""
            entity = EntityLink(kind="mesh", id=mesh.id, mesh=mesh.id)
            sentence = f"Mesh {mesh.id} is degraded{why}"
            result.append(Attention(kind="mesh-degraded", severity="critical", sentence=sentence, entity=entity))
    return result


def of_adapters(adapters: Iterable[Adapter], live: frozenset[str], meshes: Sequence[Mesh]) -> list[Attention]:
    """Adapters whose meshes nobody works for, and adapters that could not be loaded."""
    result = []
    by_adapter: dict[str, list[str]] = {}
    for mesh in meshes:
        by_adapter.setdefault(mesh.adapter, []).append(mesh.id)
    for name in sorted(by_adapter.keys() - live):
        sentence = f"Adapter {name} has no live worker: nothing is read or changed on {_names(by_adapter[name])}"
        entity = EntityLink(kind="adapter", id=name)
        result.append(Attention(kind="adapter-lost", severity="critical", sentence=sentence, entity=entity))
    for adapter in adapters:
        if adapter.failure and adapter.id not in live:
            sentence = f"Adapter {adapter.id} could not be loaded: {_quoted(adapter.failure)}"
            entity = EntityLink(kind="adapter", id=adapter.id)
            result.append(Attention(kind="adapter-failed", severity="error", sentence=sentence, entity=entity))
    return result


def of_proxies(rejected: Sequence[Proxy], counts: Mapping[tuple[str, ...], int]) -> list[Attention]:
    """Proxies that have rejected their configuration, with their words, and how many more there are in each mesh."""
    result = []
    named: dict[str, int] = {}
    for proxy in rejected[:_NAMED]:
        named[proxy.mesh] = named.get(proxy.mesh, 0) + 1
        why = f": {_quoted(proxy.error)}" if proxy.error else ""
        sentence = f"Proxy {_full(proxy)} of mesh {proxy.mesh} has rejected its configuration{why}"
        entity = EntityLink(kind="proxy", id=proxy.id, mesh=proxy.mesh)
        result.append(_error("proxies-rejected", sentence, entity, proxy.observed_at))
    for (mesh, state), count in sorted(counts.items()):
        if state == "rejected" and (more := count - named.get(mesh, 0)) > 0:
            entity = EntityLink(kind="mesh", id=mesh, mesh=mesh)
            further = "further " if named.get(mesh) else ""
            sentence = (
                f"{more} {further}{'proxy' if more == 1 else 'proxies'} of mesh {mesh} rejected the configuration"
            )
            result.append(Attention(kind="proxies-rejected", severity="error", sentence=sentence, entity=entity))
    return result


def of_certificates(proxies: Iterable[Proxy], now: datetime.datetime) -> list[Attention]:
    """Certificates of proxies that have ended or are about to."""
    result = []
    for proxy in proxies:
        if proxy.certificate is None or proxy.state == "disconnected":
            continue
        left = (proxy.certificate.not_after - now).total_seconds()
        when = f"ended {_span(-left)} ago" if left < 0 else f"ends in {_span(left)} and was not renewed"
        sentence = f"The certificate of proxy {_full(proxy)} of mesh {proxy.mesh} {when}"
        entity = EntityLink(kind="proxy", id=proxy.id, mesh=proxy.mesh)
        result.append(
            Attention(
                kind="certificate-ending",
                severity="critical" if left < 0 else "error",
                sentence=sentence,
                entity=entity,
                since=proxy.certificate.not_after if left < 0 else None,
            )
        )
    return result


def of_connections(statuses: Iterable[ConnectionStatus]) -> list[Attention]:
    """Connections that do not answer, refuse the credentials, or are not what they were."""
    result = []
    for status in statuses:
        bad = [
            condition
            for condition in status.conditions
            if condition.status == ("True" if condition.type in _BAD_WHEN_TRUE else "False")
        ]
        if bad:
            why = _quoted(bad[0].message or bad[0].reason or bad[0].type)
            entity = EntityLink(kind="connection", id=status.id)
            result.append(_error("connection-failing", f"Connection {status.id}: {why}", entity, status.observed_at))
    return result


def of_drift(drifts: Iterable[Drift]) -> list[Attention]:
    """Releases that differ from what is there."""
    result = []
    for drift in drifts:
        count = len(drift.resources)
        what = f"{count} {'resource' if count == 1 else 'resources'}"
        sentence = f"Design {drift.design} (revision {drift.revision}) differs on mesh {drift.mesh}: {what}"
        entity = EntityLink(kind="drift", id=drift.id, mesh=drift.mesh, design=drift.design)
        result.append(
            Attention(kind="drift", severity="warning", sentence=sentence, entity=entity, since=drift.detected_at)
        )
    return result


def of_dead_letters(letters: Iterable[DeadLetterRecord]) -> list[Attention]:
    """Commands that no worker could finish."""
    return [
        _error(
            "dead-letter",
            f"A command for adapter {letter.adapter} could not be executed: {_quoted(letter.reason)}",
            EntityLink(kind="deadletter", id=letter.id),
            letter.stored_at,
        )
        for letter in letters
    ]


def of_operations(operations: Iterable[Operation]) -> list[Attention]:
    """Operations that failed or ran out of time."""
    result = []
    for operation in operations:
        what = titles.title(operation.kind, operation.mesh, operation.arguments)
        how = "ran out of time" if operation.state == "timed_out" else "failed"
        why = f": {_quoted(operation.failure.what)}" if operation.failure else ""
        entity = EntityLink(kind="operation", id=operation.id, mesh=operation.mesh)
        since = operation.finished_at or operation.accepted_at
        result.append(
            Attention(
                kind="operation-failed",
                severity="warning",
                sentence=f"“{what}” {how}{why}",
                entity=entity,
                since=since,
            )
        )
    return result


def of_traffic(windows: Iterable[EdgesMeasured]) -> list[Attention]:
    """Meshes of which nothing, or not all, is measured."""
    return [
        Attention(
            kind="traffic-not-measured",
            severity="warning",
            sentence=f"The traffic of mesh {window.mesh} is not all measured: {_quoted(window.failure.what)}",
            entity=EntityLink(kind="mesh", id=window.mesh, mesh=window.mesh),
        )
        for window in windows
        if window.failure
    ]


def of_projection(complaint: str) -> list[Attention]:
    """What is shown is old."""
    if not complaint:
        return []
    entity = EntityLink(kind="system", id="projection")
    sentence = f"What you see may be old: {_quoted(complaint)}"
    return [Attention(kind="projection-behind", severity="critical", sentence=sentence, entity=entity)]


def _error(kind: AttentionKind, sentence: str, entity: EntityLink, since: datetime.datetime | None) -> Attention:
    return Attention(kind=kind, severity="error", sentence=sentence, entity=entity, since=since)


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _full(proxy: Proxy) -> str:
    return f"{proxy.namespace}/{proxy.name}" if proxy.namespace else proxy.name


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 2880 else f"{round(minutes / 1440)} days"
