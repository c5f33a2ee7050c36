"""The log of a process: one line per event, whatever untrusted text it contains."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.telemetry import logging as mwlogging
from meshwright.core.telemetry import tracing

texts = st.text(max_size=30) | st.sampled_from(
    ["a\nb", "\r\n12:00:00.000 ERROR   x: forged", "\x1b[2J", "\u2028", "\x85", "%s"]
)
HEADER = f"00-{'1' * 32}-{'2' * 16}-01"


def record(message: str, **extra: Any) -> logging.LogRecord:
    """A record as a log call makes it."""
    made = logging.LogRecord("meshwright.x", logging.WARNING, "x.py", 1, message, (), None)
    vars(made).update(extra)
    return made


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@given(texts, texts)
def test_an_event_is_one_line_whatever_stands_in_it(message: str, value: str) -> None:
    """For people: with nothing in it that ends a line or moves a cursor. For collectors: JSON that says the same."""
    said = record(message, stream=value)
    text = mwlogging._Text().format(said)
    assert text.splitlines() == [text]
    assert "\x1b" not in text
    assert " WARNING meshwright.x: " in text
    line = mwlogging._Json().format(said)
    assert line.splitlines() == [line]
    result = json.loads(line)
    assert (result["message"], result["stream"], result["level"]) == (message, value, "warning")


def test_an_event_names_its_trace() -> None:
    """What is said while a message is worked on can be found by the message's trace; elsewhere there is none."""
    with tracing.continued(HEADER):
        assert json.loads(mwlogging._Json().format(record("x")))["trace_id"] == "1" * 32
        assert f" trace_id={'1' * 32}" in mwlogging._Text().format(record("x"))
    assert "trace_id" not in mwlogging._Text().format(record("x"))


def test_an_exception_is_reported_in_full() -> None:
    """Its traceback follows the line, or is in the document; what is not JSON is logged as text."""
    said = record("it failed", thing=object())
    try:
        raise ValueError("the reason")
    except ValueError:
        said.exc_info = sys.exc_info()
    text = mwlogging._Text().format(said)
    assert text.splitlines()[0].endswith("it failed thing=" + str(vars(said)["thing"]))
    assert text.splitlines()[-1] == "ValueError: the reason"
    result = json.loads(mwlogging._Json().format(said))
    assert "the reason" in result["exception"]
    assert result["thing"].startswith("<object")


@pytest.mark.parametrize(("level", "form"), [("info", "text"), ("WARNING", "json")])
def test_setting_it_up_twice_says_everything_once(capsys: pytest.CaptureFixture[str], level: str, form: str) -> None:
    """To stderr, at the chosen level, in the chosen form; the clients' own chatter is left out."""
    for _ in range(2):
        mwlogging.configure(level, form)
    logging.getLogger("meshwright.x").warning("heard")
    logging.getLogger("meshwright.x").debug("not heard")
    logging.getLogger("httpx").info("not heard")
    logging.getLogger("nats.aio.client").error("not heard")
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert "heard" in line
    assert line.startswith("{") == (form == "json")


def test_without_a_word_from_the_environment_no_exporter_is_even_imported() -> None:
    """A process that exports nothing does not pay for what would export, and goes on as if nothing were there."""
    code = """
import sys
from meshwright.core.telemetry import exporting, tracing
from meshwright.core.telemetry.metrics import Registry
with exporting.exporting("x", "1", Registry()):
    assert not tracing.is_exporting()
    with tracing.span("work"):
        assert tracing.traceparent()
assert not [name for name in sys.modules if name.startswith("opentelemetry.exporter")], sys.modules
"""
    environment = {"PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
