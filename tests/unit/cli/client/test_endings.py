"""How commands end: each kind of failure has its exit code and its words, and nothing ends in a traceback."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from meshwright.schemas.errors import PROBLEM_TYPES
from meshwright.ui_api import cli
from meshwright.ui_api.cli import program
from meshwright.ui_api.cli.client import following
from meshwright.ui_api.cli.exits import MEANINGS, Exit

Server = Any
Terminal = Any
ROOT = Path(__file__).parents[4]
TREE: Any = typer.main.get_command(program.build())
HTML = (200, {"content-type": "text/html"}, b"<html>welcome</html>")


def drop(handler: Any) -> None:
    """Close the connection without a response."""


@pytest.mark.parametrize("slug", PROBLEM_TYPES)
def test_every_refusal_has_its_code_and_its_words(server: Server, terminal: Terminal, slug: str) -> None:
    """People read title, detail, trace and remedy on stderr; programs get the problem document, with the exit code."""
    kind = PROBLEM_TYPES[slug]
    server.on("*", server.problem(slug))
    code = 6 if kind.status in (502, 503, 504) else 1 if kind.status >= 500 else 3
    told = terminal.run("meshes", "show", "m1", expect=code)
    assert told.stdout == ""
    for word in (kind.title, "just so", "trace 0123456789abcdef", kind.explanation):
        assert word in told.stderr
    form, read = ("yaml", yaml.safe_load) if code == 6 else ("json", json.loads)
    result = terminal.run("meshes", "show", "m1", "-o", form, expect=code)
    assert result.stdout == ""
    outcome = read(result.stderr)
    assert outcome.pop("exit_code") == code
    assert outcome == json.loads(server.problem(slug)[2])


def test_places_are_shown_instead_of_a_hint_at_them(server: Server, terminal: Terminal) -> None:
    """Where each invalid field is shown, the hint at `errors` is omitted."""
    errors = [{"detail": "too long", "pointer": "#/description"}]
    server.on("*", server.problem("invalid-document", errors=errors))
    told = terminal.run("connections", "set", "c", "--kind", "consul", expect=3).stderr
    assert "#/description: too long" in told
    assert "`errors`" not in told


STRANGERS: dict[str, tuple[tuple[int, dict[str, str], bytes], int]] = {
    "a page": (HTML, 6),
    "a redirect": ((302, {"location": "https://elsewhere.test/"}, b""), 6),
    "a permanent redirect": ((308, {"location": "https://elsewhere.test/"}, b""), 6),
    "a proxy without a server": ((502, {"content-type": "text/html"}, b"<h1>Bad Gateway</h1>"), 6),
    "another 404": ((404, {"content-type": "text/html"}, b"<h1>Not Found</h1>"), 3),
    "another 429": ((429, {"content-type": "text/plain"}, b"slow down"), 3),
    "another 500": ((500, {}, b""), 1),
    "another idea of a problem": (
        (400, {"content-type": "application/problem+json"}, b'{"title":"Bad","status":"400","errors":{"a":["b"]}}'),
        3,
    ),
    "text that says json": ((200, {"content-type": "text/plain"}, b'{"items": []}'), 6),
}


@pytest.mark.parametrize("what", STRANGERS)
@pytest.mark.parametrize("command", [("meshes", "list"), ("check",), ("events", "tail"), ("designs", "show", "d")])
def test_something_else_at_that_address_is_reported_as_such(
    server: Server, terminal: Terminal, what: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web page, a redirect, a proxy or another API is reported with its status and a remedy, by every command."""
    monkeypatch.setattr(following, "_PATIENCE", 0.0)
    answer, code = STRANGERS[what]
    server.on("*", answer)
    told = terminal.run(*command, expect=1 if command == ("check",) else code)
    text = told.stdout if command == ("check",) else told.stderr
    if code == 6 and answer[0] < 400:
        assert f"the server at {server.url} is not Meshwright" in text
        assert f"HTTP {answer[0]}" in text
        assert answer[1].get("location", "") in text


def test_an_absent_server_is_reported_after_retries(server: Server, terminal: Terminal) -> None:
    """A connection that breaks before the answer is tried three times, then the exit code is 6."""
    server.on("*", drop)
    told = terminal.run("meshes", "list", expect=6).stderr
    assert f"Meshwright does not answer at {server.url}" in told
    assert len(server.calls) == 3


