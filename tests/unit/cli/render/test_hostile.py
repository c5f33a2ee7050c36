"""Every command, against a server in which every text is hostile: no terminal executes, hides or reorders anything.

Invariant: commands come from the command line itself and responses from the routes' own types, so a new one is
included.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import typer
import typer.core
import yaml
from msgspec import inspect
from typer.testing import CliRunner

from meshwright.core.telemetry import sanitizing
from meshwright.schemas.errors import Problem
from meshwright.ui_api.cli import program
from meshwright.ui_api.cli.commands import webhooks
from meshwright.ui_api.reading.views import Listing
from meshwright.ui_api.routes import ALL

Server = Any
Terminal = Any
APP = program.build()
COMMAND = typer.main.get_command(APP)
HOSTILE = (
    "\x1b]0;owned\x07\x1b]8;;http://evil\x07\x1b[2J[red]red[/red] [link=http://evil]click[/link] :skull: "
    "\u202eabc\u2066def\u2069\u200e\u200f\u061c\x85\x9b31m\u200b\u2060\ufeff\u2028\u2029\U000e0041\u00ad {end}"
)
AT = "2026-01-01T00:00:00Z"
LEFT_OUT = {"context", "adapter", "exit-codes", "version"}
"""of this machine alone: they show nothing that a server says"""
ROUTES = [(one, re.compile(re.sub(r"\{[a-z]+\}", "[^/]+", one.path) + r"\Z")) for one in ALL]


def filled(kind: inspect.Type, depth: int = 0) -> Any:
    """A value of a type in which every text is hostile; what is many is one, and nothing where it gets deep."""
    match kind:
        case inspect.ListType():
            return [filled(kind.item_type, depth + 1)] if depth < 6 else []
        case inspect.DictType():
            return {HOSTILE: filled(kind.value_type, depth + 1)} if depth < 6 else {}
        case inspect.UnionType():
            return filled(next(one for one in kind.types if not isinstance(one, inspect.NoneType)), depth)
        case inspect.StructType():
            tag = {kind.tag_field: kind.tag} if kind.tag_field else {}
            parts = {field.encode_name: filled(field.type, depth + 1) for field in kind.fields}
            return tag | parts | ({"time": AT} if "time" in parts else {})
        case inspect.Metadata():
            return filled(kind.type, depth)
    return scalar(kind)


def scalar(kind: inspect.Type) -> Any:
    """A value that has no parts."""
    match kind:
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.DateTimeType():
            return AT
        case inspect.BoolType():
            return True
        case inspect.IntType() | inspect.FloatType():
            return int(max(kind.ge or 0, 1))
    return HOSTILE


def answer(handler: Any) -> None:
    """What the route at that path answers, as JSON or as a stream of one event."""
    call = handler.script.calls[-1]
    if "event-stream" in call.headers.get("accept", ""):
        event = {"id": 7, "type": HOSTILE, "time": AT, "origin": HOSTILE, "entity": HOSTILE, "entity_id": HOSTILE}
        handler.stream("id: 6\n\n", f"id: 7\ndata: {json.dumps({**event, 'data': {'message': HOSTILE}})}\n\n")
        return
    path = call.target.partition("?")[0]
    match = next((route for route, pattern in ROUTES if route.method == call.method and pattern.match(path)), None)
    if call.path == "/readyz":
        body: Any = {"ready": False, "bus": {"ok": False, "detail": HOSTILE}, "full": [HOSTILE], "behind": 1}
    elif match is None or match.answer is None:
        body = {}
    elif isinstance(match.answer, Listing):
        body = {"items": [filled(inspect.type_info(match.answer.of))], "next_page_token": ""}
    else:
        body = filled(inspect.type_info(match.answer))
        if match.operation_id == "validateDesign":
            body |= {"valid": False}
        if isinstance(body, dict) and "deadline" in body:  # an operation
            body |= {"done": True, "state": "failed", "last_seq": 7}
    content = msgspec.json.encode(body)
    status = match.status if match else 200
    handler.wfile.write(b'HTTP/1.1 %d OK\r\ncontent-type: application/json\r\netag: "7"\r\n' % status)
    handler.wfile.write(b"content-length: %d\r\n\r\n%b" % (len(content), content))


def commands(command: Any = COMMAND, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its names."""
    if isinstance(command, typer.core.TyperGroup):
        for name, inner in command.commands.items():
            if name not in LEFT_OUT:
                yield from commands(inner, (*names, name))
    else:
        yield names, command


