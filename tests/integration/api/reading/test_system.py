"""Meshwright itself, as it says it is."""

import datetime

import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.schemas.adapters import Adapter, AdapterAnnouncement
from meshwright.schemas.operations import Operation
from meshwright.ui_api.routes.reading.processes import adapter_states
from rig.stack.people import Person
from rig.stack.windows import iso

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


@pytest.mark.servers
async def test_streams_views_and_workers_are_seen(admin: Person) -> None:
    """Every stream with its limit, the views up to date, the worker with its version and the meshes that it serves."""
    await admin.mesh()

    async def caught_up() -> bool:
        projected = (await admin.get("/v1/system"))["projection"]["streams"]
        return all(each["behind"] == 0 for each in projected)

    await eventually(caught_up)
    system = await admin.get("/v1/system")
    streams = {each["name"]: each for each in system["streams"]}
    assert {"EVENTS", "STATE", "COMMANDS", "METRICS", "DEADLETTERS", "SEEN"} <= streams.keys()
    events = streams["EVENTS"]
    assert events["messages"] > 0
    assert 0 < events["bytes"] < events["limit_bytes"]
    assert events["fill"] < 1.0
    assert [name for name, each in streams.items() if each["rolling"]] == ["METRICS"]
    projection = system["projection"]
    assert {each["stream"] for each in projection["streams"]} == {"EVENTS", "STATE", "METRICS", "DEADLETTERS", "SEEN"}
    assert projection["complaint"] == ""
    assert projection["heartbeat"] < 60
    (adapter,) = [each for each in system["adapters"] if each["name"] == "trial"]
    assert (adapter["meshes"], adapter["open_operations"], adapter.get("open_since")) == (["m1"], 0, None)
    (worker,) = adapter["workers"]
    assert (adapter["versions"], worker["skewed"]) == ([worker["version"]], False)
    assert datetime.datetime.fromisoformat(system["at"]) > datetime.datetime.fromisoformat(worker["started_at"])


def worker(instance: str, version: str, minutes: int = 0) -> AdapterAnnouncement:
    """A live worker of istio."""
    return AdapterAnnouncement(
        name="istio", instance=instance, version=version, contract=2, meshes=["istio"], operations=[], intents=[],
        started_at=NOW + minutes * MINUTE,
    )  # fmt: skip


def test_workers_of_another_version_than_the_last_are_skewed() -> None:
    """During a rolling upgrade; operations and meshes stand with their adapter, also with one that is away."""
    oldest = [
        Operation(id="01JD8X3M5TZ9Q4W7V2K6N0B1CE", workspace="w", adapter="istio", accepted_at=NOW + each * MINUTE)
        for each in (1, 2)
    ]
    known = [Adapter(id="istio", failure="of before"), Adapter(id="linkerd", failure="no module")]
    live = [worker("b", "1.2", 5), worker("a", "1.1")]
    istio, linkerd = adapter_states(known, live, {"istio": ["m"]}, {"istio": 2}, oldest)
    assert [(each.instance, each.version, each.skewed) for each in istio.workers] == [
        ("a", "1.1", True), ("b", "1.2", False),
    ]  # fmt: skip
    assert (istio.versions, istio.meshes, istio.open_operations, istio.failure) == (["1.1", "1.2"], ["m"], 2, "")
    assert istio.open_since is not None
    assert iso(istio.open_since) == "2026-01-01T00:01:00Z"
    assert (linkerd.workers, linkerd.failure, linkerd.open_since) == ([], "no module", None)
