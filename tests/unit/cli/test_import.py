"""`meshwright designs import`: what is sent, what is written where, and how the command ends."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

Server = Any
Terminal = Any
REF = {"group": "networking.istio.io", "kind": "VirtualService", "namespace": "shop", "name": "reviews"}
SPLIT = {
    "intent": "traffic-split",
    "service": "reviews",
    "backends": [{"version": "v1", "weight": 100}, {"version": "v2", "weight": 0}],
}
DESIGN = {
    "id": "shop",
    "description": "",
    "namespace": "shop",
    "self_heal": False,
    "workloads": [],
    "resources": [],
    "intents": [SPLIT],
}


def answer(*left: str) -> dict[str, Any]:
    """A design, and fields that it does not say."""
    fields = [
        {"location": {"ref": REF, "pointer": each, "file": "a.yaml", "line": 7}, "because": "no intent says this"}
        for each in left
    ]
    other = {"ref": {**REF, "group": "", "kind": "ConfigMap"}, "pointer": "#", "file": "b.yml", "line": 1}
    return {
        "design": DESIGN,
        "unexpressed": fields,
        "resources": 2,
        "not_read": [other] if left else [],
        "unread": ["TrafficSplit"] if left else [],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two manifests."""
    (tmp_path / "a.yaml").write_text("a: 1")
    (tmp_path / "b.yml").write_text("b: 2")
    return tmp_path


def test_the_design_is_data_and_what_is_left_is_talk(server: Server, terminal: Terminal, folder: Path) -> None:
    """A design that can be piped into apply on stdout; resource, path and reason on stderr."""
    server.on("POST /v1/adapters/istio:import", answer("#/spec/http/0/rewrite/uri"))
    result = terminal.run("designs", "import", "-f", str(folder), "--adapter", "istio", "--id", "shop")
    assert yaml.safe_load(result.stdout) == {"id": "shop", "namespace": "shop", "intents": [SPLIT]}
    for words in ("a.yaml:7", "VirtualService shop/reviews", "spec.http[0].rewrite.uri", "no intent says this"):
        assert words in result.stderr
    assert "b.yml:1" in result.stderr
    assert "not read" in result.stderr
    assert "2 resources read as 1 intents; 1 field no intent says. Not allowed to read: TrafficSplit." in result.stderr
    sent = json.loads(server.calls[-1].body)
    assert sent == {
        "files": [
            {"name": str(folder / "a.yaml"), "content": "a: 1"},
            {"name": str(folder / "b.yml"), "content": "b: 2"},
        ],
        "id": "shop",
        "namespace": "",
        "flat": False,
    }
    as_json = terminal.run("designs", "import", "-f", str(folder), "--adapter", "istio", "-o", "json")
    assert json.loads(as_json.stdout)["intents"] == [SPLIT]


def test_a_mesh_is_read_live(server: Server, terminal: Terminal, folder: Path) -> None:
    """Without files what it has; with files only these, unless asked for both."""
    server.on("*", answer())
    for arguments, live in (([], True), (["-f", str(folder)], False), (["-f", str(folder), "--live"], True)):
        terminal.run("designs", "import", "--mesh", "prod", "--namespace", "shop", "--flat", *arguments)
        call = server.calls[-1]
        sent = json.loads(call.body)
        assert call.path == "/v1/meshes/prod:import"
        assert (sent["live"], sent["namespace"], sent["flat"]) == (live, "shop", True)


def test_save_stores_the_design(server: Server, terminal: Terminal, folder: Path) -> None:
    """As a version of its own, before it is written out."""
    server.on("POST /v1/adapters/istio:import", answer())
    server.on("GET /v1/designs/shop", server.problem("not-found"))
    server.on("PUT /v1/designs/shop", server.json(DESIGN, 201, Meshwright_Version="1", Meshwright_Seq="4"))
    result = terminal.run("designs", "import", "-f", str(folder), "--adapter", "istio", "--id", "shop", "--save")
    assert "design shop saved as version 1" in result.stderr
    put = [each for each in server.calls if each.method == "PUT"]
    assert json.loads(put[-1].body)["intents"] == [SPLIT]


def test_strict_fails_when_something_is_left(server: Server, terminal: Terminal, folder: Path) -> None:
    """For scripts that move everything or nothing; the design is written all the same."""
    arguments = ("designs", "import", "-f", str(folder), "--adapter", "istio", "--strict")
    server.on("*", answer("#/spec/exportTo"))
    assert "traffic-split" in terminal.run(*arguments, expect=8).stdout
    server.on("*", answer())
    terminal.run(*arguments)


def test_a_broken_file_is_refused_with_its_line(server: Server, terminal: Terminal, folder: Path) -> None:
    """As the worker names it; nothing is written."""
    detail = "a.yaml:3: mapping values are not allowed here"
    server.on("*", server.problem("invalid-document", detail=detail, errors=[{"pointer": "#", "detail": detail}]))
    result = terminal.run("designs", "import", "-f", str(folder), "--adapter", "istio", expect=3)
    assert "a.yaml:3" in result.stderr
    assert result.stdout == ""


def test_what_cannot_be_meant_is_refused_at_once(server: Server, terminal: Terminal, folder: Path) -> None:
    """No files, no mesh, or both a mesh and an adapter: nothing is sent."""
    for arguments in ([], ["--adapter", "istio"], ["--adapter", "istio", "--mesh", "prod", "-f", str(folder)]):
        terminal.run("designs", "import", *arguments, expect=2)
    assert server.calls == []
