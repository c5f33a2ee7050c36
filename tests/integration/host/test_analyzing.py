"""Analysis by a live worker: files, what the mesh has, and both together, without anything being stored."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.bus.client import requesting, serving
from meshwright.core.kit import analysis
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas.findings import Analysis, AnalysisRequest, FindingRule, SourceFile
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
