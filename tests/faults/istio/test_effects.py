"""What intents about failures do to requests on Istio: retries, timeouts, faults, rate limits, circuit breakers."""

import pytest

from rig.effects.failures import FailureEffects
from rig.effects.istio import ProvenIstio

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.asyncio(loop_scope="module")]


class TestIstioEffects(FailureEffects):
    """See `FailureEffects`."""

    @pytest.fixture
    def mesh(self, proven_istio: ProvenIstio) -> ProvenIstio:
        """One mesh for all proofs."""
        return proven_istio