def test_bad_tls_is_reported(server: Server, terminal: Terminal) -> None:
    """An address with faulty TLS is exit code 6 with the library's reason."""
    told = terminal.run("meshes", "list", expect=6, MESHWRIGHT_API_URL=server.url.replace("http:", "https:")).stderr
    assert "SSL" in told


def test_an_operation_is_asked_for_again_with_the_same_key(server: Server, terminal: Terminal) -> None:
    """When the answer got lost the request is repeated as it was, so that it is one operation."""
    accepted = server.json({"id": "OP", "kind": "mesh.uninstall", "mesh": "m1", "state": "accepted"}, 202)
    server.on("DELETE /v1/meshes/m1", drop, accepted)
    assert terminal.run("meshes", "uninstall", "m1", "--yes", "--no-wait").stdout == "OP\n"
    first, second = server.calls
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert (first.target, first.body) == (second.target, second.body)


@pytest.mark.parametrize(
    "command",
    [
        ("tokens", "create", "t", "--role", "viewer"),
        ("webhooks", "rotate-secret", "w"),
        ("webhooks", "replay", "w", "--from", "1"),
        ("webhooks", "test", "w"),
        ("workspaces", "set", "w"),
        ("connections", "delete", "c", "--yes"),
    ],
)
def test_what_has_no_key_is_not_done_twice(server: Server, terminal: Terminal, command: tuple[str, ...]) -> None:
    """A write without a response, which the server would do again, is not repeated; the doubt is reported."""
    server.on("*", drop)
    told = terminal.run(*command, expect=6).stderr
    assert "whether it took effect is unknown" in told
    assert len(server.calls) == 1


def test_the_codes_are_documented_where_people_look(terminal: Terminal) -> None:
    """`exit-codes` has every code once, and --help names those that are no signal."""
    listed = json.loads(terminal.run("exit-codes", "-o", "json").stdout)
    assert [one["code"] for one in listed] == [int(code) for code in Exit]
    assert set(MEANINGS) == set(Exit)
    epilog = " ".join(terminal.run("--help").stdout.split())
    assert all(re.search(rf"\b{int(code)} \w", epilog) for code in Exit if code < 128)


def test_the_version_needs_no_command(terminal: Terminal) -> None:
    """`meshwright --version` says it, as the help promises, and so does `meshwright version`."""
    assert terminal.run("--version").stdout == terminal.run("version").stdout
    assert terminal.run("--version").stdout.startswith("meshwright ")


def test_common_options_stand_anywhere(server: Server, terminal: Terminal) -> None:
    """Before the noun or behind the verb; what stands last on the line wins."""
    server.on("*", server.page())
    first = terminal.run("-o", "json", "--workspace", "blue", "meshes", "list")
    last = terminal.run("meshes", "list", "-o", "json", "--workspace", "blue")
    assert first.stdout == last.stdout == "[]\n"
    terminal.run("--workspace", "green", "meshes", "list", "--workspace", "blue")
    assert {call.headers["meshwright-workspace"] for call in server.calls} == {"blue"}


def commands(command: Any, *path: str) -> dict[tuple[str, ...], Any]:
    """Every command by its words."""
    if not isinstance(command, click.Group) and not hasattr(command, "commands"):
        return {path: command}
    result = {path: command}
    for name, inner in command.commands.items():
        result |= commands(inner, *path, name)
    return result


def test_every_command_that_is_named_exists() -> None:
    """Hints, explanations and the README name only existing commands."""
    known = commands(TREE)
    texts = [path.read_text() for path in Path(cli.__file__).parent.rglob("*.py")] + [(ROOT / "README.md").read_text()]
    texts += [kind.explanation for kind in PROBLEM_TYPES.values()]
    named = [words for text in texts for words in re.findall(r"[`$ /:]meshwright ([a-z][a-z -]*)", text)]
    assert len(named) > 40
    for words in named:
        parts = tuple(word for word in words.split() if not word.startswith("-"))[:2]
        head = known.get(parts[:1])
        assert head is not None, words
        if hasattr(head, "commands") and len(parts) > 1:
            assert parts in known, words


@pytest.mark.parametrize("path", [path for path in commands(TREE) if path], ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    """Each command and each group has a sentence in the help, and each command takes the common options."""
    command = commands(TREE)[path]
    assert command.help
    assert command.help.strip().endswith(".")
    if not hasattr(command, "commands"):
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--output", "--quiet", "--context", "--workspace"} <= options
