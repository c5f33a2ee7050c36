"""What intents do to requests on Istio, shown by the documents and proofs that every mesh is given.

Those of failures (retries, timeouts, faults, limits) take longer and are among the fault tests.
"""

import pytest

from rig.effects.istio import ProvenIstio
from rig.effects.routes import RouteEffects
from rig.effects.security import SecurityEffects

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]


class TestIstioEffects(RouteEffects, SecurityEffects):
    """See `RouteEffects` and `SecurityEffects`."""

    @pytest.fixture
    def mesh(self, proven_istio: ProvenIstio) -> ProvenIstio:
        """One mesh for all proofs."""
        return proven_istio
