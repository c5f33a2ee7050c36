"""`meshwright analyze`: what is sent, how findings are written, and how the command ends."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from meshwright.ui_api.cli.commands.documents import analyze

Server = Any
Terminal = Any
RULE = {
    "code": "MW3101",
    "title": "Referenced resource does not exist",
    "severity": "error",
    "explanation": "It fails.",
    "remedy": "Create it.",
    "equivalents": ["IST0101"],
}
NOTE = {**RULE, "code": "MW3301", "severity": "note"}


def finding(code: str = "MW3101", severity: str = "error", **more: Any) -> dict[str, Any]:
    """A finding as the API gives it."""
    ref = {"group": "networking.istio.io", "kind": "VirtualService", "namespace": "shop", "name": "reviews"}
    location = {"ref": ref, "pointer": "#/spec/http/0", "file": "a.yaml", "line": 7}
    return {
        "code": code,
        "severity": severity,
        "message": "there is no host reviewz",
        "location": location,
        "related": [],
        "remedy": "Create it.",
        "suppressed": "",
        **more,
    }


def answer(*findings: dict[str, Any]) -> dict[str, Any]:
    """An analysis with these findings."""
    return {"findings": list(findings), "rules": [RULE, NOTE], "resources": 3, "unread": []}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two manifests, one of them deeper, and a file that is none."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.yaml").write_text("a: 1")
    (tmp_path / "deep" / "b.yml").write_text("b: 2")
    (tmp_path / "notes.txt").write_text("no")
    return tmp_path


def test_a_folder_is_sent_with_its_subfolders(server: Server, terminal: Terminal, folder: Path) -> None:
    """YAML and JSON only; without --live nothing is read from the mesh."""
    server.on("*", answer())
    terminal.run("analyze", "-f", str(folder), "--mesh", "istio", "--suppress", "MW3301")
    sent = json.loads(server.calls[-1].body)
    assert [each["name"] for each in sent["files"]] == [str(folder / "a.yaml"), str(folder / "deep" / "b.yml")]
    assert (sent["live"], sent["suppress"]) == (False, ["MW3301"])
    terminal.run("analyze", "--mesh", "istio", "--suppress", "MW3301=Service/shop/reviews")
    assert json.loads(server.calls.pop().body)["suppress"] == ["MW3301=Service/shop/reviews"]
    calls = len(server.calls)
    for wrong in ("MW33", "MW3301=", "MW3301=shop", "MW3301=Service/a/b/c", "MW3301=Service/Shop"):
        refused = terminal.run("analyze", "--mesh", "istio", "--suppress", wrong, expect=2)
        assert "Kind/namespace/name" in refused.stderr, wrong
    assert len(server.calls) == calls
    terminal.run("analyze", "--mesh", "istio")
    assert json.loads(server.calls[-1].body) == {"files": [], "live": True, "suppress": []}
    terminal.run("analyze", "-f", str(folder), "--adapter", "istio")
    assert "live" not in json.loads(server.calls[-1].body)
    assert [call.path for call in server.calls] == ["/v1/meshes/istio:analyze"] * 2 + ["/v1/adapters/istio:analyze"]


@pytest.mark.parametrize(
    ("level", "findings", "code"),
    [
        ("error", [finding()], 8),
        ("error", [finding(severity="warning")], 0),
        ("warning", [finding(severity="warning")], 8),
        ("note", [finding(severity="note")], 8),
        ("never", [finding()], 0),
        ("note", [finding(suppressed="the request")], 0),
    ],
)
def test_the_exit_code_reports_findings(
    server: Server, terminal: Terminal, folder: Path, level: str, findings: list[Any], code: int
) -> None:
    """From the wanted severity on, suppressed ones aside."""
    server.on("*", answer(*findings))
    terminal.run("analyze", "-f", str(folder), "--adapter", "istio", "--fail-on", level, expect=code)


def test_people_get_a_line_for_each_finding(server: Server, terminal: Terminal, folder: Path) -> None:
    """With place, resource and message; the suppressed are counted only."""
    server.on("*", answer(finding(), finding(suppressed="the request", message="hidden")))
    result = terminal.run("analyze", "-f", str(folder), "--mesh", "istio", expect=8)
    assert "MW3101" in result.stdout
    assert "a.yaml:7" in result.stdout
    assert "VirtualService shop/reviews" in result.stdout
    assert "hidden" not in result.stdout
    assert "3 resources analyzed: 1 error, 1 suppressed." in result.stderr
    server.on("*", answer())
    assert "No findings in 3 resources." in terminal.run("analyze", "-f", str(folder), "--mesh", "istio").stdout


def test_sarif_has_rules_places_and_fingerprints(server: Server, terminal: Terminal, folder: Path) -> None:
    """A log in which lines may move without making another alert."""
    moved = finding()
    moved["location"] = {**moved["location"], "line": 99}
    server.on("*", answer(finding(), moved, finding("MW3301", "note", suppressed="the request")))
    log = json.loads(terminal.run("analyze", "-f", str(folder), "--mesh", "istio", "-o", "sarif", expect=8).stdout)
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["MW3101", "MW3301"]
    first, second, third = run["results"]
    assert first["ruleIndex"] == 0
    place = first["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("a.yaml", 7)
    assert first["partialFingerprints"] == second["partialFingerprints"] != third["partialFingerprints"]
    assert "suppressions" in third
    assert "suppressions" not in first


def test_junit_fails_what_counts(server: Server, terminal: Terminal, folder: Path) -> None:
    """Errors and warnings are failures, notes pass, and the suppressed are skipped."""
    findings = [finding(), finding("MW3301", "note"), finding(suppressed="the request")]
    server.on("*", answer(*findings))
    root = ElementTree.fromstring(
        terminal.run("analyze", "-f", str(folder), "--mesh", "istio", "-o", "junit", expect=8).stdout
    )
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    server.on("*", answer())
    root = ElementTree.fromstring(terminal.run("analyze", "-f", str(folder), "--mesh", "istio", "-o", "junit").stdout)
    assert root[0].get("failures") == "0"


def test_a_code_is_explained(server: Server, terminal: Terminal) -> None:
    """Its page: what it means, what to do, what the mesh's own tool calls it, and how it is suppressed."""
    server.on("*", RULE)
    text = terminal.run("analyze", "--explain", "mw3101").stdout
    assert server.calls[-1].path == "/v1/findings/mw3101"
    for words in ("MW3101", RULE["title"], RULE["explanation"], RULE["remedy"], "IST0101", "--suppress MW3101"):
        assert words in text
    assert json.loads(terminal.run("analyze", "--explain", "MW3101", "-o", "json").stdout) == RULE
    terminal.run("analyze", "--explain", "MW3101", "--mesh", "istio", expect=2)


def test_codes_are_completed() -> None:
    """The shell offers those that there are."""
    assert analyze.codes("mw310") == sorted(analyze.codes("MW310")) != []
    assert analyze.codes("x") == []


def test_what_cannot_be_meant_is_refused_at_once(server: Server, terminal: Terminal, tmp_path: Path) -> None:
    """A code that is none, no manifests, a file that is not there, no mesh or two places: nothing is sent."""
    (tmp_path / "empty").mkdir()
    for arguments in (
        ["--mesh", "istio", "--suppress", "IST0101"],
        ["--mesh", "istio", "-f", str(tmp_path / "empty")],
        ["--mesh", "istio", "-f", str(tmp_path / "no.yaml")],
        ["--adapter", "istio"],
        ["--adapter", "istio", "--mesh", "istio"],
        [],
    ):
        terminal.run("analyze", *arguments, expect=2)
    assert server.calls == []
