"""The Envoy adapter passes the suite that every adapter must pass, with real workers, sidecars and kills."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from meshwright.adapters.envoy import adapter as envoy
from meshwright.core import kit
from meshwright.core.testing.conformance import AdapterConformance, Sample
from meshwright.schemas import operations as ops
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import FaultAbort
from meshwright.schemas.workloads import WorkloadSpec

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
SPECS = [WorkloadSpec(name=name, service=name, port=9) for name in ("web", "reviews")]
INSTALL = ops.InstallMesh()
ENROL = ops.enrolling(SPECS)


def design(status: int) -> ops.ApplyDesign:
    """Apply a design that answers calls to `reviews` with this status."""
    return ops.ApplyDesign(design=Design(id="faults", intents=[FaultAbort(service="reviews", status=status)]))


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Workers take their sidecars along, and test processes side by side use different ports."""
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
    monkeypatch.setenv("MESHWRIGHT_ENVOY_KEEP_SIDECARS", "false")
    monkeypatch.setenv("MESHWRIGHT_ENVOY_FIRST_PORT", str(28_200 + lane * 500))
    yield


class TestEnvoyConformance(AdapterConformance):
    """See `AdapterConformance`."""

    adapter: ClassVar[kit.Adapter] = envoy
    load_as: ClassVar[str] = "envoy"

    def samples(self, directory: Path) -> dict[str, Sample]:
        """One of each operation; what can be seen outside is which sidecars there are."""

        async def sidecars() -> object:
            return sorted(each.parent.name for each in (directory / "fleet").glob("*/wish.json"))

        def sample(arguments: ops.Arguments, *before: ops.Arguments) -> tuple[str, Sample]:
            return arguments.kind.name, Sample(arguments=arguments, before=before, look=sidecars)

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
                sample(ops.RefreshStatus(), *ready),
                sample(ops.UninstallMesh(), *ready),
            ]
        )
