"""Following across reconnects: no event is missed or shown twice, and every end has its code."""

import itertools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshwright.ui_api.cli.client import following, sse
from meshwright.ui_api.cli.client.sse import Frame

Server = Any
Terminal = Any
AT = "2026-11-25T12:00:00Z"
HELLO = "id: {}\nretry: 1000\n: meshwright\n\n"
RUNNING = {"id": "OP", "kind": "design.apply", "mesh": "m1", "state": "running", "done": False, "last_seq": 10}
ENDED = {**RUNNING, "state": "succeeded", "done": True, "last_seq": 20, "accepted_at": AT, "finished_at": AT}
FAILURE = {"code": "X1", "what": "it broke", "cause": "a cause", "remedy": "a remedy"}


def event(id: int, name: str = "operation.progressed", data: Any = None) -> str:
    """An event as the API frames it."""
    result = {"id": id, "type": f"dev.meshwright.{name}.v1", "time": AT, "origin": "trial", "entity": "operation"}
    result |= {"entity_id": "OP", "data": data or {"message": f"m{id}"}}
    return f"id: {id}\ndata: {json.dumps(result, ensure_ascii=False)}\n\n"


def sent(*frames: str, before: float = 0.0, cut: bool = True) -> Any:
    """A connection that sends these frames, the last one after a while, and then ends or is cut off."""

    def answer(handler: Any) -> None:
        handler.stream(*frames[:-1])
        time.sleep(before)
        handler.stream(*frames[-1:])
        if not cut:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def silent(seconds: float, *frames: str) -> Any:
    """A connection that sends these frames and then says nothing for so long."""

    def answer(handler: Any) -> None:
        handler.stream(*frames)
        time.sleep(seconds)

    return answer


