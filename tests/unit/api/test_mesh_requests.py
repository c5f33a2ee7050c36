"""Installing and upgrading as people ask for it: checked against what is announced before anything is sent."""

import datetime
from typing import Any

import msgspec
import pytest

from meshwright.schemas import adapters, operations
from meshwright.schemas.connections import Connection, ConnectionWritten
from meshwright.schemas.meshes import Mesh, MeshObserved

Harness = Any
VALUES = {"type": "object", "properties": {"cni": {"type": "boolean"}}, "additionalProperties": False}
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def acme(harness: Harness) -> Harness:
    """A live adapter for meshes of kind acme on connections of kind acme, with values of its own; one mesh is there."""
    offers = [
        adapters.OperationSupport(name=kind.kind.name, version=kind.kind.version, mutates=True)
        for kind in operations.OPERATION_TYPES
    ]
    worker = adapters.AdapterAnnouncement(
        name="acme", instance="i", version="1", contract=2, meshes=["acme"], operations=offers, intents=[],
        connections=[adapters.ConnectionSupport(kind="acme")], values=VALUES, started_at=NOW,
    )  # fmt: skip
    harness.live_adapters.learn("acme.i", msgspec.json.encode(worker))
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
    """What nobody would read is refused instead of being dropped."""
    harness.mesh()
    body = {"id": "m2", "connection": "place", "kind": "trial", "values": {"a": 1}}
    told = await harness.admin.problem("POST", "/v1/meshes", body, status=422, slug="invalid-document")
    assert told["errors"][0]["pointer"] == "#/values"
