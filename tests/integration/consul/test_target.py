"""The target against a real Consul: the contract of targets, whose an entry is, and what Consul says."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from meshwright.adapters.consul.adapter import adapter
from meshwright.adapters.consul.control_plane import entries
from meshwright.adapters.consul.control_plane.api import Forbidden, Refused, api_of
from meshwright.adapters.consul.control_plane.entries import KINDS, ref_of
from meshwright.core import kit
from meshwright.core.kit.http_control_plane import Servers
from meshwright.core.testing.target_contract import ATTEMPT, TargetContract
from meshwright.schemas.connections import Consul
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Resource
from rig.consul.runtime import Runtime
from testbed.consul import ConsulServer

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]


def entry(kind: str, name: str, **fields: Any) -> Resource:
    """A config entry of a draft."""
    return Resource(ref=ref_of(kind, name), body={"Kind": kind, "Name": name, **fields})


def override(number: int) -> dict[str, Any]:
    """What a service's sidecars keep to with one upstream, zeros among it."""
    outliers = {"Interval": "100ms", "MaxFailures": 2, "EnforcingConsecutive5xx": 100, "MaxEjectionPercent": 0}
    outliers["BaseEjectionTime"] = f"{number}m0s"
    return {"Name": "ratings", "Limits": {"MaxConnections": number}, "PassiveHealthCheck": outliers}


def revision(number: int, service: str = "reviews") -> list[Resource]:
    """Every kind that translators write; the second has other subsets, so each excludes the other's splitter."""
    versions = ("v1", "v2") if number == 1 else ("v2", "v3")
    subsets = {each: {"Filter": f'Service.Meta.version == "{each}"'} for each in versions}
    weights = zip((90, 10) if number == 1 else (0, 100), versions, strict=True)
    destination = {"Service": service, "RequestTimeout": "1.5s", "NumRetries": number, "RetryOn": ["5xx"]}
    return [
        entry("proxy-defaults", "global", Config={"local_connect_timeout_ms": 1000 * number}),
        entry("mesh", "mesh", TLS={"Incoming": {"TLSMinVersion": f"TLSv1_{number + 1}"}}),
        entry(
            "service-defaults",
            service,
            Protocol="http",
            UpstreamConfig={"Overrides": [override(number)]},
        ),
        entry("service-resolver", service, Subsets=subsets, LoadBalancer={"Policy": "least_request"}),
        entry("service-splitter", service, Splits=[{"Weight": w, "ServiceSubset": v} for w, v in weights]),
        entry(
            "service-router",
            service,
            Routes=[
                {
                    "Match": {"HTTP": {"PathPrefix": "/", "Header": [{"Name": "x-user", "Exact": "ann"}]}},
                    "Destination": {**destination, "ServiceSubset": "v2"},
                },
                {"Match": {"HTTP": {"PathPrefix": "/"}}, "Destination": destination},
            ],
        ),
        entry(
            "ingress-gateway",
            "ingress",
            Listeners=[
                {"Port": 8080 + number, "Protocol": "http", "Services": [{"Name": service, "Hosts": ["a.example.com"]}]}
            ],
        ),
        entry(
            "service-intentions",
            service,
            Sources=[
                {"Name": "*", "Action": "deny"},
                {
                    "Name": "web",
                    "Permissions": [{"Action": "allow", "HTTP": {"PathPrefix": f"/{number}", "Methods": ["GET"]}}],
                },
            ],
        ),
    ]


async def remove_everything(scope: kit.Scope) -> None:
    """Leave no config entry."""
    api = await api_of(scope)
    for kind in reversed(KINDS):
        for each in await entries.ConfigEntries(api).every(kind):
            one = await api.entry(kind, each.name)
            assert one and await api.delete(kind, each.name, str(one["ModifyIndex"]))


@pytest_asyncio.fixture(loop_scope="module")
async def target(scope: kit.Scope) -> AsyncIterator[kit.Target]:
    """A Consul without entries, before and afterwards."""
    await remove_everything(scope)
    yield adapter.target_of(scope)
    await remove_everything(scope)


