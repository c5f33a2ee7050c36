"""Lists: formats, sorting, selecting, watching, and what is said where nothing matches."""

import datetime
import json
import threading
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from meshwright.ui_api.cli import choices, labels, listing, program
from meshwright.ui_api.cli.exits import CommandFailed
from meshwright.ui_api.cli.render import formats

Server = Any
Terminal = Any
SEEN = "2026-11-23T21:00:00Z"


def mesh(name: str, **more: Any) -> dict[str, Any]:
    """A mesh as the API gives it."""
    return {"id": name, "kind": "envoy", "connection": "here", "state": "ready", "observed_at": SEEN, **more}


MESHES = [mesh("b", proxies=2), mesh("a", state="degraded", proxies=10), mesh("c")]


@pytest.fixture
def ready(server: Server, terminal: Terminal) -> Terminal:
    """Three meshes."""
    server.on("GET /v1/meshes", server.page(*MESHES))
    return terminal


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("name", "b\na\nc\n"),
        ("jsonpath={[*].id}", "b a c\n"),
        ("jsonpath={.items[*].id}", "b a c\n"),
        ("jsonpath=$[?(@.state=='degraded')].proxies", "10\n"),
        ('jsonpath={.items[?(@.state=="ready")].id}', "b c\n"),
        ('jsonpath={range .items[*]}{.id}{"\\t"}{.state}{"\\n"}{end}', "b\tready\na\tdegraded\nc\tready\n"),
        ("jsonpath=count: {[0].proxies}!", "count: 2!\n"),
        ("jsonpath={[9].id}", ""),
        ("jsonpath={range [9]}{.id}{end}done", "done\n"),
        ("jsonpath={[0]['id','kind']}", "b envoy\n"),
    ],
)
def test_a_part_of_each_document_is_printed(ready: Terminal, wanted: str, text: str) -> None:
    """Names, and JSONPath in the manner of kubectl."""
    assert ready.run("meshes", "list", "-o", wanted).stdout == text


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("jsonpath={.id", "a brace has no other half"),
        ("jsonpath={.id}}", "a brace has no other half"),
        ("jsonpath={[}", "is not a JSONPath"),
        ("jsonpath={range .items[*]}{.id}", "needs its {end}"),
        ("jsonpath={.id}{end}", "without its {range"),
        ("jsonpath", "is not one of table, wide, json, yaml, name, jsonpath=EXPRESSION"),
        ("jsn", "is not one of table, wide, json, yaml, name"),
    ],
)
def test_a_wrong_format_is_refused(ready: Terminal, wanted: str, words: str) -> None:
    """With exit code 2, and what is wrong with it."""
    shown = ready.run("meshes", "list", "-o", wanted, expect=2).stderr.replace("│", " ")
    assert words in " ".join(shown.split())


@given(st.text(max_size=40))
def test_no_expression_shows_a_traceback(expression: str) -> None:
    """Any text is a JSONPath or refused."""
    try:
        assert isinstance(formats.by_path(expression, [{"id": "a"}]), str)
    except CommandFailed as failure:
        assert failure.remedy


def test_wide_shows_every_column_however_narrow(ready: Terminal) -> None:
    """In a terminal of 40 columns, `wide` leaves nothing out."""
    shown = ready.run("meshes", "list", "-o", "wide", COLUMNS="40").stdout
    assert "CONNECTION" in shown.splitlines()[0]
    assert "SEEN" in shown.splitlines()[0]


@pytest.mark.parametrize(
    ("by", "order"),
    [("id", "abc"), ("-id", "cba"), ("proxies", "bac"), ("-proxies", "abc"), ("state", "abc"), (".kind", "bac")],
)
def test_lists_are_sorted_by_any_field(ready: Terminal, by: str, order: str) -> None:
    """Numbers as numbers; what lacks the field is last in both directions."""
    assert ready.run("meshes", "list", "--sort-by", by, "-o", "name").stdout.split() == list(order)


def test_an_unknown_field_to_sort_by_is_refused(ready: Terminal) -> None:
    """With the one that was meant."""
    assert "Did you mean state?" in ready.run("meshes", "list", "--sort-by", "stat", expect=2).stderr


@given(st.lists(st.dictionaries(st.sampled_from("ab"), st.integers() | st.text() | st.none() | st.lists(st.none()))))
def test_sorting_loses_nothing(items: list[dict[str, Any]]) -> None:
    """Whatever is compared with whatever."""
    if any("a" in each for each in items):
        for field in ("a", "-a"):
            done = listing.ordered(items, field)
            assert sorted(map(id, done)) == sorted(map(id, items))


def test_a_filter_that_matches_nothing_says_what_there_is(server: Server, terminal: Terminal) -> None:
    """The values of that filter, counted; and the output for programs is the empty list."""
    server.on("GET /v1/meshes", server.page(), server.page(*MESHES))
    done = terminal.run("meshes", "list", "--state", "installing", "-o", "json")
    assert json.loads(done.stdout) == []
    assert "nothing matches state installing. There are: state ready (2), degraded (1)" in done.stderr
    server.on("GET /v1/meshes", server.page(), server.page(*MESHES))
    assert terminal.run("meshes", "list", "--state", "installing").stdout == ""
    server.on("GET /v1/meshes", server.page())
    done = terminal.run("meshes", "list", "--state", "ready")
    assert "nothing matches" not in done.stderr
    assert "No meshes. Install one" in done.stdout


