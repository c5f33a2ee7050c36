"""A real worker looks after a Consul: detected, adopted, watched; a design of it goes from the bus to the server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from meshwright.adapters.consul import adapter, adopting, live
from meshwright.core import kit
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import kinds
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.designs import Design
from meshwright.schemas.drift import DriftDetected
from meshwright.schemas.intents import AnyIntent, Backend, CircuitBreaker, Timeout, TrafficSplit
from meshwright.schemas.meshes import MeshObserved
from meshwright.schemas.operations import AdoptMesh, ApplyDesign, ForgetMesh, RefreshStatus, RemoveDesign
from meshwright.schemas.workloads import ProxyObserved, WorkloadObserved, proxy_id, workload_id
from rig.consul import worker
from rig.consul.registering import configured, emptied, register
from testbed.consul import DATACENTER, ConsulServer
from testbed.programs import CONSUL_VERSION

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]
_WITHIN = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(consul: ConsulServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[worker.Mesh]:
    """A worker, and a Consul with services that nobody has configured."""
    await register(consul)
    directory = tmp_path_factory.mktemp("consul")
    async with worker.working(consul, directory, worker_drift_every="0.5") as result:
        yield result


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def clean(consul: ConsulServer) -> AsyncIterator[None]:
    """Each test leaves Consul as it was."""
    yield
    await emptied(consul)


async def _last(mesh: worker.Mesh, entity: str, identity: str) -> Message | None:
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="consul", entity=entity, id=identity)
    received = await mesh.bus.last("EVENTS", subject)
    return received.message() if received else None


async def _observed(mesh: worker.Mesh) -> MeshObserved | None:
    message = await _last(mesh, "mesh", mesh.name)
    return message if isinstance(message, MeshObserved) else None


async def test_a_consul_is_adopted_watched_and_forgotten(mesh: worker.Mesh) -> None:
    """It is told with its version, datacenter, trust domain, leader and proxies; forgotten, it is told no more."""
    await mesh.do(AdoptMesh())
    observed = await _observed(mesh)
    assert observed is not None
    one = observed.mesh
    assert (one.kind, one.version, one.revisions, one.state) == ("consul", CONSUL_VERSION, [DATACENTER], "ready")
    assert one.trust_domain.endswith(".consul") and (one.workloads, one.proxies) == (4, 4)
    conditions = {each.type: each.status for each in one.conditions}
    assert conditions == dict.fromkeys(
        ("ControlPlaneReady", "AuthorityValid", "SameDatacenter", "ProxiesReady"), "True"
    )
    await mesh.do(RefreshStatus())
    await mesh.do(ForgetMesh())
    assert await _observed(mesh) is None


async def test_workloads_are_told_with_their_proxies(mesh: worker.Mesh) -> None:
    """Each instance of a service with its version and place, and its sidecar stands beside it."""
    await mesh.do(AdoptMesh())
    await mesh.do(RefreshStatus())
    beside = workload_id(mesh.name, "", "process", "reviews-v2")
    told = await _last(mesh, "workload", beside)
    assert isinstance(told, WorkloadObserved)
    one = told.workload
    assert (one.id, one.service, one.version, one.port) == (beside, "reviews", "v2", 8080)
    assert one.address
    proxy = await _last(mesh, "proxy", proxy_id(mesh.name, "", "reviews-v2-sidecar-proxy"))
    assert isinstance(proxy, ProxyObserved)
    assert proxy.proxy.workload == beside
    await mesh.do(ForgetMesh())


async def test_a_mesh_that_is_there_is_detected(scope: kit.Scope) -> None:
    """By its datacenter and version, from the connection alone."""
    place = kit.ConnectionScope(scope.runtime, scope.service, "default", "local")
    (found,) = (await adopting.detect(place)).meshes
    assert (found.kind, found.revision, found.version, found.state) == ("consul", DATACENTER, CONSUL_VERSION, "ready")


async def test_a_sidecar_that_is_ill_is_told(mesh: worker.Mesh, consul: ConsulServer) -> None:
    """It counts as disconnected, with the words of the check, until Consul finds it healthy again."""
    await mesh.do(AdoptMesh())
    check = {"Name": "listening", "ID": "ill", "TTL": "1h", "ServiceID": "web-v1-sidecar-proxy"}
    async with consul.client() as client:
        (await client.put("/v1/agent/check/register", json={**check, "Status": "critical"})).raise_for_status()
        await eventually(lambda: _ill(mesh, ["web-v1-sidecar-proxy"]), timeout=_WITHIN)
        (await client.put("/v1/agent/check/deregister/ill")).raise_for_status()
        await eventually(lambda: _ill(mesh, []), timeout=_WITHIN)
    await mesh.do(ForgetMesh())


async def _ill(mesh: worker.Mesh, names: list[str]) -> bool:
    await mesh.do(RefreshStatus())
    observed = await _observed(mesh)
    assert observed is not None
    (told,) = [each for each in observed.mesh.conditions if each.type == "ProxiesReady"]
    return (told.status == "True") == (not names) and all(each in told.message for each in names)


async def test_the_matrix_knows_the_version(scope: kit.Scope) -> None:
    """What this Consul can do, by its version and edition."""
    result = await adapter.intents_of(scope)
    supported = {each.intent: each.supported for each in result.intents}
    assert result.version == CONSUL_VERSION
    assert supported["traffic-split"] and not supported["access-log"] and not supported["mirror"]


async def test_a_connection_is_tried(scope: kit.Scope, consul: ConsulServer) -> None:
    """With the token everything is allowed; without it the test says what is lacking."""
    connection = await scope.runtime.connection("default", "local")
    tried = await adapter.try_connection(scope.runtime, connection)
    assert (tried.ok, tried.version) == (True, CONSUL_VERSION) and all(each.allowed for each in tried.permissions)
    bare = kit.OpenConnection(
        workspace="default", id="local", kind="consul", settings=type(connection.settings)(url=consul.url)
    )
    tried = await adapter.try_connection(scope.runtime, bare)
    assert not tried.ok and tried.problems


def _design(share: int) -> Design:
    backends = [Backend(version="v1", weight=100 - share), Backend(version="v2", weight=share)]
    intents: list[AnyIntent] = [
        TrafficSplit(service="reviews", backends=backends),
        Timeout(service="reviews", timeout="2s"),
        CircuitBreaker(service="ratings", max_connections=3),
    ]
    return Design(id="canary", intents=intents)


async def test_a_design_is_applied_changed_and_removed(mesh: worker.Mesh, consul: ConsulServer) -> None:
    """Undeclared services become HTTP first; again nothing is done; removed, Consul is as it was."""
    before = await configured(consul)
    preview = await mesh.api.preview(ApplyDesign(design=_design(10)), mesh=mesh.name)
    assert preview.problems == [] and {each.change for each in preview.diff} == {"create"}
    await mesh.do(ApplyDesign(design=_design(10)))
    entries = {(each["Kind"], each.get("Name")): each for each in await configured(consul)}
    assert {str(each.ref) for each in preview.diff} == {f"{kind} {name}" for kind, name in entries}
    assert entries["service-defaults", "reviews"]["Protocol"] == "http"
    again = await mesh.ask(ApplyDesign(design=_design(10)))
    assert kinds(again)[-1] == "succeeded" and "nothing to do" in str(again)
    await mesh.do(ApplyDesign(design=_design(50)))
    (splitter,) = [each for each in await configured(consul) if each["Kind"] == "service-splitter"]
    assert [each["Weight"] for each in splitter["Splits"]] == [50, 50]
    await mesh.do(RemoveDesign(design="canary"))
    assert await configured(consul) == before == []


async def test_what_is_not_there_is_a_problem(mesh: worker.Mesh) -> None:
    """Services that nobody has registered, and versions that no instance has, are named with what there is."""
    backends = [Backend(version="v1", weight=50), Backend(version="v9", weight=50)]
    design = Design(
        id="wrong",
        intents=[TrafficSplit(service="reviews", backends=backends), Timeout(service="nowhere", timeout="1s")],
    )
    problems = (await mesh.api.preview(ApplyDesign(design=design), mesh=mesh.name)).problems
    assert {each.pointer for each in problems} == {"#/intents/0/backends", "#/intents/1/service"}
    assert "there are: v1, v2" in problems[0].detail


async def test_a_change_by_others_is_drift(mesh: worker.Mesh, consul: ConsulServer) -> None:
    """An entry of a design that somebody removes or edits is told as drifted, and applying again mends it."""
    await mesh.do(ApplyDesign(design=_design(10)))
    async with consul.client() as client:
        there = (await client.get("/v1/config/service-splitter/reviews")).json()
        splits = [{**each, "Weight": 50} for each in there["Splits"]]
        (await client.put("/v1/config", json={**there, "Splits": splits})).raise_for_status()

    async def told() -> bool:
        received = await mesh.bus.last("EVENTS", "mw.evt.default.consul.drift.*")
        return received is not None and isinstance(received.message(), DriftDetected)

    await eventually(told, timeout=_WITHIN)
    await mesh.do(ApplyDesign(design=_design(10)))
    (splitter,) = [each for each in await configured(consul) if each["Kind"] == "service-splitter"]
    assert [each["Weight"] for each in splitter["Splits"]] == [90, 10]
    await mesh.do(RemoveDesign(design="canary"))


async def test_analysis_and_import_see_the_entries(scope: kit.Scope, consul: ConsulServer) -> None:
    """They are read with the names of fields that they have in Kubernetes."""
    async with consul.client() as client:
        body = {"Kind": "service-defaults", "Name": "web", "Protocol": "http", "MaxInboundConnections": 5}
        (await client.put("/v1/config", json=body)).raise_for_status()
    found = {str(each.ref): each.spec for each in (await live.resources(scope)).manifests}
    assert found["ServiceDefaults web"] == {"protocol": "http", "maxInboundConnections": 5}
    assert await asyncio.to_thread(lambda: Path(consul.folder / "consul.json").stat().st_mode & 0o077) == 0
