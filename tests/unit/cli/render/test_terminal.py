"""On a real terminal: questions, colours, the line that moves, and keys; and in a pipe that is closed."""

import codecs
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshwright.ui_api.cli.exits import Exit

Server = Any
Terminal = Any
PROGRAM = str(Path(sys.executable).with_name("meshwright"))
AT = "2026-11-25T12:00:00Z"
RUNNING = {"id": "OP", "kind": "design.apply", "mesh": "m1", "state": "running", "done": False, "last_seq": 10}


class Screen:
    """A program on a terminal of its own."""

    def __init__(self, terminal: Terminal, *arguments: str, **environment: str) -> None:
        known = {name: value for name, value in terminal.environment.items() if value is not None}
        self._ours, theirs = pty.openpty()
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        # The first terminal that a new session opens is its own, so that its Ctrl-C is a signal.
        shell = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(theirs)]
        self.process = subprocess.Popen(
            [*shell, PROGRAM, *arguments],
            env={**known, "PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "120", **environment},
            start_new_session=True,
        )
        self._theirs = theirs

    def until(self, there: Callable[[str], bool]) -> None:
        """Read until the screen shows it, or the program has ended."""
        while not there(self.text) and (self._read(0.05) or self.process.poll() is None):
            pass

    def _read(self, patience: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], patience)
        if ready:
            self.text += self._decoder.decode(os.read(self._ours, 65536))
        return bool(ready)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def end(self, keys: str = "") -> int:
        """The exit code, once it has ended; keys are pressed again when nothing happens for three seconds."""
        pressed = time.monotonic()
        while self.process.poll() is None:
            self._read(0.05)
            if keys and time.monotonic() - pressed > 3:
                self.type(keys)
                pressed = time.monotonic()
        self.until(lambda _: False)
        code = self.process.wait(10)
        os.close(self._ours)
        os.close(self._theirs)
        return code


@pytest.mark.parametrize(("keys", "code", "sent"), [("y\n", 0, 1), ("n\n", 1, 0), ("\x03", 130, 0)])
def test_a_question_is_answered_by_hand(server: Server, terminal: Terminal, keys: str, code: int, sent: int) -> None:
    """Only a yes does it; no and Ctrl-C do not, and say so."""
    server.on("DELETE /v1/tokens/t", (204, {}, b""))
    screen = Screen(terminal, "tokens", "delete", "t")
    screen.until(lambda text: "Revoke token t? [y/N]" in text)
    # Between the question and the reading of its answer Python may overlook a Ctrl-C.
    screen.type(keys)
    assert screen.end(keys if code == 130 else "") == code
    assert len(server.calls) == sent
    assert ("Aborted; nothing was changed" in screen.text) == (code != 0)
    assert "Traceback" not in screen.text


def test_marks_have_colours_unless_none_are_wanted(server: Server, terminal: Terminal) -> None:
    """A table on a terminal is coloured; with NO_COLOR it has the same words without."""
    mesh = {"id": "m1", "kind": "envoy", "state": "ready", "connection": "c", "observed_at": AT}
    server.on("GET /v1/meshes", server.page(mesh))
    screens = [Screen(terminal, "meshes", "list"), Screen(terminal, "meshes", "list", NO_COLOR="1")]
    assert [screen.end() for screen in screens] == [0, 0]
    assert ["\x1b[32m✓ ready" in screen.text for screen in screens] == [True, False]
    assert all("✓ ready" in screen.text for screen in screens)


def test_what_runs_now_is_shown_and_ctrl_c_leaves_it(server: Server, terminal: Terminal) -> None:
    """The moving line names the running step; Ctrl-C takes it away, ends with 130 and says how to come back."""
    step = {"name": "push", "state": "running", "attempt": 1, "started_at": AT}
    server.on("GET /v1/operations/OP", {**RUNNING, "steps": [step], "progress": "3 of 5"})

    def silent(handler: Any) -> None:
        handler.stream("id: 10\n\n")
        time.sleep(5)

    server.on("GET /v1/events", silent)
    screen = Screen(terminal, "operations", "watch", "OP")
    screen.until(lambda text: "push: 3 of 5" in text)
    screen.type("\x03")
    assert screen.end() == 130
    assert "stopped waiting for operation OP, which continues" in screen.text
    assert "\x1b[?25h" in screen.text, "the cursor is back"


def test_a_reader_who_has_seen_enough_ends_the_tail_quietly(server: Server, terminal: Terminal) -> None:
    """`events tail | head -1` ends without a traceback when its pipe is closed."""
    event = f'{{"id":8,"type":"x.v1","time":"{AT}","origin":"o","entity":"e","entity_id":"i","data":{{}}}}'

    def answer(handler: Any) -> None:
        for number in range(200):
            handler.stream(f"id: {number}\ndata: {event}\n\n")

    server.on("GET /v1/events", answer)
    environment = {name: value for name, value in terminal.environment.items() if value is not None}
    pipe = subprocess.PIPE
    with subprocess.Popen([PROGRAM, "events", "tail"], env=environment, stdout=pipe, stderr=pipe, text=True) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        tail.stdout.readline()
        tail.stdout.close()
        told = tail.stderr.read()
        code = tail.wait(10)
    assert "Traceback" not in told
    assert "Exception" not in told
    assert code in (Exit.CLOSED, -signal.SIGPIPE)
