"""What is written: exact data for programs, and for people tables that neither cut, wrap, colour nor obey the data."""

import datetime
import io
import json
import re
from typing import Any

import pytest
import typer
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.text import Text

from meshwright.core.security import yaml_documents
from meshwright.ui_api.cli import choices
from meshwright.ui_api.cli.client import documents
from meshwright.ui_api.cli.exits import CommandFailed
from meshwright.ui_api.cli.render import history, output, views
from meshwright.ui_api.cli.render.formats import Format
from meshwright.ui_api.cli.render.output import Output

calm = settings(deadline=None)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=12)
looks_like_more = st.sampled_from(
    ["08", "1e3", "-.5", "1.5e3", "12e5", "0o17", "1_000", "no", "~", "null", "2026-01-01", "1:30", "=", "<<", "%", "@"]
) | st.sampled_from(
    ["", " ", "'", '"', "|", "!x", "*a", "&a", "`", "a: b", "- a", "# a", "\ta\n", "a \n b", "\n a", "a\u2028\nb"]
)
keys = texts | looks_like_more
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | keys
    | st.lists(keys, max_size=3).map("\n".join),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


class Tty(io.StringIO):
    """A terminal, as far as libraries can detect."""

    def isatty(self) -> bool:
        """Of course."""
        return True


def shown(stream: io.StringIO, what: Any, **settings: Any) -> str:
    """What a console writes to this stream."""
    output.console(stream).print(what, **settings)
    return stream.getvalue()


@calm
@given(plain)
def test_yaml_that_is_shown_can_be_sent_again(value: Any) -> None:
    """What `-o yaml` and `designs show` print means the same to the API's reader and to any other: nothing that is text
    becomes a number on its way back.
    """
    written = output.as_yaml(value)
    assert yaml_documents.load(written.encode()) == value
    assert yaml.safe_load(written) == value


@calm
@given(plain)
def test_data_is_exact_in_every_format(value: Any) -> None:
    """JSON, lines of JSON and documents of YAML hold the value that the API gave, and a line is one line."""
    with pytest.MonkeyPatch.context() as patch:
        for form, whole in ((Format.JSON, True), (Format.JSON, False), (Format.YAML, True), (Format.YAML, False)):
            stream = io.StringIO()
            patch.setattr("sys.stdout", stream)
            writer = Output(form)
            (writer.data if whole else writer.line)(value)
            text = stream.getvalue()
            if form is Format.YAML:
                assert yaml.safe_load(text) == value
            else:
                assert json.loads(text) == value
                assert whole or text.count("\n") == 1


@pytest.mark.parametrize("number", ["1e999", "-1e400", str(2**63), str(-(2**63) - 1), "9" * 400])
def test_a_number_that_cannot_be_sent_is_refused_in_its_place(number: str) -> None:
    """A number beyond what JSON or the database holds is not silently sent as something else."""
    with pytest.raises(yaml_documents.InvalidYaml, match=r"line 2, column 4"):
        yaml_documents.load(b"a: 1\nb: " + number.encode())


@calm
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_text_can_repaint_the_terminal(text: str) -> None:
    """Whatever stands in a reason, a name or an event: none of its control characters reach a terminal or a pipe."""
    row = output.table(("a",), [(text,)])
    event = {"id": 1, "type": "x.y.v1", "time": "2026-01-01T00:00:00Z", "origin": text, "entity": "e", "entity_id": "i"}
    for what in (row, Text(text), text, history.event({**event, "data": {"message": text}})):
        seen = shown(io.StringIO(), what)
        assert not [one for one in seen if one != "\n" and (ord(one) < 0x20 or 0x7F <= ord(one) < 0xA0)], repr(seen)


