"""Installing and upgrading as people ask for it: checked against what is announced before anything is sent."""

import datetime
from typing import Any

import msgspec
import pytest

from meshwright.schemas import adapters, operations
from meshwright.schemas.connections import Connection, ConnectionWritten
from meshwright.schemas.meshes import DetectedMesh, Detections, Mesh, MeshObserved
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.requests import previews

Harness = Any
VALUES = {"type": "object", "properties": {"cni": {"type": "boolean"}}, "additionalProperties": False}
NOW = datetime.datetime.now(datetime.UTC)


def worker(name: str, *offers: str) -> bytes:
    """A live adapter for meshes of kind acme on connections of kind acme, with these operations."""
    announced = adapters.AdapterAnnouncement(
        name=name, instance="i", version="1", contract=2, meshes=["acme"], intents=[], values=VALUES, started_at=NOW,
        operations=[
            adapters.OperationSupport(name=each.kind.name, version=each.kind.version, mutates=True)
            for each in operations.OPERATION_TYPES
            if each.kind.name in offers or not offers
        ],
        connections=[adapters.ConnectionSupport(kind="acme")],
    )  # fmt: skip
    return msgspec.json.encode(announced)


@pytest.fixture
def acme(harness: Harness) -> Harness:
    """A live adapter for meshes of kind acme on connections of kind acme, with values of its own; one mesh is there."""
    harness.live_adapters.learn("acme.i", worker("acme"))
    for name, kind in (("hill", "acme"), ("flat", "prometheus")):
        written = ConnectionWritten(document=Connection(id=name, kind=kind), principal="test")
        harness.learn("default", "connection", name, written)
    seen = Mesh(id="there", kind="acme", connection="hill", adapter="acme", observed_at=NOW)
    harness.directory.learn("mw.evt.default.acme.mesh.there", MeshObserved(mesh=seen))
    return harness


async def test_arguments_reach_the_adapter_as_they_were_given(acme: Harness) -> None:
    """The kind and the adapter follow from the connection."""
    asked = {
        "version": "1.2",
        "revision": "blue",
        "profile": "demo",
        "namespace": "acme-system",
        "values": {"cni": True},
    }
    made = (await acme.admin.post("/v1/meshes", {"id": "m", "connection": "hill", **asked})).json()
    assert made["adapter"] == "acme"
    assert made["arguments"] == {**asked, "trust_domain": "mesh.local"}
    asked = {"version": "1.3", "revision": "green", "values": {}}
    raised = (await acme.admin.post("/v1/meshes/there:upgrade", asked)).json()
    assert (raised["kind"], raised["arguments"]) == ("mesh.upgrade", asked)


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/meshes", {"id": "m", "connection": "hill", "values": {"cni": "yes"}}, "#/values/cni"),
        ("/v1/meshes", {"id": "m", "connection": "hill", "values": {"x": 1}}, "#/values"),
        ("/v1/meshes", {"id": "m", "connection": "flat", "kind": "acme"}, "#/connection"),
        ("/v1/meshes/there:upgrade", {"values": {"cni": 5}}, "#/values/cni"),
        (
            "/v1/operations",
            {"kind": "mesh.upgrade", "mesh": "there", "arguments": {"values": {"cni": 5}}},
            "#/arguments/values/cni",
        ),
    ],
)
async def test_what_does_not_fit_is_refused_before_anything_is_sent(
    acme: Harness, path: str, body: dict[str, Any], pointer: str
) -> None:
    """Values that break the announced schema, and a mesh where its adapter does not serve, with the place of each."""
    told = await acme.admin.problem("POST", path, body, status=422, slug="invalid-document")
    assert [error["pointer"] for error in told["errors"]] == [pointer]


async def test_an_adapter_without_a_schema_takes_no_values(harness: Harness) -> None:
    """Values that no one would read are refused instead of being dropped."""
    harness.mesh()
    body = {"id": "m2", "connection": "place", "kind": "trial", "values": {"a": 1}}
    told = await harness.admin.problem("POST", "/v1/meshes", body, status=422, slug="invalid-document")
    assert told["errors"][0]["pointer"] == "#/values"


