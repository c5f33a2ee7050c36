"""What goes wrong between two steps of an operation: it waits, or ends with everything as it was, and says which."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import errors, rights, transport
from meshwright.core.kit.kubernetes.target import expected
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.operations import CancelRequested, EnrolWorkloads, InstallMesh, UninstallMesh, UpgradeMesh
from meshwright.schemas.workloads import NamespaceMember
from rig.interceptor import Interceptor, another_cluster, intercepting, status, throttling, unauthorized, unreachable
from rig.istio.between import after
from rig.istio.snapshots import different, snapshot
from rig.kubernetes.operating import Operator
from rig.kubernetes.workloads import labels_of, make_namespace
from testbed.cluster import KubernetesServer

pytestmark = [pytest.mark.servers, pytest.mark.faults]
WEBHOOK = 'Internal error occurred: failed calling webhook "rev.namespace.sidecar-injector.istio.io": no endpoints'


async def no_webhook(request: web.Request) -> web.StreamResponse | None:
    """Changes would be asked of a webhook that is not there."""
    return status(500, "InternalError", WEBHOOK) if request.method == "PATCH" else None


async def slow(request: web.Request) -> web.StreamResponse:
    """It answers late, and that it is busy."""
    await asyncio.sleep(0.3)
    return status(504, "Timeout", "request did not complete within the allotted timeout")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests end early, so that it is the operation that waits."""
    monkeypatch.setattr(transport, "_RECONNECT", 0.1)
    monkeypatch.setattr(transport, "TIMEOUT", 2.0)
    monkeypatch.setattr(errors.Unauthorized, "after", 0.2)


@pytest.fixture
async def disturbed(
    furnished: Operator, admission: Any, kubernetes_settings: Kubernetes
) -> AsyncIterator[tuple[Operator, Interceptor, str]]:
    """An operator on Istio, what stands between it and the cluster, and a namespace with a workload."""
    values = {**furnished.values, "istiod": admission.values}
    await furnished.do(InstallMesh(version="1.31.0", profile="minimal", values=values))
    name = f"shop-{uuid.uuid4().hex[:8]}"
    await make_namespace(furnished, name)
    async with intercepting(kubernetes_settings) as (interceptor, settings):
        furnished.runtime.connections.settings = settings  # type: ignore[attr-defined]
        yield furnished, interceptor, name


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("impatient")
async def test_an_operation_waits_for_a_cluster_that_does_not_do_what_it_is_asked(
    disturbed: tuple[Operator, Interceptor, str],
) -> None:
    """Not reached, not known any more, throttled, without its webhook, too slow: it goes on, and does all once."""
    operator, interceptor, _ = disturbed
    for fault in (unreachable, unauthorized, throttling, no_webhook, slow):
        name = f"shop-{uuid.uuid4().hex[:8]}"
        await make_namespace(operator, name)
        interceptor.answered = 0

        async def begins(fault: Any = fault) -> None:
            interceptor.rule = fault

        arguments = EnrolWorkloads(workloads=[NamespaceMember(namespace=name, restart=True)])
        running = asyncio.create_task(operator.do(arguments, journal=after("plan", begins)))
        await eventually(lambda: interceptor.answered >= 5, timeout=60)
        assert not running.done(), fault.__name__
        assert await operator_labels(operator, interceptor, name) == {}, fault.__name__
        interceptor.rule = None
        result = await running
        assert result["restarted"] == [f"Deployment {name}/web"], fault.__name__
        assert await labels_of(operator, name) == {"istio-injection": "enabled"}
        assert (await operator.find("Deployment", "web", name, "apps"))["metadata"]["generation"] == 2


async def operator_labels(operator: Operator, interceptor: Interceptor, name: str) -> dict[str, str]:
    """The labels as they are while the fault goes on."""
    rule, interceptor.rule = interceptor.rule, None
    try:
        return await labels_of(operator, name)
    finally:
        interceptor.rule = rule


async def test_rights_that_are_taken_away_in_the_middle_end_it_and_it_can_be_asked_again(
    disturbed: tuple[Operator, Interceptor, str], cluster: k8s.Cluster, kubernetes_server: KubernetesServer
) -> None:
    """The refusal names the right, and what could not be taken back; with the right again the same wish is done."""
    operator, _, name = disturbed
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{name}-clerk"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"{name}-clerk"}],
    }
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig(f"{name}-clerk"))
    operator.runtime.connections.settings = settings  # type: ignore[attr-defined]
    needed = [k8s.Right("patch", "", "namespaces")]
    async with k8s.Cluster.open(settings) as clerk:

        async def given() -> None:
            await cluster.apply(binding, owner="me")
            await eventually(lambda: is_allowed(True), timeout=60)

        async def taken() -> None:
            await cluster.delete(k8s.reference_of(binding))
            await eventually(lambda: is_allowed(False), timeout=60)

        async def is_allowed(wanted: bool) -> bool:
            return bool(await rights.missing(clerk, needed)) is not wanted

        await given()
        arguments = EnrolWorkloads(workloads=[NamespaceMember(namespace=name)])
        with pytest.raises(k8s.Forbidden, match=f'cannot patch resource "namespaces".*"{name}"') as refused:
            await operator.do(arguments, journal=after("plan", taken), clean=False)
        assert (refused.value.failure.code, refused.value.failure.retryable) == ("MW5002", False)
        await given()
        assert await labels_of(operator, name) == {}
        assert (await operator.do(arguments))["enrolled"] == [f"Namespace {name}"]
        assert await labels_of(operator, name) == {"istio-injection": "enabled"}
        await cluster.delete(k8s.reference_of(binding))


async def test_a_cluster_that_was_replaced_is_left_alone(
    disturbed: tuple[Operator, Interceptor, str], admission: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had begun ends; what was installed in the one before counts as not installed, and only its record goes.

    The cluster that comes back has lost nothing.
    """
    operator, interceptor, name = disturbed

    async def replaced() -> None:
        interceptor.rule = another_cluster
        monkeypatch.setattr(expected, "_FRESH", 0.0)

    enrolment = EnrolWorkloads(workloads=[NamespaceMember(namespace=name, restart=True)])
    with pytest.raises(k8s.Replaced):
        await operator.do(enrolment, journal=after("plan", replaced), clean=False)
    interceptor.written.clear()
    with pytest.raises(kit.Reject) as refused:
        await operator.do(UpgradeMesh(version="1.31.0"))
    assert refused.value.failure.code == "MW4001"
    result = await operator.do(UninstallMesh(definitions="all"))
    assert (result["removed"], result["leftovers"], result["kept"]) == (0, 0, [])
    assert interceptor.written == []
    assert await operator.record() is None
    interceptor.rule = None
    values = {**operator.values, "istiod": admission.values}
    assert (await operator.do(InstallMesh(version="1.31.0", profile="minimal", values=values)))["unchanged"]
    record = await operator.record()
    assert record
    assert record.cluster == await (await operator.cluster()).identity()


async def test_an_installation_that_is_cancelled_in_the_middle_leaves_nothing(
    operator: Operator, admission: Any
) -> None:
    """Between two components: what the first brought is taken back, and the cluster is as it was."""
    before = await snapshot(operator)

    async def cancelled() -> None:
        operator.control.cancel(CancelRequested(principal="ann"))

    wanted = InstallMesh(version="1.31.0", profile="minimal", values={**operator.values, "istiod": admission.values})
    with pytest.raises(kit.Cancelled):
        await operator.do(wanted, journal=after("wait-istio-base", cancelled))
    assert different(before, await snapshot(operator)) == {}
    assert await operator.record() is None
