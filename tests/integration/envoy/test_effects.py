"""What each intent does to requests on the Envoy mesh, shown by the documents and proofs that every mesh is given."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rig.effects.envoy import ProvenEnvoyMesh, serving
from rig.effects.proofs import IntentEffects

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProvenEnvoyMesh]:
    """One mesh for all proofs."""
    async with serving(tmp_path_factory.mktemp("envoy")) as result:
        yield result


class TestEnvoyEffects(IntentEffects):
    """See `IntentEffects`."""
