"""Bad input, missing rights and missing servers: each has its exit code and its words, and changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

Shop = Any
Terminal = Any


def test_a_mistake_is_pointed_at_in_the_file(shop: Shop) -> None:
    """A refused design names the line of the file, and is not saved."""
    shop.write("bad.yaml", "id: bad\nintents:\n- intent: timeout\n  service: reviews\n  timeout: 0s\n")
    told = shop.run("apply", "bad.yaml", expect=3).stderr
    assert "bad.yaml:5 #/intents/0/timeout: must be longer than zero" in told
    shop.run("designs", "show", "bad", expect=3)


def test_what_a_mesh_cannot_do_is_not_saved(shop: Shop) -> None:
    """An intent that the adapter does not translate is refused with its reason before anything is saved."""
    shop.write("cannot.yaml", "id: cannot\nintents: [{intent: deny-all}]\n")
    told = shop.run("apply", "cannot.yaml", expect=3).stderr
    assert "deny-all: a script has no network" in told
    assert "→ use timeout" in told
    shop.run("designs", "show", "cannot", expect=3)


def test_programs_get_the_problem_document(shop: Shop) -> None:
    """With -o json a refusal is one JSON document on stderr, with the exit code in it."""
    told = json.loads(shop.run("meshes", "show", "nope", "-o", "json", expect=3).stderr)
    assert (told["type"], told["status"], told["exit_code"]) == ("/problems/not-found", 404, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [\n", "cannot be parsed"),
        ("x: " + "[" * 100 + "]" * 100, "nested deeper"),
        ("id: big\ndescription: " + "x" * 10_000_000, "larger than 1 MiB"),
        ("a: &a [x,x]\nb: &b [*a,*a]\n" + "\n".join(f"c{n}: [*b,*b]" for n in range(99)), "aliases"),
        ("- 1\n", "is not a design"),
        ("", "is empty"),
    ],
)
def test_files_that_cannot_be_right_are_not_sent(tmp_path: Path, shop: Shop, text: str, words: str) -> None:
    """Broken, bottomless, huge, exploding and empty files are refused here, with exit code 2."""
    file = tmp_path / "file.yaml"
    file.write_text(text)
    # An address where nobody listens: nothing is asked of a server.
    assert words in shop.run("apply", str(file), expect=2, MESHWRIGHT_API_URL="http://127.0.0.1:9").stderr


def test_an_unreachable_server_is_reported_as_such(shop: Shop) -> None:
    """Exit code 6, the address, and what to do."""
    told = shop.run("meshes", "list", expect=6, MESHWRIGHT_API_URL="http://127.0.0.1:9").stderr
    assert "Meshwright does not answer at http://127.0.0.1:9" in told
    assert "make up" in told


def test_an_adapter_that_is_away_is_reported_as_such(shop: Shop) -> None:
    """Exit code 6 when no live worker serves what is asked."""
    told = shop.run("meshes", "install", "m2", "-c", "place", "--kind", "absent", expect=6).stderr
    assert "no live adapter serves meshes of kind 'absent'" in told
    told = shop.run("meshes", "install", "m2", "-c", "place", "--kind", "scriptd", expect=6).stderr
    assert "Did you mean scripted?" in told
    told = shop.run("connections", "set", "c", "--kind", "kubernets", expect=6).stderr
    assert "Did you mean kubernetes?" in told


def test_rights_are_reported(terminal: Terminal) -> None:
    """A viewer may look but not change; an unknown token may nothing."""
    secret = terminal.run("tokens", "create", "eyes", "--role", "viewer").stdout.strip()
    terminal.run("connections", "list", MESHWRIGHT_TOKEN=secret)
    told = terminal.run("connections", "set", "c", "--kind", "consul", expect=3, MESHWRIGHT_TOKEN=secret).stderr
    assert "this needs the role operator; the token has viewer" in told
    terminal.run("tokens", "delete", "eyes", "--yes")
    assert "Authentication required" in terminal.run("connections", "list", expect=3, MESHWRIGHT_TOKEN="wrong").stderr


def test_a_connection_is_added_once(terminal: Terminal) -> None:
    """With its kind or a kubeconfig, whose hazards are refused by name; `add` replaces nothing."""
    assert "what kind?" in terminal.run("connections", "add", "new", expect=2).stderr
    told = terminal.run("connections", "add", "new", "--kind", "consul", "--context", "prod", expect=2).stderr
    assert "--context names a context of --kubeconfig here" in told
    user = {"name": "me", "user": {"exec": {"command": "sh", "apiVersion": "v1"}}}
    context = {"name": "prod", "context": {"cluster": "prod", "user": "me"}}
    cluster = {"name": "prod", "cluster": {"server": "https://127.0.0.1:1"}}
    terminal.write("kubeconfig", json.dumps({"users": [user], "contexts": [context], "clusters": [cluster]}))
    told = terminal.run("connections", "add", "new", "--kubeconfig", "kubeconfig", "--context", "prod", expect=3).stderr
    assert "exec" in told
    terminal.run("connections", "show", "new", expect=3)
    terminal.run("connections", "set", "there", "--kind", "envoy-fleet")
    told = terminal.run("connections", "add", "there", "--kind", "consul", expect=3).stderr
    assert "connection there exists" in told
    assert "`meshwright connections set there` replaces its settings" in told


def test_nothing_is_lost_without_a_yes(terminal: Terminal) -> None:
    """Without a terminal a deletion needs --yes, and says so."""
    terminal.run("connections", "set", "kept", "--kind", "consul")
    assert "Add --yes." in terminal.run("connections", "delete", "kept", expect=2).stderr
    terminal.run("connections", "delete", "kept", "--yes")


def test_a_mesh_has_to_be_named_when_it_is_not_clear(terminal: Terminal) -> None:
    """Without any mesh, `topology` names the next command instead of failing obscurely."""
    told = terminal.run("topology", expect=2).stderr
    assert "there is no mesh yet" in told
    assert "meshwright meshes install" in told