async def test_a_mesh_is_adopted_and_forgotten_by_name(acme: Harness) -> None:
    """Who serves it follows from the connection; what is empty is left to the adapter."""
    asked = {"id": "old", "connection": "hill", "revision": "blue"}
    made = (await acme.admin.post("/v1/meshes:adopt", asked)).json()
    assert (made["kind"], made["adapter"], made["mesh"]) == ("mesh.adopt", "acme", "old")
    assert made["arguments"] == {"namespace": "", "revision": "blue"}
    gone = (await acme.admin.post("/v1/meshes/there:forget", {})).json()
    assert (gone["kind"], gone["mesh"], gone["arguments"]) == ("mesh.forget", "there", {})


@pytest.mark.parametrize(
    ("path", "body", "status", "slug"),
    [
        ("/v1/meshes:adopt", {"id": "m", "connection": "nowhere"}, 422, "invalid-document"),
        ("/v1/meshes:adopt", {"id": "m", "connection": "flat", "kind": "acme"}, 422, "invalid-document"),
        ("/v1/meshes:adopt", {"id": "there", "connection": "flat", "kind": "acme"}, 409, "already-exists"),
        ("/v1/meshes:adopt", {"id": "m", "connection": "hill", "namespace": 5}, 422, "invalid-document"),
        ("/v1/meshes:adopt", {"id": "M!", "connection": "hill"}, 422, "invalid-document"),
        ("/v1/meshes/nothing:forget", {}, 404, "not-found"),
    ],
)
async def test_what_cannot_be_adopted_is_refused_at_once(
    acme: Harness, path: str, body: dict[str, Any], status: int, slug: str
) -> None:
    """No adapter is asked about a connection or mesh that is not there, or a name that stands elsewhere."""
    await acme.admin.problem("POST", path, body, status=status, slug=slug)


async def test_detection_asks_those_adapters_that_detect(acme: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are merged; an adapter that cannot answer hides no mesh of another, and is reported as a problem."""
    acme.live_adapters.learn("other.i", worker("other", "mesh.adopt"))
    acme.live_adapters.learn("blind.i", worker("blind", "mesh.install"))
    asked: list[str] = []

    async def ask(_api: Any, adapter: str, endpoint: str, payload: bytes, *_: Any) -> Detections:
        asked.append(f"{adapter} {endpoint} {msgspec.json.decode(payload)['connection']}")
        if adapter == "other":
            raise Refusal("adapter-slow", "it took too long")
        return Detections(meshes=[DetectedMesh(kind="acme", revision="blue")], notes=["a note"])

    monkeypatch.setattr(previews, "ask", ask)
    await acme.admin.put("/v1/connections/peak", {"kind": "acme", "settings": {}})
    told = (await acme.admin.post("/v1/connections/peak:detect", {}, expect=200)).json()
    assert sorted(asked) == ["acme detect peak", "other detect peak"]
    assert [(each["kind"], each["revision"]) for each in told["meshes"]] == [("acme", "blue")]
    assert told["notes"] == ["a note"]
    assert [each["detail"] for each in told["problems"]] == ["other: it took too long"]


async def test_a_connection_that_nobody_looks_at_is_reported(acme: Harness) -> None:
    """404 for one that is not there; 503 names the adapters that serve it and do not detect."""
    await acme.admin.problem("POST", "/v1/connections/nowhere:detect", {}, status=404, slug="not-found")
    acme.live_adapters.learn("acme.i", worker("acme", "mesh.install"))
    await acme.admin.put("/v1/connections/peak", {"kind": "acme", "settings": {}})
    told = await acme.admin.problem("POST", "/v1/connections/peak:detect", {}, status=503, slug="adapter-unavailable")
    assert "these serve it, and do not detect: acme" in told["detail"]
