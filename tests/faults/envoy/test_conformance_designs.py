"""The Envoy adapter passes the suite that every adapter must pass: its operations on designs."""

from collections.abc import Collection
from typing import ClassVar

import pytest

from rig.envoy_conformance import DESIGNS, EnvoyConformance

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


class TestEnvoyConformance(EnvoyConformance):
    """See `AdapterConformance`."""

    only: ClassVar[Collection[str]] = DESIGNS
