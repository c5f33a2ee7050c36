"""The meshes of a cluster as people see them."""

import json
from typing import Any

Server = Any
Terminal = Any
MESH = {
    "kind": "istio",
    "adapter": "istio",
    "namespace": "istio-system",
    "revision": "canary",
    "version": "1.30.3",
    "tags": ["prod"],
    "modes": ["sidecar", "ambient"],
    "installer": "helm",
    "enrolled": ["shop", "mesh", "edge"],
    "state": "degraded",
    "conditions": [
        {"type": "ControlPlaneReady", "status": "True", "message": "2 of 2"},
        {"type": "ZtunnelReady", "status": "False", "message": "2 of 3 nodes have ztunnel"},
    ],
    "mesh": "",
}
MANAGED = {**MESH, "revision": "default", "state": "ready", "conditions": [], "mesh": "main", "tags": []}


def detected(server: Server, *meshes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the adapters of the connection detect."""
    result = {"meshes": [*meshes], "notes": [], "problems": [], **more}
    server.on("POST /v1/connections/prod:detect", result)
    return result


def test_every_mesh_is_a_line_and_what_is_wrong_stands_below(server: Server, terminal: Terminal) -> None:
    """Only problems are listed, and how to adopt an unmanaged mesh; a program gets everything."""
    result = detected(server, MESH, MANAGED, notes=["the namespace old follows a revision that is gone"])
    lines = terminal.run("meshes", "detect", "prod").stdout.splitlines()
    row = ["istio", "istio-system", "canary", "1.30.3", "prod", "sidecar,", "ambient", "✗", "degraded", "helm", "3"]
    assert lines[1].split() == row
    assert lines[2].split()[-1] == "main"
    assert lines[3:] == [
        "istio-system/canary ZtunnelReady: 2 of 3 nodes have ztunnel",
        "the namespace old follows a revision that is gone",
        "Adopt istio-system/canary: meshwright meshes adopt istio-canary --connection prod --kind istio --namespace "
        "istio-system --revision canary",
    ]
    assert json.loads(terminal.run("meshes", "detect", "prod", "-o", "json").stdout) == result


def test_a_connection_without_a_mesh_says_how_to_install_one(server: Server, terminal: Terminal) -> None:
    """An empty answer leads on."""
    detected(server)
    assert "meshes install NAME --connection prod" in terminal.run("meshes", "detect", "prod").stdout


def test_meshes_that_cannot_be_seen_are_a_failure(server: Server, terminal: Terminal) -> None:
    """The reason is the adapter's; with the meshes of another adapter it stands below these."""
    problem = {"detail": "linkerd: the server does not answer"}
    detected(server, problems=[problem])
    assert problem["detail"] in terminal.run("meshes", "detect", "prod", expect=1).stderr
    detected(server, MANAGED, problems=[problem])
    assert terminal.run("meshes", "detect", "prod").stdout.splitlines()[2:] == [problem["detail"]]


def proxy(name: str, state: str, **fields: Any) -> dict[str, Any]:
    """A proxy of Istio as the API shows it."""
    sync = [{"type": "Cluster", "state": "synced"}, {"type": "Listener", "state": "synced"}]
    base = {"id": f"prod~shop~{name}", "mesh": "prod", "namespace": "shop", "name": name, "state": state}
    known = {"mode": "sidecar", "version": "1.30.3", "control_plane": "istiod-1", "revision": "default", "sync": sync}
    return {**base, **known, "workload": "prod~shop~deployment~web", "observed_at": "2026-01-01T00:00:00Z", **fields}


REFUSED = proxy(
    "web-2",
    "rejected",
    error="Listener: no such socket option",
    sync=[
        {"type": "Cluster", "state": "synced"},
        {"type": "Listener", "state": "rejected", "error": "no such socket option", "sent": "2/7", "acked": "2/6"},
        {"type": "RouteConfiguration", "state": "stale", "sent": "2/7", "acked": "2/6"},
        {"type": "TypedExtensionConfig", "state": "not_sent"},
        {"type": "NameTable", "state": "synced"},
    ],
)


def test_proxies_say_for_each_type_what_they_have_taken(server: Server, terminal: Terminal) -> None:
    """Types that are not synced are named with their state, and what a proxy refuses stands below in its words."""
    server.on("GET /v1/proxies", {"items": [proxy("web-1", "synced"), REFUSED]})
    head, first, second, _, words = terminal.run("proxies", "list", "--mesh", "prod").stdout.splitlines()
    assert head.split()[:7] == ["PROXY", "NAMESPACE", "WORKLOAD", "MODE", "MESH", "CONFIG", "TYPES"]
    assert "✓ synced" in first
    assert "2 synced" in first
    assert "✗ rejected" in second
    assert "2 synced, listeners rejected, routes stale, extensions not sent" in second
    assert words == "✗ web-2 says: Listener: no such socket option"


def test_what_many_proxies_refuse_does_not_fill_the_screen(server: Server, terminal: Terminal) -> None:
    """The words of the first few, shortened; how many more there are, and where all words of one are."""
    wordy = "Listener: " + "no such socket option, " * 100
    server.on("GET /v1/proxies", {"items": [proxy(f"web-{n}", "rejected", error=wordy) for n in range(8)]})
    printed = terminal.run("proxies", "list").stdout
    assert printed.count("says: Listener: no such socket option") == 5
    assert "and 3 more; `meshwright proxies show NAME` has all words of one" in printed
    assert all(len(line) < 500 for line in printed.splitlines())


def test_certificates_are_told_where_somebody_knows_them(server: Server, terminal: Terminal) -> None:
    """Where no proxy has one there is no column; where others have one, it is missing."""
    certificate = {"spiffe_id": "spiffe://m/ns/shop/sa/web", "serial": "1", "not_after": "2026-01-01T00:00:00Z"}
    server.on("GET /v1/proxies", {"items": [proxy("web-1", "synced")]})
    assert "CERTIFICATE" not in terminal.run("proxies", "list").stdout
    server.on("GET /v1/proxies", {"items": [proxy("web-1", "synced"), proxy("b", "synced", certificate=certificate)]})
    _, first, second = terminal.run("proxies", "list").stdout.splitlines()
    assert "none" in first
    assert "✗ expired" in second


def test_a_proxy_is_shown_with_every_type(server: Server, terminal: Terminal) -> None:
    """Which versions were sent and taken, and what it says; who serves it."""
    server.on("GET /v1/proxies/prod~shop~web-2", REFUSED)
    told = terminal.run("proxies", "show", "prod~shop~web-2").stdout
    assert "shop/web-2  ✗ rejected  sidecar 1.30.3 of mesh prod" in told
    assert "workload web, revision default, served by istiod-1" in told
    rows = [line.split() for line in told.splitlines()]
    assert ["listeners", "✗", "rejected", "2/7", "2/6", "no", "such", "socket", "option"] in rows
    assert ["extensions", "…", "not", "sent"] in rows
    assert ["NameTable", "✓", "synced"] in rows
