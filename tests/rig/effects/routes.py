"""Proofs of where requests go: splits, header routes, mirrors, load balancing, ingress and egress."""

import itertools

import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.schemas.designs import Design
from rig.effects import documents
from rig.effects.mesh import Mesh

_WITHIN = 60.0
_SOME, _MANY = 20, 200
_USERS = 24


class RouteEffects:
    """Subclass it in a module that has a fixture `mesh`."""

    @pytest.mark.proves("traffic-split")
    async def test_a_split_divides_requests_by_weight(self, mesh: Mesh) -> None:
        """One of ten reaches v2; the document's next revision sends all to v1; without it v2 has its share again."""
        async with mesh.applied(documents.CANARY):

            async def a_tenth() -> bool:
                return 4 <= (await mesh.answering("reviews", _MANY))["reviews-v2"] <= 36

            await eventually(a_tenth, timeout=_WITHIN)
            await mesh.apply(documents.STABLE)

            async def nobody() -> bool:
                return (await mesh.answering("reviews", _MANY // 2))["reviews-v2"] == 0

            await eventually(nobody, timeout=_WITHIN)
        await eventually(lambda: _reached(mesh, "reviews-v2"), timeout=_WITHIN)

    @pytest.mark.proves("header-route")
    async def test_a_header_sends_requests_to_a_version(self, mesh: Mesh) -> None:
        """Requests with the header reach its version and all others follow the split, until both are removed."""
        testers, others = {"x-user": "tester-7"}, {"x-user": "somebody"}
        async with mesh.applied(documents.TESTERS):

            async def routed() -> bool:
                one = await mesh.answering("reviews", _SOME, headers=testers)
                other = await mesh.answering("reviews", _SOME, headers=others)
                return set(one) == {"reviews-v2"} and other["reviews-v2"] == 0

            await eventually(routed, timeout=_WITHIN)

        async def as_before() -> bool:
            return len(await mesh.answering("reviews", _SOME, headers=testers)) > 1

        await eventually(as_before, timeout=_WITHIN)

    async def test_two_routes_for_the_same_requests_are_refused(self, mesh: Mesh) -> None:
        """The second is named, in the preview and by the operation, and nothing is changed."""
        problems = (await mesh.preview(documents.CONTRADICTION)).problems
        assert [each.pointer for each in problems] == ["#/intents/1"]
        with pytest.raises(Exception, match="#/intents/1"):
            await mesh.apply(documents.CONTRADICTION)

    @pytest.mark.proves("mirror")
    async def test_a_mirror_copies_requests(self, mesh: Mesh) -> None:
        """v2 gets a copy of each request while callers hear v1 alone; afterwards each request is received once."""
        if await refused(mesh, "mirror", documents.MIRROR):
            return
        async with mesh.applied(documents.MIRROR):
            rounds = itertools.count()

            async def copied() -> bool:
                path = f"/copied/{next(rounds)}"
                assert "reviews-v2" not in await mesh.answering("reviews", _SOME, path=path)
                return bool(await eventually(lambda: mesh.all_received("reviews", path) == 2 * _SOME, timeout=2))

            await eventually(copied, timeout=_WITHIN)

        async def once() -> bool:
            path = f"/once/{next(rounds)}"
            answering = await mesh.answering("reviews", _SOME, path=path)
            return answering["reviews-v2"] > 0 and mesh.all_received("reviews", path) == _SOME

        await eventually(once, timeout=_WITHIN)

    @pytest.mark.proves("load-balancing")
    async def test_load_balancing_follows_a_header(self, mesh: Mesh) -> None:
        """All requests of a user reach one instance and not all users the same one, until it is removed."""
        async with mesh.applied(documents.STICKY):

            async def sticky() -> bool:
                shares = [
                    await mesh.answering("reviews", 3, headers={"x-user": f"user-{number}"}) for number in range(_USERS)
                ]
                return all(len(share) == 1 for share in shares) and {name for share in shares for name in share} == {
                    "reviews-v1",
                    "reviews-v1-twin",
                }

            await eventually(sticky, timeout=_WITHIN)

        async def scattered() -> bool:
            return len(await mesh.answering("reviews", _SOME, headers={"x-user": "user-1"})) > 1

        await eventually(scattered, timeout=_WITHIN)

    @pytest.mark.proves("ingress")
    async def test_a_gateway_lets_requests_in(self, mesh: Mesh) -> None:
        """For its host alone, each path to its service, and there as the split says; afterwards nobody is let in."""
        if await refused(mesh, "ingress", documents.EXPOSED):
            return
        async with mesh.applied(documents.EXPOSED):

            async def let_in() -> bool:
                answers = [await mesh.call_from_outside(documents.SHOP, path) for path in ("/", "/reviews/1", "/other")]
                return [each.workload.partition("-")[0] for each in answers] == ["web", "reviews", "web"]

            await eventually(let_in, timeout=_WITHIN)
            answers = [await mesh.call_from_outside(documents.SHOP, "/reviews") for _ in range(_SOME)]
            assert "reviews-v2" not in {each.workload for each in answers}
            assert (await mesh.call_from_outside("elsewhere.example.com")).status == 404

        async def closed() -> bool:
            try:
                return (await mesh.call_from_outside(documents.SHOP)).status == 404
            except OSError:
                return True  # nothing listens where no Gateway is

        await eventually(closed, timeout=_WITHIN)

    @pytest.mark.proves("egress-control")
    async def test_only_the_hosts_that_are_named_are_reached(self, mesh: Mesh) -> None:
        """Both hosts outside are reached before and afterwards, and in between only the one that is named."""
        if await refused(mesh, "egress-control", documents.EGRESS):
            return
        hosts = (documents.OUTSIDE, documents.OTHER_OUTSIDE)

        async def reached() -> list[str]:
            return [host for host in hosts if (await mesh.call_outside(host)).workload == host]

        async def both() -> bool:
            return await reached() == list(hosts)

        async def one() -> bool:
            return await reached() == [documents.OUTSIDE]

        await eventually(both, timeout=_WITHIN)
        async with mesh.applied(documents.EGRESS):
            await eventually(one, timeout=_WITHIN)
        await eventually(both, timeout=_WITHIN)


async def _reached(mesh: Mesh, workload: str) -> bool:
    return (await mesh.answering("reviews", _SOME))[workload] > 0


async def refused(mesh: Mesh, intent: str, design: Design) -> bool:
    """Whether the mesh does not do this; then it must say why and what to do instead, and refuse the document."""
    unsupported = [each for each in (await mesh.preview(design)).unsupported if each.intent == intent]
    assert bool(unsupported) == (intent in mesh.unsupported)
    if not unsupported:
        return False
    assert all(each.because and each.instead for each in unsupported)
    with pytest.raises(Exception, match=unsupported[0].because):
        await mesh.apply(design)
    return True
