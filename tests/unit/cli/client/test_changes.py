"""From a file to a change: nothing is saved before the adapter has agreed, and each complaint leads into the file."""

import io
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.ui_api.cli.client import paths, session
from meshwright.ui_api.cli.render import previews
from meshwright.ui_api.cli.render.output import console

Server = Any
Terminal = Any
FILE = "id: slow\nintents:\n- intent: timeout\n  service: reviews\n  timeout: 2s\n"
SAVED = {"id": "slow", "intents": [{"intent": "timeout", "service": "reviews", "timeout": "2s"}]}
CHANGE: dict[str, Any] = {
    "ref": {"group": "a", "kind": "Route", "namespace": "", "name": "r"},
    "change": "update", "before": "a: 1\nb: 1\n", "after": "a: 1\nb: 2\n",
}  # fmt: skip
PREVIEW: dict[str, Any] = {"translations": [], "unsupported": [], "problems": [], "diff": [CHANGE]}
ACCEPTED = {"id": "OP", "kind": "design.apply", "mesh": "m1", "state": "accepted"}


@pytest.fixture
def ready(server: Server, terminal: Terminal) -> Terminal:
    """One mesh, an adapter that agrees, no design yet, and the file."""
    server.on("GET /v1/meshes", server.page({"id": "m1"}))
    server.on("POST /v1/designs/slow:diff", PREVIEW)
    server.on(
        "PUT /v1/designs/slow", server.problem("stale"), server.json(SAVED, 201, etag='"7"', meshwright_version="1")
    )
    server.on("POST /v1/designs/slow:apply", server.json(ACCEPTED, 202))
    terminal.write("slow.yaml", FILE)
    return terminal


def written(server: Server) -> list[tuple[str, str]]:
    """What was asked for that changes something."""
    known = [(call.method, call.path) for call in server.calls if call.method != "GET"]
    return [one for one in known if not one[1].endswith((":diff", ":validate", ":translate"))]


def test_a_new_design_is_created_and_just_that_version_applied(server: Server, ready: Terminal) -> None:
    """It is saved only if it was not created meanwhile, and the operation names the version that was saved."""
    assert ready.run("apply", "slow.yaml", "--no-wait", "-r", "why").stdout == "OP\n"
    puts = [call for call in server.calls if call.method == "PUT"]
    conditions = [(call.headers.get("if-match"), call.headers.get("if-none-match")) for call in puts]
    assert conditions == [("*", None), (None, "*")]
    assert all(call.query["reason"] == ["why"] for call in puts)
    asked = json.loads(server.calls[-1].body)
    assert (asked["mesh"], asked["version"], asked["reason"]) == ("m1", 1, "why")


def test_two_who_create_one_design_are_reported(server: Server, ready: Terminal) -> None:
    """When another client was faster twice, the refusal is shown and nothing is applied."""
    server.on("PUT /v1/designs/slow", server.problem("stale"))
    assert "Precondition failed" in ready.run("apply", "slow.yaml", expect=3).stderr
    assert not [path for _, path in written(server) if path.endswith(":apply")]


def test_what_is_saved_already_is_not_saved_again(server: Server, ready: Terminal) -> None:
    """A file that says what the newest version says, defaults filled in, makes no new one."""
    standing = {**SAVED, "description": "", "workloads": [], "resources": []}
    server.on("GET /v1/designs/slow", server.json(standing, etag='"119"', meshwright_version="5"))
    assert "design slow is unchanged at version 5" in ready.run("apply", "slow.yaml", "--no-wait").stderr
    assert written(server) == [("POST", "/v1/designs/slow:apply")]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({**PREVIEW, "unsupported": [{"intent": "timeout", "because": "no", "instead": "use retry"}]}, "→ use retry"),
        ({**PREVIEW, "unsupported": [{"intent": "timeout", "because": "no", "instead": ""}]}, "adapters show"),
        ("pointer", "slow.yaml:5 #/intents/0/timeout: too short"),
    ],
)
def test_what_the_adapter_refuses_is_not_saved(server: Server, ready: Terminal, answer: Any, words: str) -> None:
    """A refusal comes before anything is written, with the line of the file or what to do instead."""
    if answer == "pointer":
        errors = [{"detail": "too short", "pointer": "#/design/intents/0/timeout"}]
        answer = server.problem("invalid-document", errors=errors)
    server.on("POST /v1/designs/slow:diff", answer)
    assert words in ready.run("apply", "slow.yaml", expect=3).stderr
    assert written(server) == []