def resumed(server: Server) -> list[str]:
    """Behind which event each connection of the stream began."""
    return [call.headers.get("last-event-id", "") for call in server.calls if call.path == "/v1/events"]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses shorter than people need."""
    monkeypatch.setattr(following, "_PAUSE", 0.01)
    monkeypatch.setattr(following, "_PATIENCE", 0.4)


def test_a_tail_that_heard_nothing_yet_goes_on_where_it_began(server: Server, terminal: Terminal) -> None:
    """What happens while a connection is down is not lost, even if it broke before the first event."""
    server.on("GET /v1/events", sent(HELLO.format(7)), sent(HELLO.format(7), event(8)))
    told = terminal.run("events", "tail", "-n", "1", "-o", "json")
    assert [json.loads(line)["id"] for line in told.stdout.splitlines()] == [8]
    assert resumed(server) == ["", "7"]


def test_half_an_event_is_read_again_whole(server: Server, terminal: Terminal) -> None:
    """A connection that is cut inside a frame neither shows the half nor skips the event."""
    half = event(9)[:30]
    server.on("GET /v1/events", sent(event(8), half), sent(event(9), event(10)))
    told = terminal.run("events", "tail", "-n", "3", "-o", "json")
    assert [json.loads(line)["id"] for line in told.stdout.splitlines()] == [8, 9, 10]
    assert resumed(server) == ["", "8"]
    assert told.stderr.splitlines()[-1].endswith("--since 10")


def test_what_unicode_takes_for_a_line_is_data(server: Server, terminal: Terminal) -> None:
    """An event whose text has U+2028, U+0085 or a form feed is read whole, by people on one line."""
    text = "a\u2028b\u0085c\u2029d\x0ce\nf"
    server.on("GET /v1/events", sent(event(8, data={"message": text})))
    told = json.loads(terminal.run("events", "tail", "-n", "1", "-o", "json").stdout)
    assert told["data"]["message"] == text
    assert len(terminal.run("events", "tail", "-n", "1").stdout.splitlines()) == 1


def test_a_reset_is_reported_and_followed(server: Server, terminal: Terminal) -> None:
    """Left-out events are said on stderr, even with --quiet, and the next connection begins behind them."""
    reset = 'id: 50\nevent: reset\ndata: {"reason":"slow","id":50}\n\n'
    server.on("GET /v1/events", sent(event(8), reset), sent(event(51)))
    told = terminal.run("events", "tail", "-n", "2", "-q")
    assert "warning: events were skipped (slow); continuing after 50" in told.stderr
    assert resumed(server) == ["", "50"]


@pytest.mark.parametrize(("slug", "code"), [("unauthenticated", 3), ("forbidden", 3), ("too-many-requests", 3)])
def test_a_stream_that_is_refused_is_not_tried_for_ever(
    server: Server, terminal: Terminal, slug: str, code: int
) -> None:
    """A refusal ends the tail at once; so does a token that is revoked while it runs."""
    server.on("GET /v1/events", sent(event(8), cut=False), server.problem(slug))
    told = terminal.run("events", "tail", expect=code)
    assert len(resumed(server)) == 2
    assert "--since 8" in told.stderr


def test_an_outage_of_the_server_is_waited_out_and_then_reported(server: Server, terminal: Terminal) -> None:
    """Refusals for now are tried again; an API that stays away ends the tail with 6 and the place to go on."""
    away = server.problem("bus-unavailable")
    server.on("GET /v1/events", sent(event(8)), away, away, sent(event(9)), away)
    told = terminal.run("events", "tail", expect=6)
    assert [line.split()[0] for line in told.stdout.splitlines()] == ["8", "9"]
    assert "--since 9" in told.stderr


def test_a_long_following_survives_a_broken_connection(server: Server, terminal: Terminal) -> None:
    """A stream that was open for longer than the patience for an absent server, and breaks, is opened again."""
    end = event(20, "operation.succeeded", {"result": None})
    server.on("GET /v1/operations/OP", RUNNING, RUNNING, ENDED)
    server.on("GET /v1/events", sent(HELLO.format(10), event(11), before=0.6), sent(end))
    told = terminal.run("operations", "watch", "OP", "-o", "json")
    assert json.loads(told.stdout)["state"] == "succeeded"
    assert resumed(server) == ["10", "11"]


@pytest.mark.parametrize("after", [RUNNING, "store-unavailable", "not-yet-visible", "internal"])
def test_an_end_that_an_event_has_reported_is_the_end(server: Server, terminal: Terminal, after: Any) -> None:
    """Whatever the API says of the operation afterwards, or does not: it has succeeded, and its result is shown."""
    server.on("GET /v1/operations/OP", RUNNING, RUNNING, server.problem(after) if isinstance(after, str) else after)
    end = event(20, "operation.succeeded", {"result": {"revision": 3}})
    server.on("GET /v1/events", sent(HELLO.format(10), end))
    told = json.loads(terminal.run("operations", "watch", "OP", "--timeout", "20s", "-o", "json").stdout)
    assert (told["state"], told["done"], told["finished_at"], told["result"]) == (
        "succeeded",
        True,
        AT,
        {"revision": 3},
    )


def test_an_end_without_success_is_reported_by_its_event_alone(server: Server, terminal: Terminal) -> None:
    """The failure is the event's when the operation cannot be read any more."""
    server.on("GET /v1/operations/OP", RUNNING, RUNNING, server.problem("store-unavailable"))
    server.on("GET /v1/events", sent(HELLO.format(10), event(20, "operation.failed", {"failure": FAILURE})))
    told = terminal.run("operations", "watch", "OP", expect=5)
    assert "it broke (X1)" in told.stderr


