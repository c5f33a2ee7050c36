"""What intents do to requests on Consul, shown by the documents and proofs that every mesh is given.

The Consul is of the Community edition and of the last series that may be used here; what it cannot do it must refuse,
with the reason.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from meshwright.core.testing.eventually import eventually
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import HeaderMatch, HeaderRoute, Retry, Timeout
from rig.effects import documents
from rig.effects.combinations import CombinedEffects
from rig.effects.consul import ProvenConsul, serving
from rig.effects.mesh import Mesh
from rig.effects.proofs import IntentEffects
from rig.effects.routes import refused
from testbed.consul import ConsulServer

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]
_WITHIN = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(consul: ConsulServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProvenConsul]:
    """One mesh for all proofs; no Envoy of it has refused anything in the end."""
    async with serving(consul, tmp_path_factory.mktemp("consul")) as result:
        yield result
        assert await result.world.rejected() == {}


async def is_refused(mesh: Mesh, design: Design, because: str) -> None:
    """The preview and the operation say why the mesh does not do this."""
    (unsupported,) = (await mesh.preview(design)).unsupported
    assert because in unsupported.because and unsupported.instead
    with pytest.raises(Exception, match="MW2010"):
        await mesh.apply(design)


class TestConsulEffects(IntentEffects, CombinedEffects):
    """See `IntentEffects` and `CombinedEffects`; what this Consul has no words for is proven to be refused."""

    @pytest.mark.proves("mutual-tls")
    async def test_plain_text_is_refused_or_taken_as_asked_for(self, mesh: Mesh) -> None:
        """Strict is how sidecars of this version always are, and permissive is refused."""
        await is_refused(mesh, documents.PERMISSIVE, "take mutual TLS alone")
        async with mesh.applied(documents.STRICT):
            with pytest.raises(OSError):
                await mesh.call_in_plain_text("ratings-v1")
            assert (await mesh.call("ratings", "/identity")).status == 200
            last = [each for each in mesh.received("ratings-v1") if each.path == "/identity"][-1]
            assert mesh.identity in last.headers["x-forwarded-client-cert"]

    async def test_the_mode_of_a_service_goes_before_that_of_all(self, mesh: Mesh) -> None:
        """A design of which a part is refused changes nothing."""
        await is_refused(mesh, documents.MOSTLY_PERMISSIVE, "take mutual TLS alone")

    async def test_requests_are_logged_as_json(self, mesh: Mesh) -> None:
        """Access logs need a newer version."""
        assert await refused(mesh, "access-log", documents.LOGGED)

    async def test_each_try_has_its_time(self, mesh: Mesh) -> None:
        """Consul has a time-out for the whole request alone."""
        await is_refused(mesh, documents.TRIES, "no time-out for a single try")

    async def test_all_that_is_said_of_one_service_holds_at_once(self, mesh: Mesh) -> None:
        """Routes, a timeout and retries, with the headers that they speak of; without the faults, which are refused."""
        design = Design(
            id="together",
            intents=[
                documents.split(100),
                HeaderRoute(service="reviews", header=HeaderMatch(name="x-user", regex="tester-[0-9]+"), version="v2"),
                Timeout(service="reviews", timeout="600ms"),
                Retry(service="reviews", attempts=2, retry_on=["gateway-error"]),
            ],
        )
        tester, stranger = {"x-user": "tester-7"}, {"x-user": "tester-7x"}
        async with mesh.applied(design):

            async def routed() -> bool:
                ours = await mesh.answering("reviews", 5, headers=tester)
                others = await mesh.answering("reviews", 5, headers=stranger)
                return set(ours) == {"reviews-v2"} and others["reviews-v2"] == 0

            await eventually(routed, timeout=_WITHIN)
            for user in (tester, stranger):
                assert (await mesh.call("reviews", "/slow", headers=user)).status == 504
            assert await mesh.statuses("reviews", 3, "/flaky", headers=tester) == [200] * 3
