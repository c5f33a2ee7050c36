"""Kuma without Kubernetes, by a control plane that is played: the contract of targets, whole designs, and status.

What plays answers as Kuma documents (`rig.kuma.control_plane`); no real control plane can run here.
"""

import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import meshwright.adapters.kuma  # noqa: F401 - registers all
from meshwright.adapters.kuma.adapter import Services, adapter
from meshwright.adapters.kuma.universal import connecting, status
from meshwright.adapters.kuma.universal.api import Refused, headers
from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.http_control_plane import Servers
from meshwright.core.kit.kubernetes import Clusters
from meshwright.core.kit.lifecycle import planning
from meshwright.core.kit.security import ssrf
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.target_contract import ATTEMPT, TargetContract
from meshwright.schemas import intents as wishes
from meshwright.schemas.connections import Kuma
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import AnyIntent, Resource
from meshwright.schemas.references import ResourceRef
from rig.kubernetes.designs import SEALER
from rig.kuma.control_plane import TOKEN, ControlPlane, overview

pytestmark = pytest.mark.servers
MESH = kit.MeshRef(workspace="default", connection="c", mesh="prod")
SPLIT = wishes.TrafficSplit(
    service="reviews", backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)]
)


class Connections:
    """Knows one connection, and lets everything of this machine be called."""

    reachable = ssrf.Policy(networks=(ipaddress.ip_network("127.0.0.0/8"),), ports=frozenset(range(1, 65536)))

    def __init__(self, settings: Kuma) -> None:
        self.settings = settings

    async def get(self, workspace: str, connection: str, seq: int = 0) -> OpenConnection[Any]:
        """It, whatever is asked for."""
        return OpenConnection(workspace=workspace, id=connection, kind="kuma", settings=self.settings)


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    """A control plane with the sample application."""
    async with ControlPlane() as result:
        result.meshes["default"] |= {
            "meshServices": {"mode": "Exclusive"},
            "mtls": {"enabledBackend": "ca-1", "backends": [{"name": "ca-1", "type": "builtin"}]},
        }
        for service, versions in (("reviews", ("v1", "v2")), ("ratings", ("v1",))):
            ports = [{"port": 9080, "targetPort": 9080, "appProtocol": "http"}]
            selector = {"dataplaneTags": {"kuma.io/service": service}}
            result.put("MeshService", service, {"selector": selector, "ports": ports})
            for each in versions:
                tags = {"kuma.io/service": service, "version": each}
                result.overviews.append(overview(f"{service}-{each}", tags))
        yield result