def test_the_colours_of_a_terminal_are_its_own() -> None:
    """On a terminal marks are coloured, unless NO_COLOR asks for none; escapes in the data stay harmless."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        patch.delenv("NO_COLOR", raising=False)
        state = Text.assemble(views.state("failed"), " \x1b[2J")
        coloured = shown(Tty(), state)
        assert "\x1b[31m✗ failed" in coloured
        assert "\x1b[2J" not in coloured
        patch.setenv("NO_COLOR", "1")
        assert "\x1b[31m" not in shown(Tty(), state)
        patch.delenv("NO_COLOR")
        assert "\x1b" not in shown(io.StringIO(), state)


@calm
@given(st.lists(st.lists(st.text("ab c[]:/", max_size=3000), min_size=3, max_size=3), min_size=1, max_size=4))
@example([["x" * 2000, "y" * 2000, "z"]])
def test_a_pipe_gets_one_line_for_each_row(rows: list[list[str]]) -> None:
    """In a pipe nothing is wrapped, truncated or read as markup, however long a description is."""
    result = shown(io.StringIO(), output.table(("one", "two", "three"), rows)).splitlines()
    assert len(result) == len(rows) + 1
    for line, row in zip(result[1:], rows, strict=True):
        assert all(cell.strip() in line for cell in row)


def in_terminal(width: int, *grid: Any) -> list[str]:
    """The lines that a terminal of that width shows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        patch.setenv("TERM", "xterm")
        patch.setenv("NO_COLOR", "1")
        return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", shown(Tty(), *grid)).splitlines()]


def test_a_name_is_never_broken() -> None:
    """Longer than the terminal, it is whole on one line; the other columns are left out."""
    name = "".join(chr(ord("a") + number % 26) for number in range(90))
    lines = in_terminal(30, output.table(("name", "state"), [(name, "ok")]))
    assert lines[1] == name


OPERATIONS: list[dict[str, Any]] = [
    {
        "id": f"01JD8X3M5TZ9Q4W7V2K6N0B1C{number}",
        "kind": "design.apply",
        "mesh": "demo",
        "state": "failed",
        "accepted_at": "2026-11-23T21:00:00Z",
        "finished_at": "2026-11-23T21:00:02Z",
        "principal": "admin",
        "done": True,
        "failure": {"what": "cart and nine more proxies rejected the configuration for a reason that is long"},
    }
    for number in range(3)
]


@pytest.mark.parametrize(
    ("width", "shown_columns", "left_out"),
    [
        (40, {"OPERATION", "STATE"}, "what, mesh, took, age, by, note"),
        (80, {"OPERATION", "WHAT", "MESH", "STATE", "TOOK", "AGE"}, "by, note"),
        (160, {"OPERATION", "WHAT", "MESH", "STATE", "TOOK", "AGE", "BY", "NOTE"}, ""),
    ],
)
def test_columns_are_left_out_where_there_is_no_room(width: int, shown_columns: set[str], left_out: str) -> None:
    """The id and the state stay longest, nothing is wider than the terminal, and what is missing is named."""
    lines = in_terminal(width, history.operations(OPERATIONS))
    assert set(lines[0].split()) == shown_columns
    assert [line for line in lines if line.startswith(OPERATIONS[0]["id"])]
    rows = [line for line in lines if "(not shown" not in line]
    assert max(map(len, rows)) <= width
    assert (f"(not shown for lack of room: {left_out}; -o wide shows all)" in " ".join(lines)) == bool(left_out)


def test_numbers_are_aligned_by_their_ends() -> None:
    """In a terminal and in a pipe."""
    grid = output.table(("name", "number"), [("a", 1), ("b", 12345)], right=("number",))
    for lines in (in_terminal(80, grid), shown(io.StringIO(), grid).splitlines()):
        assert [line.rstrip() for line in lines] == ["NAME   NUMBER", "a           1", "b       12345"]


def test_prose_is_wrapped_before_columns_are_left_out() -> None:
    """A message takes several lines; a name beside it takes one."""
    rows = [("reviews-v1-7b8c9d", "no healthy upstream was seen for the last ten minutes on any of its ports")]
    lines = in_terminal(60, output.table(("name", "message"), rows))
    assert lines[0].split() == ["NAME", "MESSAGE"]
    assert lines[1].startswith("reviews-v1-7b8c9d   no healthy")
    assert len(lines) == 3


