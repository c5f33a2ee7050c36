"""Whether a service or the traffic between two needs somebody, and why, in words.

Invariant: what had no traffic is idle and never healthy; a node is as bad as the worst that is known of it.
"""

from collections.abc import Iterable

from meshwright.core.measurements.totals import Totals
from meshwright.schemas.readings.traffic import NodeHealth

WARNING, FAILING = 0.01, 0.05
"""shares of errors from which traffic is a warning, and failing"""
_RANK = {"failing": 0, "warning": 1, "ok": 2, "idle": 3}


def of_traffic(total: Totals | None) -> NodeHealth:
    """By the share of requests that failed."""
    if total is None or not (total.requests or total.connections or total.sent_bytes or total.received_bytes):
        return NodeHealth(state="idle", because="no traffic was measured")
    if total.error_rate >= WARNING:
        because = f"{total.error_rate * 100:.1f} % of {total.requests} requests failed"
        return NodeHealth(state="failing" if total.error_rate >= FAILING else "warning", because=because)
    return NodeHealth(state="ok")


def of_node(inbound: Totals | None, outbound: Totals | None, rejected: int, stale: int) -> NodeHealth:
    """By what it received or, where nothing came in, by what it sent; and by its proxies.

    What a node sends fails elsewhere, so its errors are those of the other end.
    """
    health = of_traffic(inbound)
    if health.state == "idle" and of_traffic(outbound).state != "idle":
        health = NodeHealth(state="ok")
    if health.state != "failing" and rejected:
        reject = f"{_count(rejected, 'proxy has', 'proxies have')} rejected the configuration"
        return NodeHealth(state="warning", because="; ".join(filter(None, [reject, _reason(health)])))
    if health.state in ("ok", "idle") and stale:
        return NodeHealth(state="warning", because=f"{_count(stale, 'proxy is', 'proxies are')} stale or not connected")
    return health


def worst(members: Iterable[tuple[str, NodeHealth]]) -> NodeHealth:
    """Of several nodes, each with its name; idle only where all are."""
    ranked = sorted(members, key=lambda member: _RANK[member[1].state])
    if not ranked:
        return NodeHealth(state="idle", because="no traffic was measured")
    name, health = ranked[0]
    if health.state in ("ok", "idle"):
        return health
    others = sum(each.state in ("failing", "warning") for _, each in ranked) - 1
    more = f", and {others} more" if others else ""
    return NodeHealth(state=health.state, because=f"{name}: {health.because}{more}"[:2000])


def _reason(health: NodeHealth) -> str:
    return health.because if health.state in ("warning", "failing") else ""


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
