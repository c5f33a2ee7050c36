"""`meshwright migrate plan`: what carries over, what changes and what is lost, per service."""

from typing import Any

Server = Any
Terminal = Any
REF = {"group": "networking.istio.io", "kind": "VirtualService", "namespace": "shop", "name": "reviews"}
TIMEOUT = {"intent": "timeout", "service": "reviews", "timeout": "2s"}
MIRROR = {"intent": "mirror", "service": "ratings", "version": "v2"}
RETRY = {"intent": "retry", "service": "ratings", "attempts": 2}


def imported(*intents: dict[str, Any], left: int = 0) -> dict[str, Any]:
    """What a mesh is read as."""
    field = {"location": {"ref": REF, "pointer": "#/spec/http/0/rewrite", "file": "", "line": 0}, "because": "no"}
    design = {"id": "migration", "namespace": "shop", "intents": list(intents)}
    return {"design": design, "unexpressed": [field] * left, "resources": 2, "not_read": [], "unread": []}


def translated(*intents: str, unsupported: str = "", notes: list[str] | None = None) -> dict[str, Any]:
    """What a mesh makes of them."""
    lost = [{"intent": unsupported, "because": "it copies nothing", "instead": "split"}] if unsupported else []
    made = [{"intent": each, "resources": [], "notes": notes or []} for each in intents]
    return {"translations": made, "unsupported": lost, "problems": [], "diff": []}


def test_each_service_has_its_verdicts(server: Server, terminal: Terminal) -> None:
    """Asked for one by one: unchanged, changed with the reason, lost with what to do instead."""
    server.on("GET /v1/meshes/linkerd", {"id": "linkerd"})
    server.on("POST /v1/meshes/istio:import", imported(TIMEOUT, MIRROR, RETRY, left=1))
    server.on(
        "POST /v1/designs/migration:translate",
        translated("retry", unsupported="mirror", notes=["by status alone"]),
        translated("timeout"),
    )
    result = terminal.run("migrate", "plan", "--from", "istio", "--to", "linkerd", "--strict", expect=8)
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    told = {(line[0].strip(), part.strip()) for line in lines for part in line if part.strip()}
    assert {("ratings", "✗ lost"), ("ratings", "split"), ("ratings", "by status alone")} <= told
    assert ("reviews", "✓ unchanged") in told
    assert "spec.http[0].rewrite" in result.stdout
    assert "From istio to linkerd: 1 unchanged, 1 changes, 1 lost, 1 field without an intent." in result.stderr


def test_what_cannot_be_read_back_is_read_from_what_was_applied(server: Server, terminal: Terminal) -> None:
    """And what stands in the way on the other mesh is told with its own words."""
    server.on("GET /v1/meshes/istio", {"id": "istio"})
    server.on("POST /v1/meshes/demo:import", server.problem("invalid-document"))
    server.on("GET /v1/releases", {"items": [{"id": "r", "design": {"id": "d", "intents": [TIMEOUT]}}]})
    refusal = server.problem("invalid-document", errors=[{"pointer": "#/intents/0", "detail": "there is no service"}])
    server.on("POST /v1/designs/migration:translate", refusal)
    result = terminal.run("migrate", "plan", "--from", "demo", "--to", "istio")
    assert "designs applied to demo are read instead of its resources: just so" in result.stderr
    assert "✗ blocked" in result.stdout
    assert "there is no service" in result.stdout
    server.on("GET /v1/releases", {"items": []})
    assert "nothing to carry over" in terminal.run("migrate", "plan", "--from", "demo", "--to", "istio").stderr
