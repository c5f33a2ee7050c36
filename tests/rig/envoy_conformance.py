"""The conformance of the Envoy adapter, which two test modules share so that they run side by side."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from meshwright.adapters.envoy import adapter as envoy
from meshwright.adapters.envoy.state import desired
from meshwright.adapters.envoy.state.desired import DesiredState, Ports
from meshwright.adapters.envoy.target import EnvoyFacts
from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.testing.conformance import AdapterConformance, Sample, World
from meshwright.schemas import operations as ops
from meshwright.schemas import subjects
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import FaultAbort
from meshwright.schemas.workloads import WorkloadSpec

SPECS = [WorkloadSpec(name=name, service=name, port=9) for name in ("web", "reviews")]
INSTALL = ops.InstallMesh()
ENROL = ops.enrolling(SPECS)


def design(status: int) -> ops.ApplyDesign:
    """Apply a design that answers calls to `reviews` with this status."""
    return ops.ApplyDesign(design=Design(id="faults", intents=[FaultAbort(service="reviews", status=status)]))


async def look(world: World) -> object:
    """What is to be seen of the mesh `m1`: that it is there, what its sidecars answer, its certificates' generation.

    The same for two meshes that do the same, whatever their ports. Sidecars get new certificates whenever they start,
    so a serial number says nothing about a rotation.
    """
    name = subjects.ADAPTERS_OWN.name.format(adapter="envoy")
    bucket = await mwbus.open_bucket(world.sender.bus, name, prefix="desired.")
    entry = await bucket.get("default.m1")
    if entry is None:
        return "no mesh"
    state = desired.decode(entry.value)
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        answers = {
            name: (
                await client.get(f"http://127.0.0.1:{member.ports.outbound}/", headers={"host": "reviews"})
            ).status_code
            for name, member in state.workloads.items()
        }
    return answers, state.certificate_generation


class EnvoyConformance(AdapterConformance):
    """See `AdapterConformance`. Each module names the operations that it tests in `only`."""

    adapter: ClassVar[kit.Adapter] = envoy
    load_as: ClassVar[str] = "envoy"
    unseen: ClassVar[Mapping[str, str]] = {
        "mesh.upgrade": "needs a second Envoy, and one is installed; `test_upgrades` shows what it does"
    }

    @pytest.fixture(autouse=True)
    def surroundings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Workers take their sidecars along, and test processes side by side use different ports."""
        lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
        monkeypatch.setenv("MESHWRIGHT_ENVOY_KEEP_SIDECARS", "false")
        monkeypatch.setenv("MESHWRIGHT_ENVOY_FIRST_PORT", str(28_200 + lane * 500))

    def facts(self) -> kit.Facts:
        """A mesh with the services of the sample intents."""
        names = ("web-v1", "reviews-v1", "reviews-v2", "reviews-v3", "ratings-v1")
        specs = [WorkloadSpec(name=each, service=each[:-3], version=each[-2:], port=9000) for each in names]
        ports = {
            each: Ports(outbound=15_001 + 2 * index, inbound=15_002 + 2 * index) for index, each in enumerate(names)
        }
        state = desired.enrol(DesiredState(workspace="default", mesh="m1", connection="local"), specs, ports)
        return EnvoyFacts(version="1.35.0", state=state)

    def samples(self, directory: Path) -> dict[str, Sample]:
        """One of each operation, and what is to be seen outside."""

        def sample(arguments: ops.Arguments, *before: ops.Arguments) -> tuple[str, Sample]:
            return arguments.kind.name, Sample(arguments=arguments, before=before, look=look)

        ready = (INSTALL, ENROL)
        return dict(
            [
                sample(INSTALL),
                sample(ENROL, INSTALL),
                sample(ops.withdrawing(["web"]), *ready),
                sample(design(500), *ready),
                sample(ops.RemoveDesign(design="faults"), *ready, design(500)),
                sample(ops.RollbackDesign(design="faults"), *ready, design(500), design(501)),
                sample(ops.RotateCertificates(), *ready),
                sample(ops.UpgradeMesh(), *ready),
                sample(ops.RefreshStatus(), *ready),
                sample(ops.UninstallMesh(), *ready),
            ]
        )


DESIGNS = frozenset(name for name in envoy.operations if name.startswith("design."))
MESHES = frozenset(envoy.operations) - DESIGNS
