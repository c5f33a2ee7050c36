"""The command line's reports of drift, of a mesh's intents, and of a connection test."""

import asyncio
import datetime
import json
import time
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.schemas import subjects
from meshwright.schemas.drift import Drift, DriftDetected, DriftedResource
from meshwright.schemas.references import ResourceRef

Terminal = Any

pytestmark = pytest.mark.servers


def detected(machine: Any, workspace: str, design: str, mesh: str) -> None:
    """A worker publishes that a resource of a release is missing."""
    drift = Drift(
        id=ids.fresh(),
        design=design,
        mesh=mesh,
        connection="place",
        revision=3,
        resources=[DriftedResource(ref=ResourceRef(group="example", kind="Rule", name="reviews"), change="missing")],
        detected_at=datetime.datetime.now(datetime.UTC),
    )
    subject = subjects.fill(subjects.EVENTS, workspace=workspace, origin="scripted", entity="drift", id=drift.id)

    async def publish() -> None:
        async with mwbus.connect(machine.nats_url, "test") as bus:
            await bus.publisher.publish(subject, DriftDetected(drift=drift))

    asyncio.run(publish())


def test_drift_is_listed_by_design_and_mesh(terminal: Terminal, machine: Any) -> None:
    """Each drifted resource is a line that says how it differs; the options choose among designs and meshes."""
    assert "No drift. Everything is as it was applied." in terminal.run("drift", "list").stdout
    workspace = terminal.environment["MESHWRIGHT_WORKSPACE"]
    detected(machine, workspace, "calm", "demo")
    detected(machine, workspace, "hasty", "other")
    end = time.monotonic() + 60
    listed: list[dict[str, Any]] = []
    while len(listed) < 2 and time.monotonic() < end:
        listed = json.loads(terminal.run("drift", "list", "-o", "json").stdout)
    assert {one["design"] for one in listed} == {"calm", "hasty"}
    columns, only = terminal.run("drift", "list", "--design", "calm").stdout.splitlines()
    assert columns.split() == ["DESIGN", "REVISION", "MESH", "DRIFT", "RESOURCE", "FIELDS", "SEEN"]
    assert only.split()[:4] == ["calm", "3", "demo", "missing"]
    of_mesh = json.loads(terminal.run("drift", "list", "--mesh", "other", "-o", "json").stdout)
    assert [one["design"] for one in of_mesh] == ["hasty"]
    assert len(json.loads(terminal.run("drift", "list", "--limit", "1", "-o", "json").stdout)) == 1


def test_the_intents_of_a_mesh_are_answered_by_its_adapter(shop: Terminal) -> None:
    """An intent that the adapter translates is a yes, any other a no; without facts the version is unknown."""
    printed = shop.run("meshes", "intents", "demo").stdout
    assert printed.splitlines()[0] == "demo of an unknown version"
    document = json.loads(shop.run("meshes", "intents", "demo", "-o", "json").stdout)
    assert {one["intent"] for one in document["intents"] if one["supported"]} == {"timeout"}
    shop.run("meshes", "intents", "nowhere", expect=3)


def test_a_connection_that_is_not_there_cannot_be_tried(shop: Terminal) -> None:
    """The refusal says which connection is missing, with the exit code of what is not there."""
    assert "nowhere" in shop.run("connections", "test", "nowhere", expect=3).stderr
