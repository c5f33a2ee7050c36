"""YAML of other meshes, imported and applied on the Envoy mesh: requests do what the YAML says."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from meshwright.adapters.istio.importing import importers
from meshwright.core.kit.analysis import read_files
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.designs import Design
from meshwright.schemas.findings import SourceFile
from rig.effects import imported
from rig.effects.envoy import ProvenEnvoyMesh, serving

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]
_WITHIN = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProvenEnvoyMesh]:
    """One mesh for all of them."""
    async with serving(tmp_path_factory.mktemp("envoy")) as result:
        yield result


def design(text: str, *left: str) -> Design:
    """The design that YAML becomes beside the services, of which exactly these fields are left."""
    files = [SourceFile(name="services.yaml", content=imported.SERVICES), SourceFile(name="mesh.yaml", content=text)]
    manifests, unreadable = read_files(files, "shop")
    assert not unreadable
    result = importers.run(manifests, id="moved", flat=True)
    assert [f"{each.location.file}:{each.location.line} {each.location.pointer}" for each in result.unexpressed] == [
        *left
    ]
    return result.design


async def test_what_istio_was_told_the_envoy_mesh_does(mesh: ProvenEnvoyMesh) -> None:
    """Header routes, splits, faults, timeouts, mirrors and permissions; two fields that no intent has are named."""
    moved = design(imported.ISTIO, *imported.LEFT_OF_ISTIO)
    async with mesh.applied(moved):

        async def does_it() -> bool:
            return await imported.outcome(mesh) == imported.EXPECTED

        await eventually(does_it, timeout=_WITHIN)


async def test_routes_of_services_move(mesh: ProvenEnvoyMesh) -> None:
    """HTTPRoutes of the Gateway API: the version of a header, a timeout, and all else to v1."""
    async with mesh.applied(design(imported.HTTP_ROUTE)):

        async def does_it() -> bool:
            testers = await mesh.answering("reviews", 10, headers={"x-user": "tester"})
            return set(testers) == {"reviews-v2"} and "reviews-v2" not in await mesh.answering("reviews", 20)

        await eventually(does_it, timeout=_WITHIN)
        assert await mesh.statuses("reviews", 1, "/slow") == [504]


async def test_splits_and_targets_of_smi_move(mesh: ProvenEnvoyMesh) -> None:
    """Shares by weights of SMI, and only the service whose account is named gets in, by the method and path named."""
    async with mesh.applied(design(imported.SMI)):

        async def does_it() -> bool:
            answers = [
                await mesh.call("ratings", "/open/1"),
                await mesh.call("ratings", "/secret"),
                await mesh.call("ratings", "/open", by="reviews-v1"),
            ]
            return [each.status for each in answers] == [200, 403, 403]

        await eventually(does_it, timeout=_WITHIN)
        answering = await mesh.answering("reviews", 200)
        assert 20 <= answering["reviews-v2"] <= 85, "a quarter"
