"""Another cluster behind the connection of the one before: what was planned for the first never touches it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.kubernetes.target import expected
from meshwright.core.kit.target import Draft
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.target_contract import Quiet
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef
from rig.interceptor import Interceptor, another_cluster, intercepting, unreachable

pytestmark = pytest.mark.servers


class _Runtime:
    """A runtime with one connection."""

    def __init__(self, settings: Kubernetes) -> None:
        self.settings = settings

    async def connection(self, workspace: str, connection: str) -> OpenConnection[Kubernetes]:
        return OpenConnection(workspace=workspace, id=connection, kind="kubernetes", settings=self.settings)


@pytest.fixture
async def through(kubernetes_settings: Kubernetes) -> AsyncIterator[tuple[Interceptor, Kubernetes]]:
    """What stands between the target and the cluster."""
    async with intercepting(kubernetes_settings) as both:
        yield both


@pytest.fixture
async def target(
    through: tuple[Interceptor, Kubernetes], namespace: str
) -> AsyncIterator[tuple[k8s.KubernetesTarget, _Runtime]]:
    """The target of a mesh in the test's own namespace, and where its connection's settings come from."""
    runtime: Any = _Runtime(through[1])
    async with k8s.Clusters(runtime) as clusters:
        mesh = kit.MeshRef(workspace="default", connection="local", mesh=namespace)
        yield k8s.KubernetesTarget(kit.Scope(runtime, clusters, mesh)), runtime


def draft(target: k8s.KubernetesTarget, namespace: str, *names: str, former: list[ResourceRef] | None = None) -> Draft:
    """Config maps of a design."""
    refs = [ResourceRef(kind="ConfigMap", namespace=namespace, name=name) for name in names]
    resources = [Resource(ref=ref, body={"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}) for ref in refs]
    return Draft(mesh=target.mesh, owner="d", operation="op", resources=resources, former=former or [], revision=1)


async def test_no_step_of_an_operation_touches_another_cluster(
    target: tuple[k8s.KubernetesTarget, _Runtime], through: tuple[Interceptor, Kubernetes], namespace: str
) -> None:
    """Neither applying, pruning, reverting nor restoring: each ends with the reason, and sends no change."""
    (place, _), (interceptor, _) = target, through
    first = draft(place, namespace, "a", "b")
    planned = await place.dry_run(first)
    await place.apply(first, planned.checkpoint, Quiet())
    second = draft(place, namespace, "a", former=planned.inventory)
    plan, gone = await place.dry_run(second), second.gone([first.resources[0].ref])
    interceptor.rule, interceptor.written = another_cluster, []
    for step in (
        place.apply(second, plan.checkpoint, Quiet()),
        place.prune(second, gone, plan.checkpoint, Quiet()),
        place.wait(second, plan.checkpoint, Quiet()),
        place.revert(second, plan.checkpoint, Quiet()),
        place.restore(second, gone, plan.checkpoint, Quiet()),
    ):
        with pytest.raises(k8s.Replaced, match="another cluster answers at the connection local") as refused:
            await step
        assert refused.value.failure.code == "MW5018"
    assert interceptor.written == []
    interceptor.rule = None
    await place.prune(second, gone, plan.checkpoint, Quiet())
    assert [ref.name for ref in await place.read(planned.inventory)] == ["a"]


async def test_a_cluster_that_is_replaced_while_it_is_away_is_noticed(
    target: tuple[k8s.KubernetesTarget, _Runtime],
    through: tuple[Interceptor, Kubernetes],
    namespace: str,
) -> None:
    """A step waits while the cluster is unreachable, fails when another cluster answers, and continues with the
    same one.
    """
    (place, _), (interceptor, _) = target, through
    for name, comes_back in (("same", None), ("other", another_cluster)):
        wanted = draft(place, namespace, name)
        planned = await place.dry_run(wanted)
        interceptor.rule, interceptor.answered = unreachable, 0
        running = asyncio.create_task(place.apply(wanted, planned.checkpoint, Quiet()))
        await eventually(lambda: interceptor.answered >= 3, timeout=60)
        interceptor.rule, interceptor.written = comes_back, []
        if comes_back is None:
            await running
        else:
            with pytest.raises(k8s.Replaced):
                await running
        assert len(interceptor.written) == (comes_back is None)


async def test_a_cluster_that_is_replaced_while_nobody_asks_is_noticed(
    target: tuple[k8s.KubernetesTarget, _Runtime],
    through: tuple[Interceptor, Kubernetes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without any request that fails: the answer to who it is counts for a second."""
    (place, _), (interceptor, _) = target, through
    place.expect(await (await place.cluster()).identity())
    await place.cluster()
    interceptor.rule = another_cluster
    await place.cluster()
    monkeypatch.setattr(expected, "_FRESH", 0.0)
    with pytest.raises(k8s.Replaced):
        await place.cluster()


async def test_new_settings_may_lead_to_the_same_cluster(
    target: tuple[k8s.KubernetesTarget, _Runtime],
    through: tuple[Interceptor, Kubernetes],
    kubernetes_settings: Kubernetes,
    namespace: str,
) -> None:
    """By another way, with other credentials: an operation that was planned before goes on."""
    place, runtime = target
    wanted = draft(place, namespace, "a")
    planned = await place.dry_run(wanted)
    runtime.settings = kubernetes_settings
    await place.apply(wanted, msgspec.json.decode(msgspec.json.encode(planned.checkpoint)), Quiet())
    assert [ref.name for ref in await place.read(planned.inventory)] == ["a"]
