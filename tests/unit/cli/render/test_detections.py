"""The meshes of a cluster as people see them."""

import json
from typing import Any

Server = Any
Terminal = Any
MESH = {
    "namespace": "istio-system",
    "revision": "canary",
    "version": "1.30.3",
    "tags": ["prod"],
    "modes": ["sidecar", "ambient"],
    "installer": "helm",
    "sidecar_namespaces": ["shop"],
    "ambient_namespaces": ["mesh", "edge"],
    "conditions": [
        {"type": "ControlPlaneReady", "status": "True", "message": "2 of 2"},
        {"type": "ZtunnelReady", "status": "False", "message": "2 of 3 nodes have ztunnel"},
    ],
}


def tested(server: Server, **result: Any) -> None:
    """What the adapter of the connection answers."""
    server.on("POST /v1/connections/prod:test", {"ok": True, "problems": [], "details": {}, **result})


def test_every_mesh_is_a_line_and_what_is_wrong_stands_below(server: Server, terminal: Terminal) -> None:
    """What is as it should be is not told; a program gets the meshes whole."""
    tested(server, details={"meshes": [MESH], "strays": ["the namespace old follows a revision that is gone"]})
    lines = terminal.run("meshes", "detect", "prod").stdout.splitlines()
    row = ["istio-system", "canary", "1.30.3", "prod", "sidecar,", "ambient", "helm", "3"]
    assert lines[1].split() == row
    assert lines[2:] == [
        "istio-system/canary ZtunnelReady: 2 of 3 nodes have ztunnel",
        "the namespace old follows a revision that is gone",
    ]
    assert json.loads(terminal.run("meshes", "detect", "prod", "-o", "json").stdout) == [MESH]


def test_a_cluster_without_a_mesh_says_how_to_install_one(server: Server, terminal: Terminal) -> None:
    """An empty answer leads on."""
    tested(server, details={"meshes": [], "strays": []})
    assert "meshwright meshes install" in terminal.run("meshes", "detect", "prod").stdout


def test_meshes_that_cannot_be_told_are_a_failure(server: Server, terminal: Terminal) -> None:
    """The reason is the adapter's."""
    tested(server, ok=False, problems=[{"detail": "the server does not answer"}])
    assert "the server does not answer" in terminal.run("meshes", "detect", "prod", expect=1).stderr
