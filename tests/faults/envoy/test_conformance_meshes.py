"""The Envoy adapter passes the suite that every adapter must pass: its operations on meshes and workloads."""

from collections.abc import Collection
from typing import ClassVar

import pytest

from rig.envoy_conformance import MESHES, EnvoyConformance

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


class TestEnvoyConformance(EnvoyConformance):
    """See `AdapterConformance`."""

    only: ClassVar[Collection[str]] = MESHES
