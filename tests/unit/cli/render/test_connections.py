"""The test of a connection as people see it."""

from typing import Any

import pytest

Server = Any
Terminal = Any


def permission(action: str, *, allowed: bool = True, because: str = "") -> dict[str, Any]:
    """One permission as the API gives it."""
    return {"action": action, "allowed": allowed, "because": because}


@pytest.mark.parametrize("ok", [True, False])
def test_verbs_of_a_resource_share_a_line(server: Server, terminal: Terminal, ok: bool) -> None:
    """The identity is first; denied permissions are separate, with the reason; the exit code reports them."""
    permissions = [permission("get pods in the cluster"), permission("list pods in the cluster")]
    if not ok:
        permissions.append(permission("patch pods in the cluster", allowed=False, because="no role allows it"))
    result = {
        "ok": ok,
        "identity": "ann",
        "version": "v1.35.4",
        "permissions": permissions,
        "problems": [],
        "details": {"server": "https://k:6443"},
        "worker": "w",
    }
    server.on("POST /v1/connections/prod:test", result)
    lines = terminal.run("connections", "test", "prod", expect=0 if ok else 1).stdout.splitlines()
    assert lines[0] == f"{'✓' if ok else '✗'} ann  v1.35.4  https://k:6443"
    assert any("get, list" in line and "pods in the cluster" in line for line in lines)
    assert any("✗ no" in line and "patch" in line and "no role allows it" in line for line in lines) is not ok


def test_a_cluster_that_does_not_answer_is_said(server: Server, terminal: Terminal) -> None:
    """Without permissions the problems are shown."""
    problem = {"pointer": "#/kubeconfig", "detail": "it does not answer", "code": ""}
    result = {"ok": False, "identity": "", "version": "", "permissions": [], "problems": [problem], "details": {}}
    server.on("POST /v1/connections/prod:test", result)
    shown = terminal.run("connections", "test", "prod", expect=1).stdout
    assert "#/kubeconfig: it does not answer" in shown


def test_each_condition_has_a_line(server: Server, terminal: Terminal) -> None:
    """Its type, status, reason and what to do; the number of objects comes first."""
    conditions = [
        {"type": "Reachable", "status": "True", "reason": "Answering", "message": ""},
        {"type": "Replaced", "status": "True", "reason": "AnotherCluster", "message": "another cluster answers"},
    ]
    document = {"id": "prod", "conditions": conditions, "resources": 7, "observed_at": "2026-11-28T02:00:00Z"}
    server.on("GET /v1/connections/prod/status", document)
    lines = terminal.run("connections", "status", "prod").stdout.splitlines()
    assert lines[0] == "prod: 7 objects, as of 2026-11-28T02:00:00Z"
    assert any("Reachable" in line and "Answering" in line for line in lines)
    assert any("Replaced" in line and "AnotherCluster" in line and "another cluster answers" in line for line in lines)
