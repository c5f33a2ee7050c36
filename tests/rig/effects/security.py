"""Proofs of who may speak to whom and what is written of it: mutual TLS, permissions, access logs."""

import itertools
import json

import pytest

from meshwright.core.testing.eventually import eventually
from rig.effects import documents
from rig.effects.mesh import CALLER, Mesh

_WITHIN = 60.0
_FLUSHED = 0.5
"""seconds between two looks at a log in which nothing is expected: a proxy writes its lines a moment later"""
_RATINGS = "ratings-v1"


class SecurityEffects:
    """Subclass it in a module that has a fixture `mesh`."""

    @pytest.mark.proves("mutual-tls")
    async def test_plain_text_is_refused_or_taken_as_asked_for(self, mesh: Mesh) -> None:
        """Permissive takes plain text and mutual TLS, strict takes callers with a certificate of the mesh alone."""

        async def takes_plain_text() -> bool:
            try:
                return (await mesh.call_in_plain_text(_RATINGS)).workload == _RATINGS
            except OSError:
                return False

        async def refuses_it() -> bool:
            return not await takes_plain_text()

        async with mesh.applied(documents.PERMISSIVE):
            await eventually(takes_plain_text, timeout=_WITHIN)
            assert await _identity(mesh)
            await mesh.apply(documents.STRICT)
            await eventually(refuses_it, timeout=_WITHIN)
            assert await _identity(mesh)
        await eventually(takes_plain_text if mesh.takes_plain_text else refuses_it, timeout=_WITHIN)

    async def test_the_mode_of_a_service_goes_before_that_of_all(self, mesh: Mesh) -> None:
        """All take plain text but the one that is strict, and calls within the mesh are answered by both."""
        async with mesh.applied(documents.MOSTLY_PERMISSIVE):

            async def as_asked_for() -> bool:
                try:
                    await mesh.call_in_plain_text(_RATINGS)
                except OSError:
                    return (await mesh.call_in_plain_text("reviews-v2")).workload == "reviews-v2"
                return False

            await eventually(as_asked_for, timeout=_WITHIN)
            assert [(await mesh.call(each)).status for each in ("reviews", "ratings")] == [200, 200]

    @pytest.mark.proves("deny-all")
    async def test_deny_all_refuses_everyone(self, mesh: Mesh) -> None:
        """Every call is 403 without reaching the service, calls to others are not, and later all are answered."""
        async with mesh.applied(documents.CLOSED):

            async def is_refused() -> bool:
                statuses = [await mesh.statuses("ratings", 2, by=caller) for caller in (CALLER, "reviews-v2")]
                return statuses == [[403] * 2] * 2

            await eventually(is_refused, timeout=_WITHIN)
            before = len(mesh.received(_RATINGS))
            assert await is_refused()
            assert (await mesh.call("reviews")).status == 200
            assert len(mesh.received(_RATINGS)) == before

        async def is_answered() -> bool:
            return await mesh.statuses("ratings", 3) == [200] * 3

        await eventually(is_answered, timeout=_WITHIN)

    @pytest.mark.proves("allow")
    async def test_allow_lets_only_the_named_source_in(self, mesh: Mesh) -> None:
        """Only the source, with the method and path allowed, gets through; everyone else gets 403, until later."""
        async with mesh.applied(documents.ONLY_REVIEWS):

            async def statuses() -> list[int]:
                calls = [
                    ("/open", "reviews-v1"),
                    ("/open/1", "reviews-v2"),
                    ("/secret", "reviews-v1"),
                    ("/open", CALLER),
                ]
                return [(await mesh.call("ratings", path, by=by)).status for path, by in calls]

            async def as_asked_for() -> bool:
                return await statuses() == [200, 200, 403, 403] and (await mesh.call("reviews")).status == 403

            await eventually(as_asked_for, timeout=_WITHIN)
            for path in ("/open/../secret", "/open/%2e%2e/secret", "/%6fpen/../secret", "/secret/..%2fopen", "/"):
                assert (await mesh.call("ratings", path, by="reviews-v2")).status == 403, path
            for method in ("POST", "HEAD", "OPTIONS", "DELETE"):
                assert (await mesh.call("ratings", "/open", by="reviews-v2", method=method)).status == 403, method

        async def as_before() -> bool:
            return await statuses() == [200] * 4 and (await mesh.call("reviews")).status == 200

        await eventually(as_before, timeout=_WITHIN)

    @pytest.mark.proves("access-log")
    async def test_requests_are_logged_as_json(self, mesh: Mesh) -> None:
        """One JSON line for each request that reaches the service, written by its sidecar; later no more of them."""
        rounds = itertools.count()

        async def path_of_a_call() -> str:
            path = f"/logged/{next(rounds)}"
            assert (await mesh.call("ratings", path)).status == 200
            return path

        def lines(path: str) -> int:
            return sum(json.loads(each).get("path") == path for each in mesh.log(_RATINGS).splitlines() if path in each)

        async def is_logged() -> bool:
            path = await path_of_a_call()
            return bool(await eventually(lambda: lines(path) == 1, timeout=1))

        async with mesh.applied(documents.LOGGED):
            await eventually(is_logged, timeout=_WITHIN)
        paths = [await path_of_a_call()]

        async def is_quiet() -> bool:
            quiet = lines(paths[-1]) == 0
            paths.append(await path_of_a_call())
            return quiet and len(paths) > 2

        await eventually(is_quiet, timeout=_WITHIN, interval=_FLUSHED)


async def _identity(mesh: Mesh) -> bool:
    """Whether the service hears who calls it, from a certificate."""
    assert (await mesh.call("ratings", "/identity")).status == 200
    last = [each for each in mesh.received(_RATINGS) if each.path == "/identity"][-1]
    return mesh.identity in last.headers.get("x-forwarded-client-cert", "")