@given(st.floats(0, 10**7))
def test_a_span_is_read_back_as_what_it_was(seconds: float) -> None:
    """12 ms, 3.4 s, 2 min 5 s: within what is shown, the duration is the one that was measured."""
    number, unit, *rest = output.span(seconds).split()
    told = float(number) * {"ms": 0.001, "s": 1, "min": 60}[unit] + (float(rest[0]) if rest else 0)
    assert told == pytest.approx(seconds, abs={"ms": 0.0006, "s": 0.06, "min": 1}[unit])


@given(st.integers(0, 10**9))
def test_an_age_never_says_more_than_passed(seconds: int) -> None:
    """8s, 5m, 3h, 12d: rounded down, in a unit of which there are at least two."""
    now = output.moment("2026-01-01T00:00:00Z")
    assert now is not None
    past = now.timestamp() - seconds
    text = output.age(datetime.datetime.fromtimestamp(past, datetime.UTC).isoformat(), now)
    size = {"s": 1, "m": 60, "h": 3600, "d": 86_400}[text[-1]]
    told = int(text[:-1])
    assert told * size <= seconds < (told + 1) * size
    assert told >= 2 or size == 1


digits = st.integers(0, 9)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.dictionaries(st.sampled_from("x/y~"), digits), max_size=2)))
def test_a_pointer_leads_to_its_line(value: dict[str, list[dict[str, int]]]) -> None:
    """Each JSON pointer into a file is shown with its line."""
    raw = yaml.safe_dump(value, default_flow_style=False, sort_keys=False)
    document = documents.Document(name="f", raw=raw.encode(), content=value)
    lines = raw.splitlines()
    for key, items in value.items():
        for index, item in enumerate(items):
            for name, number in item.items():
                escaped = name.replace("~", "~0").replace("/", "~1")
                line = int(document.place(f"#/{key}/{index}/{escaped}").removeprefix("f:"))
                assert yaml.safe_load(lines[line - 1].lstrip("- ")) == {name: number}
    assert document.place("#/nowhere/0") == "f:1"


@given(st.text(max_size=8) | st.sampled_from(["90", "1.5", "90s", "5m", "250ms", "²", "1e3", "-1", "nan", "inf"]))
def test_a_duration_is_seconds_or_a_mistake(text: str) -> None:
    """A number is seconds, a number with a unit is what it says; anything else is a mistake of usage, never a crash."""
    try:
        result = choices.duration(text)
    except typer.BadParameter:
        return
    assert result >= 0
    assert text[0].isdigit() or text[0] == "."


strange = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["kind", "step", "failure", "what", "mesh", "state", "principal"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@calm
@given(strange)
def test_an_event_is_one_line_whatever_was_published(data: Any) -> None:
    """Another program's payload neither breaks the tail nor takes more than its line."""
    result = {"id": 1, "type": "com.example.odd", "time": "2026-01-01T00:00:00Z", "origin": "x", "entity": "thing"}
    text = history.event({**result, "entity_id": "a", "data": data})
    assert len(text.plain.splitlines()) == 1
    assert "com.example.odd" in text.plain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "is not a design"),
        ("id: 5", "is not a design"),
        ("id: a\nb: 1e999", "must be finite"),
        ("a: *x", "alias"),
    ],
)
def test_a_design_that_cannot_be_right_is_reported_before_it_is_sent(tmp_path: Any, text: str, words: str) -> None:
    """A file that is no design is a mistake of the command line, with its place."""
    file = tmp_path / "d.yaml"
    file.write_text(text)
    with pytest.raises(CommandFailed) as caught:
        documents.load_design(str(file))
    assert words in " ".join((caught.value.what, *caught.value.notes))
    with pytest.raises(CommandFailed, match="cannot be read"):
        documents.load(str(tmp_path))
