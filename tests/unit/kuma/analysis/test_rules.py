"""Kuma's rules: each finds what breaks it at its place, and nothing once that is mended."""

from typing import Any

import pytest

from meshwright.adapters.kuma.analysis import analyzers
from meshwright.core.kit.analysis import Manifests, from_object

LABEL = "kuma.io/sidecar-injection"


def thing(kind: str, name: str, spec: dict[str, Any], api: str = "kuma.io/v1alpha1", **meta: Any) -> Any:
    """An object in `shop`."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "shop", **meta}, "spec": spec}


def service(name: str = "web", **port: Any) -> Any:
    """A service of one port."""
    return thing("Service", name, {"selector": {"app": name}, "ports": [{"port": 80, **port}]}, "v1")


def retry(name: str = "r", **ref: Any) -> Any:
    """A policy for `web`."""
    return thing("MeshRetry", name, {"to": [{"targetRef": {"kind": "MeshService", "name": "web", **ref}}]})


def route(backend: str) -> Any:
    """A route of `web`."""
    default = {"backendRefs": [{"kind": "MeshService", "labels": {"kuma.io/display-name": backend}}]}
    to = [{"targetRef": {"kind": "MeshService", "name": "web"}, "rules": [{"default": default}]}]
    return thing("MeshHTTPRoute", "r", {"to": to})


def place(kind: str = "labels", value: str = "enabled") -> Any:
    """The namespace."""
    meta = {"name": "shop", kind: {LABEL: value}} if kind else {"name": "shop"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}


def workload(value: str) -> Any:
    """A workload with a mark on its pods."""
    return thing("Deployment", "web", {"template": {"metadata": {"labels": {LABEL: value}}}}, "apps/v1")


def mesh(**spec: Any) -> Any:
    """The mesh."""
    return {"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": {"name": "default"}, "spec": spec}


def found(*bodies: Any) -> dict[str, str]:
    """The findings by their codes, with the pointers."""
    result = analyzers.run(Manifests(map(from_object, bodies)), complete=True)
    return {each.code: each.location.pointer for each in result.findings}


HTTP = service(appProtocol="http")
PERMISSION = thing("MeshTrafficPermission", "p", {"rules": []})
_TO = "#/spec/to/0/targetRef"
_LABELS = f"labels/{LABEL.replace('/', '~1')}"
CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("MW3951", _TO, [service(), retry()], [HTTP, retry()]),
    ("MW3952", _TO, [service("other", appProtocol="http"), retry()], [HTTP, retry()]),
    ("MW3952", "#/spec/to/0/rules/0/default/backendRefs/0", [HTTP, route("v2")], [HTTP, route("web")]),
    ("MW3953", f"#/metadata/annotations/{LABEL.replace('/', '~1')}", [place("annotations")], [place()]),
    ("MW3953", f"#/metadata/{_LABELS}", [place(value="on")], [place()]),
    ("MW3953", f"#/spec/template/metadata/{_LABELS}", [place(""), workload("enabled")], [place(), workload("enabled")]),
    ("MW3954", _TO, [HTTP, retry(), retry("s")], [HTTP, retry(sectionName="a"), retry("s", sectionName="b")]),
    ("MW3955", "#/spec", [mesh(), PERMISSION], [mesh(mtls={"enabledBackend": "ca"}), PERMISSION]),
]


@pytest.mark.parametrize(("code", "pointer", "broken", "mended"), CASES)
def test_a_rule_finds_what_breaks_it_and_nothing_else(
    code: str, pointer: str, broken: list[Any], mended: list[Any]
) -> None:
    """By its code and its place."""
    assert found(*broken) == {code: pointer}
    assert found(*mended) == {}


def test_an_identity_secures_its_mesh() -> None:
    """A MeshIdentity secures its mesh."""
    identity = thing("MeshIdentity", "i", {})
    assert found(mesh(), identity, PERMISSION) == {}


def test_every_rule_has_a_case() -> None:
    """Listed means looked for."""
    assert {code for code, *_ in CASES} == {code for code in analyzers.rules if code.startswith("MW395")}
