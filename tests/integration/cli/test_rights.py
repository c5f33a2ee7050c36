"""`connections rights`: what adapters need in a cluster, ready for kubectl."""

import asyncio
import time
from typing import Any

import pytest
import yaml

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.connections import Kubernetes

Terminal = Any


@pytest.mark.servers
def test_the_roles_of_adapters_are_printed_as_yaml(terminal: Terminal, machine: Any) -> None:
    """One document for each role and binding, behind the namespace that they are in; nothing else is printed."""
    rule = AccessRule(groups=["apps"], resources=["deployments"], verbs=["get"], namespace="shop")
    telling = kit.Adapter("telling", meshes=["m"], connections=[Kubernetes], rights=[rule]).announcement("w1")

    async def announce() -> None:
        async with mwbus.connect(machine.nats_url, "test") as bus:
            await bus.publisher.publish("mw.evt.system.telling.adapter.telling", telling)

    asyncio.run(announce())
    end, printed = time.monotonic() + 60, ""
    while not printed and time.monotonic() < end:
        printed = terminal.run("connections", "rights", "--service-account", "tools/meshwright").stdout
    place, role, binding = yaml.safe_load_all(printed)
    assert (place["kind"], place["metadata"]) == ("Namespace", {"name": "shop"})
    assert (role["kind"], role["metadata"]["namespace"], binding["kind"]) == ("Role", "shop", "RoleBinding")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": "tools", "name": "meshwright"}]
