"""Several documents: files, folders, streams; all problems in one run; what would change, without changing it."""

import json
from typing import Any

import pytest

from meshwright.ui_api.cli.client import documents

Server = Any
Terminal = Any
ONE = "id: one\nintents: []\n"
TWO = "# a comment\n---\n---\nid: two\nintents:\n- intent: timeout\n  service: reviews\n  timeout: 2s\n"
CHANGE = {"ref": {"group": "", "kind": "Route", "namespace": "", "name": "r"}, "change": "create", "after": "a: 1\n"}
PREVIEW = {"translations": [], "unsupported": [], "problems": [], "diff": [CHANGE]}


@pytest.fixture
def ready(server: Server, terminal: Terminal) -> Terminal:
    """One mesh, an adapter that agrees to both designs, and the files."""
    server.on("GET /v1/meshes", server.page({"id": "m1"}))
    for name in ("one", "two"):
        server.on(f"POST /v1/designs/{name}:diff", PREVIEW)
        server.on(f"PUT /v1/designs/{name}", server.json({"id": name}, etag='"1"', meshwright_version="1"))
        accepted = {"id": f"OP-{name}", "kind": "design.apply", "mesh": "m1", "state": "accepted"}
        server.on(f"POST /v1/designs/{name}:apply", server.json(accepted, 202))
    (terminal.folder / "designs" / "deep").mkdir(parents=True)
    terminal.write("designs/one.yaml", ONE)
    terminal.write("designs/deep/two.yml", TWO)
    terminal.write("both.yaml", ONE + "---\n" + TWO)
    return terminal


def applied(server: Server) -> list[str]:
    """The designs that were applied, in order."""
    return [call.path.split("/")[-1].removesuffix(":apply") for call in server.calls if call.path.endswith(":apply")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("designs/deep/two.yml", "designs/one.yaml"),
        ("-f", "designs"),
        ("designs",),
        ("-f", "designs/deep/two.yml", "-f", "designs/one.yaml"),
        ("designs/deep/two.yml", "-f", "designs/one.yaml"),
    ],
)
def test_files_and_folders_are_applied_in_order(server: Server, ready: Terminal, arguments: tuple[str, ...]) -> None:
    """However they are named; every design is looked at before one is saved."""
    assert ready.run("apply", *arguments, "--no-wait").stdout == "OP-two\nOP-one\n"
    assert applied(server) == ["two", "one"]
    order = [call.path.rpartition(":")[2] if ":" in call.path else call.method for call in server.calls]
    assert order.index("PUT") > max(place for place, what in enumerate(order) if what == "diff")


@pytest.mark.parametrize("source", ["both.yaml", "-"])
def test_a_file_has_several_documents(server: Server, ready: Terminal, source: str) -> None:
    """Parted by `---`; those without anything are skipped. For programs the result is one list."""
    done = ready.run("apply", source, "--no-wait", "-o", "json", stdin=(ready.folder / "both.yaml").read_text())
    assert [each["id"] for each in json.loads(done.stdout)] == ["OP-one", "OP-two"]
    assert applied(server) == ["one", "two"]


def test_all_that_is_refused_is_shown_in_one_run(server: Server, ready: Terminal) -> None:
    """Each with the line of its own document; and nothing is saved, also not what is good."""
    first = [
        {"detail": "too short", "pointer": "#/design/intents/0/timeout"},
        {"detail": "x", "pointer": "#/design/id"},
    ]
    server.on("POST /v1/designs/two:diff", server.problem("invalid-document", errors=first))
    unsupported = {**PREVIEW, "unsupported": [{"intent": "mirror", "because": "no mirrors here", "instead": ""}]}
    server.on("POST /v1/designs/one:diff", unsupported)
    shown = ready.run("apply", "both.yaml", expect=3).stderr
    assert "2 of 2 designs are refused; nothing was changed" in shown
    assert "one (both.yaml): this mesh cannot do what the design asks" in shown
    assert "mirror: no mirrors here" in shown
    assert "both.yaml:11 #/intents/0/timeout: too short" in shown
    assert "both.yaml:7 #/id: x" in shown
    assert [call for call in server.calls if call.method == "PUT"] == []


