"""Analysis by a live worker: files, what the mesh has, and both together, without anything being stored."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.bus.client import requesting, serving
from meshwright.core.kit import analysis
from meshwright.core.kit.lifecycle.releases import BUCKET, ReleaseHistory
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas.designs import Design, Release
from meshwright.schemas.findings import Analysis, AnalysisRequest, FindingRule, SourceFile
from meshwright.schemas.intents import Timeout
from meshwright.workers.host import answering

pytestmark = pytest.mark.servers
RULE = FindingRule(code="MW9001", title="Loud", severity="warning", explanation="It is loud.", remedy="Turn it down.")
analyzers = analysis.Analyzers([RULE])


@analyzers.analyzer("MW9001")
def loud(manifests: analysis.Manifests) -> Iterator[analysis.Observation]:
    """Speakers above ten."""
    for each in manifests.of("", "Speaker"):
        if each.spec.get("volume", 0) > 10:
            yield analysis.Observation(code="MW9001", manifest=each, message="too loud", pointer="#/spec/volume")


def speaker(name: str, volume: int) -> str:
    """A file with one speaker."""
    return f"apiVersion: v1\nkind: Speaker\nmetadata: {{name: {name}}}\nspec:\n  volume: {volume}\n"


async def ask(bus: mwbus.Connection, request: AnalysisRequest) -> Analysis:
    """What a live worker answers."""
    payload = await requesting.request(bus, "example", "analyze", msgspec.json.encode(request))
    return msgspec.json.decode(payload, type=Analysis)


async def test_files_stand_for_what_the_mesh_has(nats_server: NatsServer, tmp_path: Path) -> None:
    """Live resources are read for the mesh that is named; a file replaces the resource of its name."""
    adapter = kit.Adapter("example", meshes=[], analyzers=analyzers)
    asked: list[kit.MeshRef] = []

    @adapter.live_resources
    async def read(scope: kit.Scope) -> analysis.LiveResources:
        asked.append(scope.mesh)
        bodies = [
            {"apiVersion": "v1", "kind": "Speaker", "metadata": {"name": name}, "spec": {"volume": 11}} for name in "ab"
        ]
        return analysis.LiveResources(manifests=[analysis.from_object(body) for body in bodies])

    async with mwbus.connect(nats_server.url, "tester") as bus:
        runtime = kit.Runtime(bus, "example", "w1", tmp_path)
        async with serving.serving(bus, "example", "1.0.0", answering.endpoints(adapter, runtime, None, bus)):
            before = await bus.stream_bounds("EVENTS")
            files = [SourceFile(name="a.yaml", content=speaker("a", 3)), SourceFile(name="c.yaml", content="[")]
            only_files = await ask(bus, AnalysisRequest(workspace="w", mesh="m", files=files))
            assert [each.code for each in only_files.findings] == ["MW3001"]
            both = await ask(bus, AnalysisRequest(workspace="w", connection="c", mesh="m", files=files, live=True))
            assert [(each.code, str(each.location.ref or "")) for each in both.findings] == [
                ("MW3001", ""),
                ("MW9001", "Speaker default/b"),
            ]
            assert both.resources == 2
            assert asked == [kit.MeshRef(workspace="w", connection="c", mesh="m")]
            assert await bus.stream_bounds("EVENTS") == before


async def test_a_design_of_a_file_is_held_against_the_applied_ones(nats_server: NatsServer, tmp_path: Path) -> None:
    """Those of this mesh and workspace; the one of its own name is what it replaces; files alone know of none."""
    adapter = kit.Adapter("example", meshes=[], analyzers=analyzers)

    @adapter.live_resources
    async def read(scope: kit.Scope) -> analysis.LiveResources:
        return analysis.LiveResources(manifests=[])

    def release(design: str, mesh: str, timeout: str) -> Release:
        return Release(
            id="0" * 26,
            design=Design(id=design, intents=[Timeout(service="reviews", timeout=timeout)]),
            mesh=mesh,
            connection="c",
            revision=1,
            state="applied",
            inventory=[],
            operation="0" * 26,
            principal="ann",
            applied_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        )

    text = "id: {}\nintents:\n- {{intent: timeout, service: reviews, timeout: 2s}}\n"
    async with mwbus.connect(nats_server.url, "tester") as bus:
        runtime = kit.Runtime(bus, "example", "w1", tmp_path)
        bucket = await runtime.bucket(BUCKET)
        for workspace, mesh, design in (("w", "m", "first"), ("w", "other", "second"), ("x", "m", "third")):
            history = ReleaseHistory(last_revision=1, releases=[release(design, mesh, "1s")])
            await bucket.create(f"{workspace}.{mesh}.{design}", msgspec.json.encode(history))
        async with serving.serving(bus, "example", "1.0.0", answering.endpoints(adapter, runtime, None, bus)):
            for name, live, expected in (("new", True, ["first"]), ("first", True, []), ("new", False, [])):
                file = SourceFile(name="a.yaml", content=text.format(name))
                request = AnalysisRequest(workspace="w", connection="c", mesh="m", files=[file], live=live)
                result = await ask(bus, request)
                assert {each.code for each in result.findings} <= {"MW3005"}
                assert [one.ref.name for each in result.findings for one in each.related if one.ref] == expected


async def test_an_adapter_that_does_not_analyze_says_so(nats_server: NatsServer, tmp_path: Path) -> None:
    """Without analyzers, without a reader of live resources, and for a question that is none."""
    silent, files_only = kit.Adapter("example", meshes=[]), kit.Adapter("example", meshes=[], analyzers=analyzers)
    question = msgspec.json.encode(AnalysisRequest(workspace="w", mesh="m", live=True))
    async with mwbus.connect(nats_server.url, "tester") as bus:
        runtime = kit.Runtime(bus, "example", "w1", tmp_path)
        for adapter, payload, code in (
            (silent, question, "MW1018"),
            (files_only, question, "MW1018"),
            (files_only, b"{}", "MW1017"),
        ):
            endpoints = answering.endpoints(adapter, runtime, None, bus)
            async with serving.serving(bus, "example", "1.0.0", endpoints):
                with pytest.raises(requesting.ServiceRefused) as refused:
                    await requesting.request(bus, "example", "analyze", payload)
                assert refused.value.failure.code == code
