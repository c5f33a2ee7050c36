"""Adapters without workers: unknown names are refused, and a retired adapter can be forgotten."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.bus.kv import presence
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.adapters import AccessRule, AdapterFailed, AdapterForgotten
from meshwright.schemas.connections import EnvoyFleet, Kubernetes
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack

pytestmark = pytest.mark.servers
KNOWN = "/v1/adapters"
INVALID = "invalid-document"


async def known(admin: Person) -> list[str]:
    """The adapters that the API shows."""
    return [one["id"] for one in (await admin.get(KNOWN))["items"]]


async def test_what_is_not_installed_is_no_adapter(alone: Stack) -> None:
    """A misspelt name, and a module that is still being written, end with their reason and leave nothing behind."""
    await asyncio.to_thread(alone.start_all)
    async with httpx.AsyncClient(base_url=alone.url, timeout=30) as client, _listening(alone) as bus:
        admin = Person(client, TOKEN, "default")
        before = (await bus.stream_bounds("EVENTS"))[1]
        for name in ("nosuch", "nosuch_module:adapter"):
            told = await asyncio.to_thread(_tried, name, alone)
            assert told.returncode == 1
            assert "no adapter 'nosuch' is installed" in told.stderr or "nosuch_module" in told.stderr
        assert await bus.following("EVENTS", before + 1, "mw.evt.system.*.adapter.*") is None
        assert await eventually(lambda: known(admin)) == ["trial"]


async def test_two_adapters_of_one_kind_are_distinguished(alone: Stack) -> None:
    """While two live adapters serve a kind, a new mesh of it needs the name of one; a mesh that is there keeps its
    own, named or not, and is given to no other."""
    await asyncio.to_thread(alone.start_all)
    async with httpx.AsyncClient(base_url=alone.url, timeout=10) as client, _listening(alone) as bus:
        admin = Person(client, TOKEN, "default")
        await admin.mesh()
        rival = kit.Adapter("another", meshes=["trial"], connections=[EnvoyFleet]).announcement("w1")
        body = {"connection": "place", "kind": "trial"}
        async with presence.announced(bus, rival):
            new, trial = {**body, "id": "m2"}, "/v1/meshes?validate_only=true"
            refused = await eventually(lambda: admin.problem("POST", trial, new, status=422, slug=INVALID))
            assert refused["errors"][0]["pointer"] == "#/adapter"
            assert "another, trial" in refused["errors"][0]["detail"]
            assert (await admin.do("/v1/meshes", {**new, "adapter": "trial"}))["adapter"] == "trial"
            unknown = {**body, "id": "m3", "adapter": "nobody"}
            refused = await admin.problem("POST", "/v1/meshes", unknown, status=503, slug="adapter-unavailable")
            assert "these do: another, trial" in refused["detail"]
            assert (await admin.do("/v1/meshes", {**body, "id": "m1"}))["adapter"] == "trial"
            taken = {**body, "id": "m1", "adapter": "another"}
            refused = await admin.problem("POST", "/v1/meshes", taken, status=409, slug="already-exists")
            assert "belongs to the adapter trial" in refused["detail"]


async def test_what_an_adapter_needs_in_a_cluster_is_given_as_manifests(alone: Stack) -> None:
    """The roles that its announcement's rules make, bound to a service account when one is named."""
    rule = AccessRule(groups=["apps"], resources=["deployments"], verbs=["get"])
    telling = kit.Adapter("telling", meshes=["m"], connections=[Kubernetes], rights=[rule]).announcement("w1")
    await asyncio.to_thread(alone.start_all)
    async with httpx.AsyncClient(base_url=alone.url, timeout=30) as client, _listening(alone) as bus:
        admin = Person(client, TOKEN, "default")
        await bus.publisher.publish("mw.evt.system.telling.adapter.telling", telling)
        await eventually(lambda: _knows(admin, ["telling", "trial"]))
        answer = await admin.get(f"{KNOWN}/telling/rights?service_account=tools/meshwright")
        assert [each["kind"] for each in answer["manifests"]] == ["ClusterRole", "ClusterRoleBinding"]
        assert answer["manifests"][0]["rules"] == [
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}
        ]
        assert (await admin.get(f"{KNOWN}/trial/rights"))["manifests"] == []


async def test_a_retired_adapter_can_be_forgotten(alone: Stack) -> None:
    """Not while a worker lives or, unless that is wanted, while meshes are left; afterwards it is known nowhere, until
    one starts again.
    """
    await asyncio.to_thread(alone.start_all)
    async with httpx.AsyncClient(base_url=alone.url, timeout=30) as client, _listening(alone) as bus:
        admin = Person(client, TOKEN, "default")
        await admin.mesh()
        refused = await admin.problem("DELETE", f"{KNOWN}/trial", status=409, slug="in-use")
        assert "live workers" in refused["detail"]
        await asyncio.to_thread(alone.stop, "meshwright-adapter")
        refused = await eventually(lambda: _refused_for_meshes(admin))
        assert refused["detail"] == "adapter trial has the meshes default/m1"
        await admin.ask("DELETE", f"{KNOWN}/trial?orphan=true&validate_only=true", expect=204)
        assert await known(admin) == ["trial"]
        await admin.ask("DELETE", f"{KNOWN}/trial?orphan=true&reason=retired", expect=204)
        await eventually(lambda: _knows(admin, []))
        told = await bus.last("EVENTS", "mw.evt.system.api.adapter.trial")
        assert told is not None
        message = told.message()
        assert isinstance(message, AdapterForgotten)
        assert (message.orphans, message.reason) == (["default/m1"], "retired")
        await admin.problem("DELETE", f"{KNOWN}/trial", status=404, slug="not-found")
        alone.start("meshwright-adapter", "trial_adapter:trial")
        await eventually(lambda: _knows(admin, ["trial"]))


async def test_a_failure_to_load_is_forgotten_too(alone: Stack) -> None:
    """An adapter that failed to load makes `check` fail only until an admin has forgotten it."""
    await asyncio.to_thread(alone.start_all)
    async with httpx.AsyncClient(base_url=alone.url, timeout=30) as client, _listening(alone) as bus:
        admin = Person(client, TOKEN, "default")
        for name in ("broken", "Odd_One"):
            failed = AdapterFailed(name=name, instance="i", reason="no module")
            await bus.publisher.publish(f"mw.evt.system.{name}.adapter.{name}", failed)
        await eventually(lambda: _knows(admin, ["Odd_One", "broken", "trial"]))
        operator = await admin.token_of("operator")
        await operator.problem("DELETE", f"{KNOWN}/broken", status=403, slug="forbidden")
        for name in ("broken", "Odd_One"):
            await admin.ask("DELETE", f"{KNOWN}/{name}", expect=204)
        await eventually(lambda: _knows(admin, ["trial"]))
        await admin.problem("DELETE", f"{KNOWN}/neverwas", status=404, slug="not-found")


async def _refused_for_meshes(admin: Person) -> Any:
    answer = await admin.problem("DELETE", f"{KNOWN}/trial", status=409, slug="in-use")
    return answer if "meshes" in answer["detail"] else None


async def _knows(admin: Person, wanted: list[str]) -> bool:
    return sorted(await known(admin)) == wanted


def _listening(stack: Stack) -> Any:
    return mwbus.connect(stack.nats.url, "test")


def _tried(name: str, stack: Stack) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("meshwright-adapter")
    environment = {"MESHWRIGHT_NATS_URL": stack.nats.url, "PATH": ""}
    return subprocess.run([program, name], env=environment, capture_output=True, text=True, timeout=60, check=False)
