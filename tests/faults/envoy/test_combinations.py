"""What intents do to requests on the Envoy mesh in combinations that are drawn by chance."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rig.effects.combinations import CombinedEffects
from rig.effects.envoy import ProvenEnvoyMesh, serving

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProvenEnvoyMesh]:
    """One mesh for all proofs."""
    async with serving(tmp_path_factory.mktemp("envoy")) as result:
        yield result


class TestEnvoyCombinations(CombinedEffects):
    """See `CombinedEffects`."""