def test_without_a_free_stream_the_operation_is_looked_at(
    server: Server, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gets no event stream, because too many are open, learns the end all the same."""
    monkeypatch.setattr(following, "_LOOK", 0.01)
    server.on("GET /v1/operations/OP", RUNNING, RUNNING, RUNNING, ENDED)
    server.on("GET /v1/events", server.problem("too-many-requests"))
    assert "succeeded" in terminal.run("operations", "watch", "OP").stderr


def test_a_time_limit_holds_although_the_server_is_silent(server: Server, terminal: Terminal) -> None:
    """`--timeout` ends the following in time also when the last event came shortly before it."""
    server.on("GET /v1/operations/OP", RUNNING)
    late = sent(HELLO.format(10), ": ping\n\n", before=1.0)

    def answer(handler: Any) -> None:
        late(handler)
        time.sleep(8)

    server.on("GET /v1/events", answer, silent(8, HELLO.format(10)))
    began = time.monotonic()
    told = terminal.run("operations", "watch", "OP", "--timeout", "1.4s", expect=7)
    assert time.monotonic() - began < 5
    assert "meshwright operations watch OP" in told.stderr
    assert told.stdout == ""


def test_a_time_limit_holds_although_the_server_hangs(server: Server, terminal: Terminal) -> None:
    """`--timeout` ends the following also while a request for the operation gets no answer at all."""
    server.on("GET /v1/operations/OP", RUNNING, lambda _: time.sleep(15))
    began = time.monotonic()
    terminal.run("operations", "watch", "OP", "--timeout", "300ms", expect=7)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("state", ["failed", "cancelled", "timed_out", "dead_lettered"])
@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_an_end_without_success_is_exit_code_5(server: Server, terminal: Terminal, state: str, form: str) -> None:
    """The end, its cause and its remedy are shown; a program finds the operation on stdout."""
    result = {**ENDED, "state": state, "failure": FAILURE}
    server.on("DELETE /v1/meshes/m1", server.json(RUNNING, 202, meshwright_seq="5"))
    server.on("GET /v1/operations/OP", result)
    told = terminal.run("meshes", "uninstall", "m1", "--yes", "-o", form, expect=5)
    assert server.calls[1].path == "/v1/operations/OP"
    assert "it broke (X1)" in told.stderr
    assert "cause: a cause" in told.stderr
    assert "remedy: a remedy" in told.stderr
    if form == "json":
        assert json.loads(told.stdout) == result
    elif form == "table":
        assert told.stdout == ""


def test_programs_get_one_document_on_stdout_and_all_talk_beside(server: Server, terminal: Terminal) -> None:
    """With -o json stdout parses whole, whatever messages there are; with -q there are none."""
    step = {"name": "push", "state": "completed", "attempt": 1, "started_at": AT, "finished_at": AT}
    server.on("DELETE /v1/meshes/m1", server.json(RUNNING, 202))
    server.on("GET /v1/operations/OP", {**ENDED, "steps": [step]})
    told = terminal.run("meshes", "uninstall", "m1", "--yes", "-o", "json")
    assert json.loads(told.stdout)["state"] == "succeeded"
    assert "✓ push" in told.stderr
    assert terminal.run("meshes", "uninstall", "m1", "--yes", "-q").stderr == ""


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_several_operations_are_several_documents(server: Server, terminal: Terminal, form: str) -> None:
    """Withdrawing two workloads gives a line of JSON, or a document of YAML, for each."""
    known = [{"id": f"m1~~process~{name}", "mesh": "m1", "name": name} for name in ("a", "b")]
    server.on("GET /v1/workloads", *map(server.page, known))
    for name in ("a", "b"):
        server.on(f"DELETE /v1/workloads/m1~~process~{name}", server.json({**RUNNING, "id": name}, 202))
    told = terminal.run("workloads", "withdraw", "a", "b", "-m", "m1", "--yes", "--no-wait", "-o", form).stdout
    result = map(json.loads, told.splitlines()) if form == "json" else yaml.safe_load_all(told)
    assert [one["id"] for one in result] == ["a", "b"]


def test_ctrl_c_ends_what_waits_for_a_server(server: Server, terminal: Terminal) -> None:
    """A command that is interrupted while it waits ends with 130 and says nothing more."""
    process: list[subprocess.Popen[str]] = []

    def interrupt(handler: Any) -> None:
        process[0].send_signal(signal.SIGINT)
        process[0].wait(10)

    server.on("GET /v1/meshes", interrupt)
    command = [str(Path(sys.executable).with_name("meshwright")), "meshes", "list"]
    environment = {name: value for name, value in terminal.environment.items() if value is not None}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as started:
        process.append(started)
        out, err = started.communicate(timeout=20)
    assert (started.returncode, out, err) == (130, "", "")


frames = st.lists(
    st.tuples(
        st.integers(0, 99), st.sampled_from(["message", "reset"]), st.text(st.characters(exclude_characters="\r\n"))
    ),
    max_size=4,
)


@given(frames, st.sampled_from(["\n", "\r", "\r\n"]), st.lists(st.integers(0, 400), max_size=8))
def test_a_stream_is_read_the_same_however_it_is_cut(
    told: list[tuple[int, str, str]], end: str, cuts: list[int]
) -> None:
    """The pieces in which bytes arrive, and which of the three line ends is used, change nothing."""
    text = "".join(f"id: {seq}{end}event: {kind}{end}data: {data}{end}{end}" for seq, kind, data in told)
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    chunks = [text[left:right] for left, right in itertools.pairwise(places)]
    result = list(sse.frames(sse.lines(chunks)))
    assert result == [Frame(kind=kind, id=str(seq), data=data) for seq, kind, data in told]