def test_a_dry_run_shows_the_differences_and_changes_nothing(server: Server, ready: Terminal) -> None:
    """For people as a diff, for programs as the previews; its exit code is 0."""
    shown = ready.run("apply", "designs", "--dry-run")
    assert shown.stdout.count("+ Route r") == 2
    assert "dry run: nothing was changed" in shown.stderr
    one = json.loads(ready.run("apply", "designs/one.yaml", "--dry-run", "-o", "json").stdout)
    assert one["diff"] == [CHANGE]
    assert {call.method for call in server.calls} == {"GET", "POST"}
    assert applied(server) == []


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (("remove", "one"), "POST /v1/designs/one:remove"),
        (("rollback", "one"), "POST /v1/designs/one:rollback"),
        (("meshes", "install", "m2", "-c", "here"), "POST /v1/meshes"),
        (("meshes", "upgrade", "m1"), "POST /v1/meshes/m1:upgrade"),
        (("meshes", "uninstall", "m1"), "DELETE /v1/meshes/m1"),
        (("meshes", "adopt", "m2", "-c", "here"), "POST /v1/meshes:adopt"),
        (("workloads", "enrol", "-n", "shop"), "POST /v1/meshes/m1/workloads"),
        (("workloads", "withdraw", "-n", "shop"), "POST /v1/meshes/m1:withdraw"),
    ],
)
def test_every_change_has_a_dry_run(server: Server, ready: Terminal, command: tuple[str, ...], path: str) -> None:
    """It asks the adapter with `validate_only`, and asks nobody for confirmation."""
    server.on(path, PREVIEW)
    shown = ready.run(*command, "--dry-run")
    assert "+ Route r" in shown.stdout
    assert "1 to create" in shown.stdout
    assert server.calls[-1].query["validate_only"] == ["true"]
    problems = {**PREVIEW, "diff": [], "problems": [{"detail": "mesh.x cannot be previewed", "pointer": "#"}]}
    server.on(path, problems)
    assert "cannot be previewed" in ready.run(*command, "--dry-run", expect=3).stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- 1\n", ("bad.yaml:1: not a mapping",)),
        ("name: x\n", ("bad.yaml:1: without an `id`", "A design is a mapping")),
        ("id: a\n---\nx: 1\n---\n5\n", ("not all are designs", "bad.yaml:3: without", "bad.yaml:5: not a mapping")),
        ("apiVersion: v1\nkind: Service\n", ("a Service of Kubernetes", "designs import -f FILE")),
        ("id: a\n---\nid: a\n", ("design a is given twice", "bad.yaml:1, bad.yaml:3")),
        ("", ("bad.yaml is empty",)),
    ],
)
def test_what_is_no_design_is_refused_before_anything_is_sent(
    server: Server, terminal: Terminal, content: str, words: tuple[str, ...]
) -> None:
    """All of it, with its place, and what to do."""
    terminal.write("bad.yaml", content)
    shown = " ".join(terminal.run("apply", "bad.yaml", expect=2).stderr.split())
    for word in words:
        assert word in shown
    assert server.calls == []


def test_a_file_has_to_be_named(terminal: Terminal) -> None:
    """And standard input is read once."""
    assert "Name a file or a folder" in terminal.run("apply", expect=2).stderr
    assert "can be read once" in terminal.run("apply", "-", "-f", "-", expect=2, stdin=ONE).stderr


def test_a_place_is_that_of_its_own_document(terminal: Terminal) -> None:
    """Lines are counted over the whole file."""
    first, second = documents.load_all(terminal.write("all.yaml", ONE + "---\n" + TWO))
    assert first.place("#/intents").endswith("all.yaml:2")
    assert second.place("#/intents/0/timeout").endswith("all.yaml:11")
    assert second.place("#/nowhere").endswith("all.yaml:7")


def test_when_one_of_several_fails_the_rest_is_named(server: Server, ready: Terminal) -> None:
    """What was not begun is said."""
    server.on("POST /v1/designs/one:apply", server.problem("adapter-unavailable"))
    shown = ready.run("apply", "both.yaml", "--no-wait", expect=6).stderr
    assert "not applied: two" in shown


def test_a_name_that_does_not_exist_is_answered_with_what_is_near(server: Server, terminal: Terminal) -> None:
    """For every kind of resource; with nothing near, all are named; with none, that is said."""
    missing = server.problem("not-found", instance="/v1/meshes/demoo")
    server.on("GET /v1/meshes/demoo", missing)
    server.on("GET /v1/meshes", server.page({"id": "demo"}, {"id": "prod"}))
    assert "→ Did you mean demo?" in terminal.run("meshes", "show", "demoo", expect=3).stderr
    server.on("GET /v1/designs/zzz", server.problem("not-found", instance="/v1/designs/zzz"))
    server.on("GET /v1/designs", server.page({"id": "canary"}))
    assert "→ There are: canary." in terminal.run("designs", "show", "zzz", expect=3).stderr
    server.on("GET /v1/designs", server.page())
    assert "→ There are no designs." in terminal.run("designs", "show", "zzz", expect=3).stderr
    server.on("GET /v1/proxies", server.page(), server.page({"id": "a", "name": "front"}))
    assert "→ Did you mean front?" in terminal.run("proxies", "show", "frnt", expect=3).stderr
    server.on("GET /v1/proxies", server.page(), server.page({"id": "a", "name": "front"}))
    assert "→ There are: front." in terminal.run("proxies", "show", "zzz", expect=3).stderr
    server.on("GET /v1/proxies", server.page(), server.page())
    assert "→ There are no proxies." in terminal.run("proxies", "show", "zzz", expect=3).stderr
    server.on("DELETE /v1/tokens/eyez", server.problem("not-found", instance="/v1/tokens/eyez"))
    server.on("GET /v1/tokens", server.page({"id": "eyes"}))
    told = terminal.run("tokens", "delete", "eyez", "--yes", "-o", "json", expect=3).stderr
    assert json.loads(told)["remedy"] == "Did you mean eyes?"  # a program gets what a person reads


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("meshs", "list"), "Did you mean 'meshes'?"),
        (("meshes", "lst"), "Did you mean 'list'?"),
        (("apply", "x", "--dryrun"), "--dry-run"),
    ],
)
def test_a_misspelt_command_or_flag_is_answered_with_what_is_near(
    terminal: Terminal, command: tuple[str, ...], words: str
) -> None:
    """With exit code 2."""
    assert words in terminal.run(*command, expect=2).stderr