def test_the_mesh_need_not_be_named_when_there_is_one(server: Server, ready: Terminal) -> None:
    """With none or several, the command line says which there are, and exits with 2."""
    assert ready.run("diff", "slow.yaml", expect=4).stdout.endswith("on mesh m1: 1 to update\n")
    server.on("GET /v1/meshes", server.page({"id": "m1"}, {"id": "m2"}))
    assert "choose a mesh: there are m1, m2" in ready.run("diff", "slow.yaml", expect=2).stderr
    server.on("GET /v1/meshes", server.page())
    assert "there is no mesh yet" in ready.run("diff", "slow.yaml", expect=2).stderr
    server.on("POST /v1/designs/slow:diff", {**PREVIEW, "diff": [{**CHANGE, "change": "unchanged"}]})
    assert ready.run("diff", "slow.yaml", "-m", "m9").stdout == "on mesh m9: no difference (1 unchanged)\n"


def test_validate_says_everything_with_its_line(server: Server, ready: Terminal) -> None:
    """Each error stands with its line in the file; programs get the same places; the exit code is 3."""
    errors = [{"detail": "one", "pointer": "#/design/intents/0/service"}, {"detail": "two", "pointer": "#/intents"}]
    server.on("POST /v1/designs/slow:validate", {"valid": False, "errors": errors})
    told = ready.run("validate", "slow.yaml", expect=3).stdout
    assert "slow.yaml:4 #/intents/0/service: one" in told
    assert "slow.yaml:2 #/intents: two" in told
    result = json.loads(ready.run("validate", "slow.yaml", "-o", "json", expect=3).stdout)
    assert [error["pointer"] for error in result["errors"]] == ["#/intents/0/service", "#/intents"]
    server.on("POST /v1/designs/slow:validate", {"valid": True, "errors": []})
    assert "✓ slow can be applied" in ready.run("validate", "slow.yaml").stdout


text = st.text("ab \n:#-\"'\u2028", max_size=8)
bodies = st.dictionaries(
    st.text("ab", min_size=1, max_size=2), text | st.integers() | st.lists(text, max_size=2), max_size=3
)
refs = st.fixed_dictionaries({"group": text, "kind": st.just("B"), "namespace": text, "name": text})
resources = st.fixed_dictionaries({"ref": refs, "body": bodies})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(resources, max_size=2), max_size=2), st.lists(text, max_size=2))
def test_native_resources_are_documents_that_others_can_read(result: list[list[Any]], notes: list[str]) -> None:
    """Whatever a resource is called and an adapter notes: the output is YAML documents of exactly the bodies."""
    translations = [{"intent": "timeout", "resources": each, "notes": notes} for each in result]
    shown = previews.native({"translations": translations})
    assert list(yaml.safe_load_all(shown)) == [one["body"] for each in result for one in each]


lines = st.lists(st.text("abc:-+@ ", max_size=4), max_size=12)


@settings(deadline=None)
@given(lines, lines)
def test_a_difference_shows_every_changed_line(before: list[str], after: list[str]) -> None:
    """Each removed line has a minus, each added one a plus, and none is omitted."""
    change = {**CHANGE, "before": "\n".join(before), "after": "\n".join(after)}
    stream = io.StringIO()
    console(stream).print(previews.diff([change], "m1"))
    told = [line.removeprefix("    ") for line in stream.getvalue().split("\n") if line.startswith("    ")]
    old, new = change["before"].splitlines(), change["after"].splitlines()
    for mark, mine, other in (("-", old, new), ("+", new, old)):
        assert {line for line in mine if line not in other} <= {line[1:] for line in told if line.startswith(mark)}


def test_a_shell_is_never_kept_waiting_by_a_completion(server: Server, terminal: Terminal) -> None:
    """Names with the given prefix; none, and no message, when the server refuses, is another one or is unavailable."""
    environment = {name: value for name, value in terminal.environment.items() if value is not None}
    server.on("GET /v1/meshes", server.page({"id": "demo"}, {"id": "deep"}, {"id": "other"}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        assert session.completions(paths.MESHES, "de") == ["demo", "deep"]
        for answer in (server.problem("unauthenticated"), (200, {"content-type": "text/html"}, b"hi"), lambda _: None):
            server.on("GET /v1/meshes", answer)
            assert session.completions(paths.MESHES, "de") == []
        patch.setenv("MESHWRIGHT_CONTEXT", "no-such")
        assert session.completions(paths.MESHES, "de") == []
