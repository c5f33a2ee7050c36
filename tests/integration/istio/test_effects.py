"""What intents do to requests on Istio, shown by the documents and proofs that every mesh is given.

Those of failures (retries, timeouts, faults, limits) take longer and are among the fault tests.
"""

from pathlib import Path

import pytest
import yaml

from meshwright.core.testing.eventually import eventually
from rig.effects import envoy, imported
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


async def test_existing_yaml_does_the_same_on_the_mesh_that_it_is_imported_to(
    proven_istio: ProvenIstio, tmp_path: Path
) -> None:
    """Istio does what somebody's YAML says; the design that is read from the cluster makes the Envoy mesh do it too."""
    namespace = proven_istio.world.namespace
    text = imported.ISTIO.replace("/ns/shop/", f"/ns/{namespace}/")
    objects = list(yaml.safe_load_all(text))
    for each in objects:
        each["metadata"]["namespace"] = namespace
    with proven_istio.world.configured(*objects):

        async def istio_does_it() -> bool:
            return await imported.outcome(proven_istio) == imported.EXPECTED

        await eventually(istio_does_it, timeout=60)
        mesh = proven_istio.mesh
        result = await mesh.api.import_live(mesh.name, id="moved", namespace=namespace, flat=True)
        left = {each.location.pointer for each in result.unexpressed}
        assert {each.partition(" ")[2] for each in imported.LEFT_OF_ISTIO} <= left
    async with envoy.serving(tmp_path) as other, other.applied(result.design):

        async def it_moved() -> bool:
            return await imported.outcome(other) == imported.EXPECTED

        await eventually(it_moved, timeout=60)
