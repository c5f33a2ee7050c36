"""Import by a live worker: files, what the mesh has, and both together, without anything being stored."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.bus.client import requesting, serving
from meshwright.core.kit import analysis
from meshwright.core.kit.importing import Reading, Surroundings
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas.designs import ImportedDesign, ImportRequest
from meshwright.schemas.findings import SourceFile
from meshwright.schemas.intents import AnyIntent, Timeout
from meshwright.workers.host import answering

pytestmark = pytest.mark.servers
GROUP = "example.com"


def patience(reading: Reading, _: Surroundings) -> list[AnyIntent]:
    """A kind that says how long its service may take."""
    seconds = reading.spec.at("seconds")
    seconds.express()
    return [Timeout(service=f"{reading.namespace}/{reading.name}", timeout=f"{seconds.number}s")]


def example() -> kit.Adapter:
    """An adapter that imports one kind of its own."""
    adapter = kit.Adapter("example", meshes=[])
    adapter.importer(GROUP, "Patience")(patience)
    return adapter


def written(name: str, seconds: int, namespace: str = "") -> str:
    """A file with one resource, and an unknown field."""
    place = f", namespace: {namespace}" if namespace else ""
    return (
        f"apiVersion: {GROUP}/v1\nkind: Patience\nmetadata: {{name: {name}{place}}}\n"
        f"spec:\n  seconds: {seconds}\n  color: red\n"
    )


async def ask(bus: mwbus.Connection, request: ImportRequest) -> ImportedDesign:
    """What a live worker answers."""
    payload = await requesting.request(bus, "example", "import", msgspec.json.encode(request))
    return msgspec.json.decode(payload, type=ImportedDesign)


async def test_files_stand_for_what_the_mesh_has(nats_server: NatsServer, tmp_path: Path) -> None:
    """The kinds that have readers are read of the mesh; a file replaces a resource; what is left has file and line."""
    adapter = example()
    asked: list[tuple[kit.MeshRef, Sequence[tuple[str, str]]]] = []

    @adapter.live_kinds
    async def read(scope: kit.Scope, kinds: Sequence[tuple[str, str]]) -> analysis.LiveResources:
        asked.append((scope.mesh, kinds))
        body = {"apiVersion": f"{GROUP}/v1", "kind": "Patience", "spec": {"seconds": 9}}
        bodies = [{**body, "metadata": {"name": name, "namespace": "shop"}} for name in "ab"]
        manifests = [analysis.from_object(each) for each in bodies]
        return analysis.LiveResources(manifests=manifests, unread=frozenset({("x", "Secretive")}))

    async with mwbus.connect(nats_server.url, "tester") as bus:
        runtime = kit.Runtime(bus, "example", "w1", tmp_path)
        async with serving.serving(bus, "example", "1.0.0", answering.endpoints(adapter, runtime, None, bus)):
            before = await bus.stream_bounds("EVENTS")
            request = ImportRequest(
                workspace="w",
                connection="c",
                mesh="m",
                files=[SourceFile(name="a.yaml", content=written("a", 3))],
                live=True,
                id="moved",
                namespace="shop",
            )
            answer = await ask(bus, request)
            assert (answer.design.id, answer.design.namespace) == ("moved", "shop")
            assert answer.design.intents == [
                Timeout(service="a", timeout="3s"),
                Timeout(service="b", timeout="9s"),
            ]
            (left,) = answer.unexpressed
            assert (left.location.pointer, left.location.file, left.location.line) == ("#/spec/color", "a.yaml", 6)
            assert answer.unread == ["Secretive"]
            ((mesh, kinds),) = asked
            assert mesh == kit.MeshRef(workspace="w", connection="c", mesh="m")
            assert {(GROUP, "Patience"), ("", "Service"), ("gateway.networking.k8s.io", "HTTPRoute")} <= {*kinds}
            assert await bus.stream_bounds("EVENTS") == before


@pytest.mark.parametrize(
    ("request_of", "code", "words"),
    [
        ({"live": True}, "MW1020", "imports files only"),
        ({"files": [SourceFile(name="b.yaml", content="a: 1\n  b: [")]}, "MW1021", "b.yaml:2: "),
        ({"files": [SourceFile(name="b.yaml", content="kind: Patience")]}, "MW1021", "b.yaml:1: a resource needs"),
        (
            {"files": [SourceFile(name=f"{ns}.yaml", content=written("a", 1, ns)) for ns in "ab"], "flat": True},
            "MW1022",
            "services of a, b are meant",
        ),
    ],
)
async def test_what_cannot_be_imported_is_refused(
    nats_server: NatsServer, tmp_path: Path, request_of: dict[str, object], code: str, words: str
) -> None:
    """A mesh that cannot be read, a broken file with its line, and names that would mean two services."""
    async with mwbus.connect(nats_server.url, "tester") as bus:
        runtime = kit.Runtime(bus, "example", "w1", tmp_path)
        async with serving.serving(bus, "example", "1.0.0", answering.endpoints(example(), runtime, None, bus)):
            with pytest.raises(requesting.ServiceRefused) as refused:
                await ask(bus, ImportRequest(workspace="w", mesh="m", **request_of))  # type: ignore[arg-type]
            assert refused.value.failure.code == code
            assert words in refused.value.failure.what


async def test_an_adapter_announces_what_it_imports() -> None:
    """Its own kinds, and those that belong to no mesh; a kind has one reader."""
    adapter = example()
    names = adapter.announcement("w1").imports
    assert {f"Patience.{GROUP}", "HTTPRoute.gateway.networking.k8s.io", "TrafficSplit.split.smi-spec.io"} <= {*names}
    with pytest.raises(ValueError, match="has a reader already"):
        adapter.importer("split.smi-spec.io", "TrafficSplit")(patience)