def arguments(command: Any, terminal: Terminal) -> list[str]:
    """What a command needs in order to begin."""
    design = terminal.write("design.yaml", "id: d\nintents: []\n")
    workloads = terminal.write("workloads.yaml", "- {name: a, service: a, port: 1}\n")
    values = {"file": design, "role": "viewer", "url": "https://x.example", "version": "1", "from_event": "1"}
    given: list[str] = []
    for parameter in command.params:
        if parameter.name == "yes":
            given.append("--yes")
        elif parameter.name in ("count", "timeout") or (parameter.name == "from_event"):
            given += [parameter.opts[-1], "1"]
        elif parameter.name == "mesh" and isinstance(parameter, typer.core.TyperOption):
            given += ["--mesh", "m1"]
        elif isinstance(parameter, typer.core.TyperOption) and parameter.required:
            value = workloads if parameter.name == "file" else values.get(parameter.name, "x")
            given += [parameter.opts[0], value]
        elif isinstance(parameter, typer.core.TyperArgument) and (parameter.required or parameter.name == "operation"):
            given.append(values.get(parameter.name, "x"))
    return given


def named(part: Any) -> str:
    """The words of a command, in the name of its test."""
    return "-".join(part) if isinstance(part, tuple) else ""


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
@pytest.mark.parametrize(("names", "command"), list(commands()), ids=named)
def test_nothing_that_a_server_says_is_obeyed(
    server: Server, terminal: Terminal, names: tuple[str, ...], command: Any, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No control, no direction, nothing unseen on stdout or stderr; for programs the data is what the server said."""
    monkeypatch.setattr(webhooks, "_LOOK", 0.01)
    server.on("*", answer)
    told = _run(terminal, [*names, *arguments(command, terminal), "-o", form])
    for text in (told.stdout, told.stderr):
        assert not sanitizing.HIDDEN.search(text), repr(text)
    said = told.stdout + told.stderr
    if "{end}" in told.stdout:
        if form == "table":
            assert "\\u202e" in said and "[red]red[/red]" in said and ":skull:" in said
        elif form == "json":
            lines = [told.stdout] if told.stdout.count("\n") > 2 else told.stdout.splitlines()
            assert any(HOSTILE in _texts(json.loads(line)) for line in lines)
        else:
            assert any(HOSTILE in _texts(one) for one in yaml.safe_load_all(told.stdout))


def _run(terminal: Terminal, given: list[str]) -> Any:
    result = CliRunner().invoke(APP, given, env=terminal.environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError(f"{given} showed a traceback") from result.exception
    return result


def _texts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *(text for one in value.values() for text in _texts(one))]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_a_refusal_is_harmless_too(server: Server, terminal: Terminal, form: str) -> None:
    """Title, detail, places, remedy and trace of a problem, and a response of another program."""
    problem = filled(inspect.type_info(Problem)) | {"status": 422}
    content = msgspec.json.encode(problem)
    server.on("*", (422, {"content-type": "application/problem+json"}, content))
    told = terminal.run("meshes", "list", "-o", form, expect=3)
    assert not sanitizing.HIDDEN.search(told.stderr)
    assert "{end}" in told.stderr
    server.on("*", (500, {"content-type": "text/plain"}, HOSTILE.encode()))
    assert not sanitizing.HIDDEN.search(terminal.run("meshes", "list", "-o", form, expect=1).stderr)


def test_what_is_typed_is_repeated_harmlessly(server: Server, terminal: Terminal) -> None:
    """A complaint about the command line, about a file's name or about a context shows what was given, escaped."""
    words = HOSTILE.replace("\x00", "")
    for given in ([words], ["meshes", words], ["--" + words], ["validate", words], ["-o", words, "meshes", "list"]):
        told = terminal.run(*given, expect=2)
        assert not sanitizing.HIDDEN.search(told.stderr), repr(told.stderr)
    told = terminal.run("context", "use", words, expect=2)
    assert not sanitizing.HIDDEN.search(told.stderr)


def test_columns_are_measured_by_what_is_shown(server: Server, terminal: Terminal) -> None:
    """A name with hidden characters does not shift the columns of its row."""
    base = {"kind": "envoy-fleet", "description": "MARK", "labels": {}}
    server.on("GET /v1/connections", server.page({"id": "plain-name", **base}, {"id": "a\u202e\u200b\x1bb", **base}))
    lines = terminal.run("connections", "list").stdout.splitlines()
    assert len({line.index("MARK") for line in lines[1:]}) == 1
    assert len({line.index("envoy-fleet") for line in lines[1:]}) == 1
