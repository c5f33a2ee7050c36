"""An adapter of nothing but the kit's Kubernetes target passes the suite that every adapter must pass."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from cluster_adapter import SETTINGS, settings
from cluster_adapter import cluster as adapter

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.target import bodies, occupants
from meshwright.core.testing.conformance import AdapterConformance, Sample, World
from meshwright.schemas import operations
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import NativeResource
from meshwright.schemas.references import ResourceRef

_KINDS = (("", "Namespace"), ("", "ConfigMap"), ("", "Service"))


def _namespace(directory: Path) -> str:
    return f"meshwright-test-{hashlib.sha256(str(directory).encode()).hexdigest()[:10]}"


def _design(namespace: str, revision: int) -> operations.ApplyDesign:
    """A namespace with two objects in it; the second revision changes one and replaces the other."""
    data = {"revision": str(revision)}
    return operations.ApplyDesign(
        design=Design(
            id="d",
            namespace=namespace,
            resources=[
                NativeResource(type="v1/Namespace", name=namespace, body={}),
                NativeResource(type="v1/ConfigMap", name="a", body={"data": data}),
                NativeResource(type="v1/Service", name=f"b{revision}", body={"spec": {"ports": [{"port": 80}]}}),
            ],
        )
    )


async def _seen(namespace: str) -> object:
    """The objects of the designs, without the fields that each creation sets again."""
    collected: list[Any] = []
    async with k8s.Cluster.open(settings()) as cluster:
        for group, kind in _KINDS:
            fields = f"metadata.name={namespace}" if kind == "Namespace" else ""
            listed = cluster.list(group, kind, None if fields else namespace, fields=fields)
            items = [each async for each in listed if each.ref.name not in occupants.EVERYWHERE]
            collected += [bodies.shown(each.body) for each in items]
    return collected


class TestCluster(AdapterConformance):
    """See `AdapterConformance`."""

    adapter = adapter
    load_as: ClassVar[str] = "cluster_adapter:cluster"
    path: ClassVar[Path | None] = Path(__file__).parents[2] / "example"
    patience: ClassVar[float] = 90.0

    @pytest.fixture(autouse=True)
    async def _nothing_left(
        self, tmp_path: Path, kubernetes_settings: Kubernetes, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[None]:
        file = tmp_path / "settings.json"
        file.write_bytes(msgspec.json.encode(kubernetes_settings))
        monkeypatch.setenv(SETTINGS, str(file))
        yield
        async with k8s.Cluster.open(settings()) as cluster:
            for directory in (tmp_path, tmp_path / "calm", tmp_path / "killed", tmp_path / "cancelled"):
                await cluster.delete(ResourceRef(kind="Namespace", name=_namespace(directory)))

    def samples(self, directory: Path) -> dict[str, Sample]:
        """Designs in a namespace of the directory's own."""
        namespace = _namespace(directory)
        first, second = _design(namespace, 1), _design(namespace, 2)

        async def look(_world: World) -> object:
            text = str(await _seen(namespace))
            return text.replace(namespace, "it")

        removed, back = operations.RemoveDesign(design="d"), operations.RollbackDesign(design="d")
        return {
            "design.apply": Sample(arguments=second, before=(first,), look=look),
            "design.remove": Sample(arguments=removed, before=(first,), look=look),
            "design.rollback": Sample(arguments=back, before=(first, second), look=look),
        }