@pytest.fixture
async def scope(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[kit.Scope]:
    """What a target is made with, for this control plane."""
    connections: Any = Connections(Kuma(url=plane.url, token=TOKEN))
    async with NatsServer(adapters=["kuma"]) as nats, mwbus.connect(nats.url, "adapter-kuma") as bus:
        runtime = kit.Runtime(bus, "kuma", "tester", tmp_path, SEALER, connections=connections, environ={})
        async with Clusters(runtime) as clusters, Servers(runtime, Kuma, headers) as servers:
            yield kit.Scope(runtime, Services(clusters, servers), MESH)


async def plan(scope: kit.Scope, *intents: AnyIntent, former: list[ResourceRef] | None = None) -> planning.Plan:
    """What a design would do."""
    planner = await planning.Planner.open(adapter, scope.runtime, scope.service, MESH)
    design = Design(id="canary", intents=list(intents))
    draft = kit.Draft(mesh=MESH, owner="canary", operation="op", revision=1, design=design, former=former or [])
    return await planner.dry(draft)


async def apply(scope: kit.Scope, *intents: AnyIntent, former: list[ResourceRef] | None = None) -> planning.Plan:
    """Apply a design, and prune what the one before had more."""
    planned, target = await plan(scope, *intents, former=former), adapter.target_of(scope)
    planned.check()
    checkpoint = planned.dry_run.checkpoint
    await target.apply(planned.draft, checkpoint, ATTEMPT)
    await target.prune(planned.draft, planned.draft.gone(planned.dry_run.inventory), checkpoint, ATTEMPT)
    return planned


class TestUniversalTarget(TargetContract):
    """See `TargetContract`."""

    @pytest.fixture
    async def target(self, scope: kit.Scope) -> kit.Target:
        """A mesh without policies."""
        return adapter.target_of(scope)

    def design(self, revision: int) -> Design:
        """Nothing is translated."""
        return Design(id="d", intents=[])

    def resources(self, revision: int) -> list[Resource]:
        """A retry that changes, and a time-out in the second alone."""
        to = [{"targetRef": {"kind": "MeshService", "name": "reviews"}}]
        kinds = ("MeshRetry",) if revision == 1 else ("MeshRetry", "MeshTimeout")
        return [
            Resource(
                ref=ResourceRef(group="kuma.io", kind=kind, name="reviews"),
                body={"type": kind, "mesh": "default", "name": "reviews", "spec": {"to": to, "n": revision}},
            )
            for kind in kinds
        ]


async def test_a_design_comes_changes_and_goes(scope: kit.Scope, plane: ControlPlane) -> None:
    """Policies by the names of services, a MeshService for each version; nobody's resource is touched."""
    before = dict(plane.resources)
    wishes_of_it = (
        SPLIT,
        wishes.Retry(service="reviews", attempts=2),
        wishes.RateLimit(service="ratings", requests=5),
        wishes.Allow(source="reviews", service="ratings"),
        wishes.EgressControl(hosts=["example.org"]),
    )
    first = await apply(scope, *wishes_of_it)
    route = plane.spec("MeshHTTPRoute", "reviews")["to"][0]
    assert route["targetRef"] == {"kind": "MeshService", "name": "reviews"}
    shares = route["rules"][0]["default"]["backendRefs"]
    assert [(each["name"], each["weight"]) for each in shares] == [("reviews-v1", 90), ("reviews-v2", 10)]
    tags = {"kuma.io/service": "reviews", "version": "v2"}
    assert plane.spec("MeshService", "reviews-v2")["selector"] == {"dataplaneTags": tags}
    permission = plane.spec("MeshTrafficPermission", "ratings")
    assert permission["targetRef"] == {"kind": "MeshSubset", "tags": {"kuma.io/service": "ratings"}}
    (allowed,) = permission["rules"][0]["default"]["allow"]
    assert allowed["spiffeID"]["value"] == "spiffe://default/reviews"
    again = await plan(scope, *wishes_of_it, former=first.dry_run.inventory)
    assert (again.problems, again.dry_run.changes) == ([], [])
    second = await apply(scope, wishes.Retry(service="reviews", attempts=3), former=first.dry_run.inventory)
    assert plane.spec("MeshRetry", "reviews")["to"][0]["default"]["http"]["numRetries"] == 3
    await apply(scope, former=second.dry_run.inventory)
    assert plane.resources == before


async def test_what_somebody_else_has_made_is_not_overwritten(scope: kit.Scope, plane: ControlPlane) -> None:
    """A policy of theirs under our name is a conflict, and one under another name for the same service is told."""
    to = [{"targetRef": {"kind": "MeshService", "name": "reviews"}, "default": {}}]
    plane.put("MeshRetry", "reviews", {"to": to})
    plane.put("MeshTimeout", "theirs", {"to": to})
    planned = await plan(
        scope, wishes.Retry(service="reviews", attempts=2), wishes.Timeout(service="reviews", timeout="1s")
    )
    told = " ".join(each.detail for each in planned.problems)
    assert "belongs to somebody else" in told
    assert "MeshTimeout theirs" in told
    fresh = await plan(scope, wishes.RateLimit(service="ratings", requests=5))
    plane.put("MeshRateLimit", "ratings", {"rules": []})
    with pytest.raises(kit.Reject, match="was changed by somebody else"):
        await adapter.target_of(scope).apply(fresh.draft, fresh.dry_run.checkpoint, ATTEMPT)


async def test_what_kuma_refuses_is_told_in_its_words(scope: kit.Scope, plane: ControlPlane) -> None:
    """A control plane that keeps no policies, names that are not there, and a token that is wrong."""
    planned = await plan(scope, wishes.Retry(service="reviews", attempts=2))
    plane.read_only = True
    with pytest.raises(Refused, match="cannot change the state of Kuma"):
        await adapter.target_of(scope).apply(planned.draft, planned.dry_run.checkpoint, ATTEMPT)
    (problem,) = (await plan(scope, wishes.Retry(service="nowhere", attempts=2))).problems
    assert "there is no service nowhere: it has ratings, reviews" in problem.detail
    settings = Kuma(url=plane.url, token="wrong")
    tried = await connecting.test(scope.runtime, OpenConnection(workspace="w", id="c", kind="kuma", settings=settings))
    assert (tried.ok, tried.problems[0].pointer) == (False, "#/token")
    settings = msgspec.structs.replace(settings, token=TOKEN)
    tried = await connecting.test(scope.runtime, OpenConnection(workspace="w", id="c", kind="kuma", settings=settings))
    assert (tried.ok, tried.identity, tried.version, tried.details["meshes"]) == (True, "tester", "2.14.3", ["default"])


async def test_proxies_are_told_by_what_they_have_taken(scope: kit.Scope, plane: ControlPlane) -> None:
    """Per type of resource, with their certificates; a zone that is away is named."""
    plane.overviews.append(overview("late", {"kuma.io/service": "late"}, sent=3, acked=1, refused=2))
    plane.zones += [{"name": "east", "zoneInsight": {"subscriptions": [{"id": "1"}]}}, {"name": "west"}]
    looked = await status.status(scope)
    assert {each.name: each.state for each in looked.proxies} == {
        "reviews-v1": "synced", "reviews-v2": "synced", "ratings-v1": "synced", "late": "rejected",
    }  # fmt: skip
    (web,) = [each for each in looked.proxies if each.name == "reviews-v1"]
    assert {each.type for each in web.sync} == {"Cluster", "Endpoint", "Listener", "Route"}
    assert web.certificate is not None
    beside = {each.id: (each.service, each.version) for each in looked.workloads}
    assert web.workload is not None
    assert beside[web.workload] == ("reviews", "v1")
    told = {each.type: each for each in looked.mesh.conditions}
    assert (told["ProxiesSynced"].status, "late" in told["ProxiesSynced"].message) == ("False", True)
    assert "west" in told["ZonesOnline"].message
    assert (looked.mesh.version, looked.mesh.revisions, looked.mesh.state) == ("2.14.3", ["default"], "degraded")
    place = kit.ConnectionScope(scope.runtime, scope.service, "default", "c")
    plane.meshes["payments"] = {"type": "Mesh", "name": "payments"}
    detected = await status.detect(place)
    assert [each.revision for each in detected.meshes] == ["default", "payments"]
