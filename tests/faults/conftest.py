"""Faults: real processes are killed, paused, starved and cut off, and the results are counted outside of them; and
operations that take long by themselves.

Invariant: each fault leaves one row of figures, so that a run ends with the table of what was done and what it cost; a
row is printed also when its test fails.

All of them take long. A quick run (`--quick`) is a sample: the tests whose ids hash to this weekday, however long those
take, begun at another one each week, and no more of them once its time is over; the rest is shown as skipped. Only
`make faults` runs every test.
"""

import datetime
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

_ROW = "fault-row"
_DAYS = 7
_QUICK_S = 200.0
"""seconds after which a quick run begins no more tests; the last one is not cut short"""


_BEGAN = pytest.StashKey[float]()


class Row(msgspec.Struct, kw_only=True):
    """What one fault came to. `recovery` is in seconds, the longest that was seen; None where nothing recovers."""

    fault: str
    injected: str = ""
    runs: int = 0
    lost: int = 0
    duplicated: int = 0
    recovery: float | None = None
    note: str = ""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--quick`."""
    parser.addoption("--quick", action="store_true", help="only the faults of this weekday (UTC)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves a quick run the tests of its day."""
    if not config.getoption("--quick"):
        return
    _, week, today = datetime.datetime.now(datetime.UTC).isocalendar()
    config.hook.pytest_deselected(items=[item for item in items if day(item.nodeid) != today])
    chosen = [item for item in items if day(item.nodeid) == today]
    first = week % len(chosen) if chosen else 0
    items[:] = chosen[first:] + chosen[:first]


def day(test: str) -> int:
    """On which day of the week, from 1 (Monday) to 7, a quick run has the test of this id."""
    return zlib.crc32(test.encode()) % _DAYS + 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what a quick run has no time for."""
    began = item.session.stash.setdefault(_BEGAN, time.monotonic())
    if item.config.getoption("--quick") and time.monotonic() - began > _QUICK_S:
        pytest.skip("the time of the quick run is over: `make faults` runs it")


@pytest.fixture
def row(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[Row]:
    """The figures of this test; fill in what it found."""
    result = Row(fault=request.node.name.removeprefix("test_").replace("_", " "))
    yield result
    record_property(_ROW, msgspec.to_builtins(result))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the table, whichever process ran the tests."""
    rows = [
        msgspec.convert(value, Row)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, value in report.user_properties
        if name == _ROW
    ]
    if not rows:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(f"{'FAULT':48} {'RUNS':>6} {'LOST':>5} {'TWICE':>5} {'RECOVERY':>9}  INJECTED")
    for one in sorted(rows, key=lambda each: each.fault):
        recovery = "" if one.recovery is None else f"{one.recovery:.2f} s"
        line = f"{one.fault:48} {one.runs:6} {one.lost:5} {one.duplicated:5} {recovery:>9}  {one.injected}"
        terminalreporter.write_line(f"{line}; {one.note}" if one.note else line)
