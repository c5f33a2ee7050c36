"""Looking at a whole: lists over pages, views that are old, and `meshwright check`."""

import json
from typing import Any

import pytest

Server = Any
Terminal = Any
ADAPTER = {"id": "envoy", "instances": []}
MESH = {
    "id": "m1",
    "state": "degraded",
    "conditions": [{"type": "Ready", "status": "False", "message": "two are away"}],
}
PROXY = {"id": "m1~~p1", "workload": "m1~~process~a", "name": "p1", "state": "rejected", "error": "bad cluster"}
LETTER = {"id": "OP", "adapter": "envoy", "reason": "poison"}


def connection(number: int) -> dict[str, Any]:
    """One of many."""
    return {"id": f"w{number}", "kind": "consul"}


def test_a_list_is_as_long_as_it_was_wanted(server: Server, terminal: Terminal) -> None:
    """--limit spans pages and cuts exactly; that there is more is said on stderr, not among the data."""
    first = {"items": [connection(n) for n in range(3)], "next_page_token": "next"}
    server.on("GET /v1/connections", first, {"items": [connection(3), connection(4)], "next_page_token": "more"})
    told = terminal.run("connections", "list", "--limit", "4", "-o", "json")
    assert [one["id"] for one in json.loads(told.stdout)] == ["w0", "w1", "w2", "w3"]
    assert "(only the first 4; --limit shows more)" in told.stderr
    assert [call.query.get("page_token") for call in server.calls] == [None, ["next"]]


def test_old_views_are_reported_beside_the_data(server: Server, terminal: Terminal) -> None:
    """When the projector is behind, people learn how old what they see may be, and stdout stays data."""
    server.on("GET /v1/meshes", server.json(server.page(), meshwright_age="75.0"))
    told = terminal.run("meshes", "list", "-o", "json")
    assert json.loads(told.stdout) == []
    assert "may be 75 s old" in told.stderr
    server.on("GET /v1/meshes", server.json(server.page(), meshwright_age="unknown"))
    assert terminal.run("meshes", "list").stderr == ""


def test_check_reports_each_finding_with_what_to_do(server: Server, terminal: Terminal) -> None:
    """One failure does not hide the others; the exit code is 1 when something failed, 0 when there are but warnings."""
    part = {"ok": True, "milliseconds": 1.5, "detail": ""}
    ready = {"ready": True, "bus": part, "store": part, "directory": part, "full": ["EVENTS"]}
    ready |= {"views": part, "storing": part, "behind": 0, "age": 0.4}
    server.on("GET /readyz", server.json({**ready, "store": {**part, "ok": False, "detail": "no answer"}}, 503))
    server.on("GET /v1/whoami", {"name": "admin", "role": "admin", "workspace": "*"})
    for path, result in (("adapters", ADAPTER), ("meshes", MESH), ("proxies", PROXY), ("deadletters", LETTER)):
        server.on(f"GET /v1/{path}", server.page(result))
    server.on("GET /v1/system/set-aside", server.problem("forbidden"))
    told = terminal.run("check", expect=1).stdout
    for line in (
        "✗ store answers: no answer",
        "→ Is mongod running?",
        "‼ streams have room: EVENTS",
        "✗ envoy is alive: 0 workers",
        "→ Start it: meshwright-adapter envoy",
        "‼ the dashboard is served: not built",
        "→ Build it where the API runs: make web.",
        "✗ m1 is ready: two are away",
        "✗ p1 has its configuration: bad cluster",
        "→ meshwright deadletters show OP",
        "4 failed",
    ):
        assert line in told
    server.on("GET /readyz", ready)
    server.on("GET /", (200, {"content-type": "text/html"}, b"<html>"))
    server.on("GET /v1/adapters", server.page({**ADAPTER, "instances": ["i"]}))
    server.on("GET /v1/meshes", server.page({**MESH, "state": "ready"}))
    server.on("GET /v1/proxies", server.page())
    result = json.loads(terminal.run("check", "-o", "json").stdout)
    assert {one["status"] for one in result} == {"ok", "warning"}
    told = terminal.run("check").stdout
    assert "✓ views are up to date: 0 events behind, 0.4 s old" in told
    assert "✓ the dashboard is served" in told
    assert "it works, with 2 warnings" in told


@pytest.mark.parametrize(
    ("said", "expect", "line"),
    [
        ({"views": {"ok": False, "detail": "no projector runs"}, "behind": 30}, 1, "✗ {}: no projector runs; 30 ev"),
        ({"behind": 0}, 1, "✗ {}: their age is unknown; 0 events behind"),
        ({"views": {"ok": True}, "behind": 2, "age": 31.5}, 0, "‼ {}: 2 events behind, 31.5 s old"),
        ({"views": {"ok": True}, "behind": 1001, "age": 0.1}, 0, "‼ {}: 1001 events behind, 0.1 s old"),
    ],
)
def test_old_views_are_no_good_news(
    server: Server, terminal: Terminal, said: dict[str, Any], expect: int, line: str
) -> None:
    """A dead projector is a failure however few events it misses; one that is late a warning."""
    part = {"ok": True, "milliseconds": 1.5, "detail": ""}
    server.on("GET /readyz", {"ready": True, "bus": part, "storing": part, "store": part, "directory": part, **said})
    server.on("GET /v1/whoami", {"name": "admin", "role": "admin", "workspace": "*"})
    for path in ("adapters", "meshes", "proxies", "deadletters", "system/set-aside"):
        server.on(f"GET /v1/{path}", server.page())
    assert line.format("views are up to date") in terminal.run("check", expect=expect).stdout
