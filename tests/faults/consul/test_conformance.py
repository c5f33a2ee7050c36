"""The Consul adapter passes the conformance suite, against a real Consul and with workers that are killed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from meshwright.adapters.consul import adapter as consul_adapter
from meshwright.core import kit
from meshwright.core.testing import intent_samples
from meshwright.core.testing.conformance import AdapterConformance, Sample, World
from meshwright.schemas import intents, subjects
from meshwright.schemas import operations as ops
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.meshes import MeshObserved
from meshwright.schemas.workloads import NamespaceMember
from rig.consul.meshes import mesh
from rig.consul.registering import configured, emptied, register
from rig.consul.worker import connect
from testbed.consul import ConsulServer

pytestmark = [pytest.mark.servers, pytest.mark.faults]
_IN_CLUSTER = NamespaceMember(namespace="default")
"""what takes part where a cluster is, and is not asked for here"""


def _design(revision: int) -> ops.ApplyDesign:
    """The second revision changes what the first has made, makes something new, and leaves something out."""
    weights = {"v1": 100 - revision, "v2": revision}
    backends = [intents.Backend(version=version, weight=weight) for version, weight in weights.items()]
    others: dict[int, AnyIntent] = {
        1: intents.Timeout(service="reviews", timeout="2s"),
        2: intents.DenyAll(service="ratings"),
    }
    split = intents.TrafficSplit(service="reviews", backends=backends)
    return ops.ApplyDesign(design=Design(id="d", intents=[split, others[revision]]))


class TestConsulConformance(AdapterConformance):
    """See `AdapterConformance`."""

    adapter: ClassVar[kit.Adapter] = consul_adapter
    load_as: ClassVar[str] = "consul"
    patience: ClassVar[float] = 60.0
    only = frozenset({"design.apply", "design.remove", "design.rollback", "mesh.adopt", "mesh.forget", "mesh.status"})
    """the others are those of a Consul in a cluster"""
    intent_samples: ClassVar[Sequence[AnyIntent]] = [
        intents.AccessLog() if isinstance(each, intents.AccessLog) else each for each in intent_samples.SAMPLES
    ]
    consul: ConsulServer

    @pytest.fixture(autouse=True)
    def workers(self, monkeypatch: pytest.MonkeyPatch, consul: ConsulServer) -> None:
        """Workers may connect to the server."""
        monkeypatch.setenv("MESHWRIGHT_CONNECTION_ALLOW", "127.0.0.0/8")
        self.consul = consul

    def facts(self) -> kit.Facts:
        """A mesh that has all services of the samples."""
        return mesh()

    @asynccontextmanager
    async def world(self, directory: Path) -> AsyncIterator[World]:
        """A bus that knows the server, which has services and no entries."""
        await emptied(self.consul)
        await register(self.consul)
        async with super().world(directory) as world:
            await connect(world.sender.bus, directory, self.consul.url, self.consul.token)
            yield world

    def samples(self, directory: Path) -> dict[str, Sample]:
        """One of each operation, and what is to be seen of it in Consul."""
        first, second = _design(1), _design(2)

        async def look(_world: World) -> object:
            return await configured(self.consul)

        def sample(arguments: ops.Arguments, *before: ops.Arguments) -> tuple[str, Sample]:
            seen = _is_managed if isinstance(arguments, ops.AdoptMesh | ops.ForgetMesh) else look
            return arguments.kind.name, Sample(arguments=arguments, before=before, look=seen)

        return dict(
            [
                sample(ops.AdoptMesh()),
                sample(ops.ForgetMesh(), ops.AdoptMesh()),
                sample(ops.RefreshStatus()),
                sample(second, first),
                sample(ops.RemoveDesign(design="d"), first),
                sample(ops.RollbackDesign(design="d"), first, second),
                sample(ops.EnrolWorkloads(workloads=[_IN_CLUSTER])),
                sample(ops.WithdrawWorkloads(workloads=[_IN_CLUSTER])),
            ]
        )


async def _is_managed(world: World) -> object:
    """Whether the mesh is managed, by the newest event on it."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="consul", entity="mesh", id="m1")
    received = await world.sender.bus.last("EVENTS", subject)
    return received is not None and isinstance(received.message(), MeshObserved)
