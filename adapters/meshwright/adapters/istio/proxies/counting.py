"""What an istiod counts of its own work, in its metrics.

Problem: that a proxy was sent nothing does not say whether there was nothing to send, or not yet. Istiod tells of
neither, but counts the changes that it was told of, its rounds of sending, and the proxies that it has taken from the
queue of a round. Invariant: a pure function of what istiod said; one that lacks any of these counters counts nothing.
"""

import re

from meshwright.core.kit.distribution import Work

PATH = "/metrics"
_VALUE = rb"(?:\{[^}\n]*\})? ([0-9.e+]+)$"
_RECEIVED = re.compile(rb'^pilot_inbound_updates\{[^}\n]*type="config"[^}\n]*\} ([0-9.e+]+)$', re.MULTILINE)
_ROUNDS = re.compile(rb"^pilot_debounce_time_count" + _VALUE, re.MULTILINE)
_LOOKED = re.compile(rb"^pilot_proxy_queue_time_count" + _VALUE, re.MULTILINE)


def work(metrics: bytes) -> Work | None:
    """What it has done since it began; None where it does not say."""
    received, rounds, looked = (each.search(metrics) for each in (_RECEIVED, _ROUNDS, _LOOKED))
    if received is None or rounds is None or looked is None:
        return None
    try:
        return Work(received=_number(received), rounds=_number(rounds), looked=_number(looked))
    except (ValueError, OverflowError):
        return None


def _number(match: re.Match[bytes]) -> int:
    return int(float(match[1]))
