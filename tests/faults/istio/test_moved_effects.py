"""Every intent by way of Istio's YAML to the Envoy mesh: the proofs of intents hold for what was imported."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rig.effects import documents
from rig.effects.envoy import serving
from rig.effects.moved import MovedMesh, moved
from rig.effects.proofs import IntentEffects

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MovedMesh]:
    """One mesh for all proofs."""
    async with serving(tmp_path_factory.mktemp("envoy")) as result:
        yield MovedMesh(result.mesh, result.version)


class TestMovedEffects(IntentEffects):
    """See `IntentEffects`."""


async def test_every_document_survives_the_way() -> None:
    """Not one intent of the documents that all meshes are given gets lost."""
    for each in documents.ALL:
        assert {type(one) for one in moved(each).intents} == {type(one) for one in each.intents}
