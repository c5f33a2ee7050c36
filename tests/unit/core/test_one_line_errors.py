"""A process whose NATS went away says so in one line."""

import pytest

from meshwright.core.bus import BusUnavailable
from meshwright.workers import running


def test_what_the_bus_did_is_one_line() -> None:
    """However many tasks it ended, and however deep they are nested."""
    away = BusUnavailable("NATS is away")
    with pytest.raises(SystemExit, match=r"^meshwright-x: NATS is away$"), running.one_line_errors("meshwright-x"):
        raise ExceptionGroup("a", [away, ExceptionGroup("b", [away])])


def test_a_defect_is_not_hidden() -> None:
    """Anything else among them keeps its traceback."""
    with pytest.raises(ExceptionGroup), running.one_line_errors("meshwright-x"):
        raise ExceptionGroup("a", [BusUnavailable("away"), ValueError("a defect")])