class TestConsulTarget(TargetContract):
    """See `TargetContract`."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def target(self, scope: kit.Scope) -> AsyncIterator[kit.Target]:  # type: ignore[override]
        """A Consul without entries."""
        await remove_everything(scope)
        yield adapter.target_of(scope)
        await remove_everything(scope)

    def design(self, revision: int) -> Design:
        """Nothing but a name: the resources say it all."""
        return Design(id="contract", description=str(revision))

    def resources(self, number: int) -> list[Resource]:
        """Every kind of entry."""
        return revision(number)


def draft(owner: str, resources: list[Resource], former: list[Any] | None = None, **more: Any) -> kit.Draft:
    """A draft as the kit builds it."""
    design = Design(id=owner) if resources else None
    mesh = kit.MeshRef(workspace="default", connection="local", mesh="prod")
    return kit.Draft(
        mesh=mesh, owner=owner, operation="one", design=design, resources=resources, former=former or [], **more
    )


async def apply(target: kit.Target, wanted: kit.Draft) -> kit.DryRun:
    """Apply a draft completely."""
    run = await target.dry_run(wanted)
    assert run.problems == []
    await target.apply(wanted, run.checkpoint, ATTEMPT)
    await target.wait(wanted, run.checkpoint, ATTEMPT)
    await target.prune(wanted, wanted.gone(run.inventory), run.checkpoint, ATTEMPT)
    return run


async def test_an_entry_of_somebody_else_is_named_and_given_back(target: kit.Target, consul: ConsulServer) -> None:
    """What people have written themselves is a conflict; taken over, it is theirs again, and bears no mark of ours."""
    theirs = {"Kind": "service-defaults", "Name": "web", "Protocol": "grpc", "Meta": {"team": "shop"}}
    async with consul.client() as client:
        (await client.put("/v1/config", json=theirs)).raise_for_status()
        wanted = [entry("service-defaults", "web", Protocol="http")]
        run = await target.dry_run(draft("canary", wanted))
        assert [each.conflict for each in run.changes] == ["somebody else: no design of Meshwright has made it"]
        run = await apply(target, draft("canary", wanted, take_over=True))
        there = (await client.get("/v1/config/service-defaults/web")).json()
        assert there["Protocol"] == "http" and len(there["Meta"]) > 1
        await apply(target, draft("canary", [], run.inventory))
        there = (await client.get("/v1/config/service-defaults/web")).json()
        assert there["Protocol"] == "grpc" and there["Meta"] == {"team": "shop"}


async def test_what_consul_refuses_ends_with_its_own_words(target: kit.Target) -> None:
    """A splitter of a service that speaks TCP; nothing of the draft stays when it is taken back."""
    wanted = draft("canary", [entry("service-splitter", "web", Splits=[{"Weight": 100}])])
    run = await target.dry_run(wanted)
    with pytest.raises(Refused, match='protocol "tcp"'):
        await target.apply(wanted, run.checkpoint, ATTEMPT)
    await target.revert(wanted, run.checkpoint, ATTEMPT)
    assert await target.read(run.inventory) == {}


async def test_a_change_between_plan_and_write_is_not_lost(target: kit.Target, consul: ConsulServer) -> None:
    """Somebody edits the entry of a design after the next revision was planned: theirs stays."""
    first = await apply(target, draft("canary", [entry("service-defaults", "web", Protocol="http")]))
    wanted = draft("canary", [entry("service-defaults", "web", Protocol="http2")], first.inventory)
    run = await target.dry_run(wanted)
    async with consul.client() as client:
        there = (await client.get("/v1/config/service-defaults/web")).json()
        (await client.put("/v1/config", json={**there, "Protocol": "grpc"})).raise_for_status()
    with pytest.raises(kit.Reject, match="was changed by somebody else"):
        await target.apply(wanted, run.checkpoint, ATTEMPT)
    assert [each["Protocol"] for each in (await target.read(run.inventory)).values()] == ["grpc"]


async def test_natives_that_are_no_entries_are_problems(target: kit.Target) -> None:
    """Kinds that Consul does not have, fields in other spellings, and marks are named before anything is written."""
    wrong = [
        entry("service-limits", "web"),
        entry("service-defaults", "web", max_inbound_connections=3),
        entry("proxy-defaults", "other"),
        entry("service-resolver", "web", Meta={"meshwright-x": "y"}),
    ]
    problems = (await target.dry_run(draft("canary", wrong))).problems
    assert [each.detail.partition(":")[0] for each in problems] == [
        "service-limits web",
        "service-defaults web",
        "proxy-defaults other",
        "service-resolver web",
    ]


async def test_whoever_has_no_token_may_do_nothing(consul: ConsulServer) -> None:
    """A connection without its token is refused with Consul's words and a remedy."""
    runtime: Any = Runtime(Consul(url=consul.url))
    async with Servers(runtime, Consul, lambda _: {}) as servers:
        mesh = kit.MeshRef(workspace="default", connection="local", mesh="prod")
        target = adapter.target_of(kit.Scope(runtime, servers, mesh))
        run = draft("canary", [entry("service-defaults", "web", Protocol="http")])
        with pytest.raises(Forbidden, match="Permission denied"):
            await target.apply(run, (await target.dry_run(run)).checkpoint, ATTEMPT)