def test_connections_are_selected_by_label(server: Server, terminal: Terminal) -> None:
    """As kubectl selects; where nothing is selected, the labels are named."""
    here = {"id": "here", "kind": "envoy-fleet", "labels": {"env": "prod", "tier": "a"}}
    server.on("GET /v1/connections", server.page(here, {"id": "there", "kind": "kubernetes", "labels": {}}))
    assert terminal.run("connections", "list", "-l", "env=prod", "-o", "name").stdout == "here\n"
    assert terminal.run("connections", "list", "-l", "!env", "-o", "name").stdout == "there\n"
    assert "There are: labels env=prod (1), tier=a (1)" in terminal.run("connections", "list", "-l", "env=x").stderr
    assert "is not a label selector" in terminal.run("connections", "list", "-l", "a in b", expect=2).stderr


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True), ("a", True), ("!a", False), ("b", False), ("!b", True), ("a=1", True), ("a==1", True),
        ("a=2", False), ("a!=2", True), ("b!=2", True), ("a in (1,2)", True), ("a notin (1)", False),
        ("b notin (1)", True), ("a=1,x/y=z", True), ("a=1,b", False),
    ],
)  # fmt: skip
def test_selectors_mean_what_they_mean_to_kubectl(text: str, selected: bool) -> None:
    """Equality, sets and existence."""
    assert labels.selector(text)({"a": "1", "x/y": "z"}) == selected


def test_watching_shows_what_changes_once(server: Server, terminal: Terminal) -> None:
    """First all, then each changed document, then what has gone; for programs one line each."""
    changed = mesh("a", state="ready", proxies=10)
    server.on("GET /v1/meshes", server.page(*MESHES), server.page(MESHES[0], changed), server.problem("forbidden"))
    go_on = threading.Event()

    def events(handler: Any) -> None:
        if handler.headers.get("accept") != "text/event-stream":
            raise AssertionError("the log is asked once")
        data = '{"id": 8, "type": "dev.meshwright.mesh.observed.v1"}'
        handler.stream(f"id: 8\ndata: {data}\n\n")
        go_on.wait(2)
        handler.stream(f"id: 9\ndata: {data.replace('8', '9', 1)}\n\n")
        go_on.wait(60)

    server.on("GET /v1/events", server.page({"id": 7}), events)
    done = terminal.run("meshes", "list", "-w", "-o", "json", expect=3)
    go_on.set()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [*MESHES, changed, {"id": "c", "removed": True}]
    asked = [call for call in server.calls if call.path == "/v1/events"]
    assert asked[1].headers["last-event-id"] == "7"
    assert asked[1].query["entity"] == ["mesh", "workload", "proxy"]
    assert [call.query.get("min_event") for call in server.calls if call.path == "/v1/meshes"][1:] == [["8"], ["9"]]


def test_every_list_can_be_watched_sorted_and_limited() -> None:
    """No list is without the options that all have."""
    whole: Any = typer.main.get_command(program.build())
    lists = [
        (name, group.commands["list"])
        for name, group in whole.commands.items()
        if "list" in getattr(group, "commands", {}) and name != "context"
    ]
    assert len(lists) >= 14
    for name, command in lists:
        names = {each.name for each in command.params}
        assert {"watch", "sort_by", "limit", "output"} <= names, name


@pytest.mark.parametrize("text", ["10m", "90s", "2h", "3d", "1.5d", "60"])
def test_a_relative_time_is_that_long_ago(text: str) -> None:
    """In the API's form, in UTC."""
    seconds = {"10m": 600, "90s": 90, "2h": 7200, "3d": 259_200, "1.5d": 129_600, "60": 60}[text]
    then = datetime.datetime.fromisoformat(choices.moment(text))
    ago = (datetime.datetime.now(datetime.UTC) - then).total_seconds()
    assert seconds <= ago < seconds + 60


@pytest.mark.parametrize("text", ["2026-11-23T21:00:00Z", "2026-11-23T21:00:00+02:00"])
def test_a_time_is_itself(text: str) -> None:
    """One with its zone is not changed."""
    assert datetime.datetime.fromisoformat(choices.moment(text)) == datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize("text", ["soon", "", "-1h", "10 m", "d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """With examples."""
    with pytest.raises(typer.BadParameter, match="write 10m"):
        choices.moment(text)


def test_events_are_searched_and_followed_from_a_relative_time(server: Server, terminal: Terminal) -> None:
    """`--after` and `--since` are one; a stream from a time begins behind the last event before it."""
    server.on("GET /v1/events", server.page({"id": 41}))
    for flag in ("--after", "--since"):
        terminal.run("events", "search", flag, "10m", "-o", "json")
        assert server.calls[-1].query["since"][0].endswith("Z")

    def events(handler: Any) -> None:
        handler.stream('id: 42\ndata: {"id": 42, "type": "x"}\n\n')

    server.on("GET /v1/events", server.page({"id": 41}), events)
    assert terminal.run("events", "tail", "--since", "10m", "-n", "1", "-o", "json").stdout.startswith('{"id":42')
    assert server.calls[-1].headers["last-event-id"] == "41"


def test_operations_are_those_since_a_time(server: Server, terminal: Terminal) -> None:
    """Older ones are left out."""
    now = datetime.datetime.now(datetime.UTC).isoformat()
    server.on("GET /v1/operations", server.page({"id": "NEW", "accepted_at": now}, {"id": "OLD", "accepted_at": SEEN}))
    assert terminal.run("operations", "list", "--since", "1h", "-o", "name").stdout == "NEW\n"
