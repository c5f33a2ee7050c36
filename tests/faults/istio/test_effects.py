"""What intents do to requests on Istio: those about failures, and combinations of all that are drawn by chance."""

import pytest

from rig.effects.combinations import CombinedEffects
from rig.effects.failures import FailureEffects
from rig.effects.istio import ProvenIstio

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.asyncio(loop_scope="module")]


class TestIstioEffects(FailureEffects, CombinedEffects):
    """See `FailureEffects` and `CombinedEffects`."""

    @pytest.fixture
    def mesh(self, proven_istio: ProvenIstio) -> ProvenIstio:
        """One mesh for all proofs."""
        return proven_istio
