"""Proofs of what happens to requests: retries, timeouts, faults, rate limits, circuit breakers."""

import asyncio

import pytest

from meshwright.core.testing.eventually import eventually
from rig.effects import documents
from rig.effects.mesh import ALMOST, CALLER, Mesh
from rig.effects.routes import refused

_WITHIN = 60.0
_WIDER = 7
"""requests that the second of the two documents with a rate limit lets through"""


class FailureEffects:
    """Subclass it in a module that has a fixture `mesh`."""

    @pytest.mark.proves("retry")
    async def test_failed_requests_are_tried_again(self, mesh: Mesh) -> None:
        """A service that answers every third time looks healthy with two retries, and neither before nor after."""
        assert 503 in await mesh.statuses("ratings", 3, "/flaky")
        async with mesh.applied(documents.RETRY):

            async def healthy() -> bool:
                return await mesh.statuses("ratings", 3, "/flaky") == [200, 200, 200]

            await eventually(healthy, timeout=_WITHIN)

        async def unhealthy() -> bool:
            return 503 in await mesh.statuses("ratings", 3, "/flaky")

        await eventually(unhealthy, timeout=_WITHIN)

    @pytest.mark.proves("timeout")
    async def test_a_timeout_ends_slow_requests(self, mesh: Mesh) -> None:
        """A request that takes longer is answered with 504, others are untouched, and afterwards it may take long."""
        async with mesh.applied(documents.TIMEOUT):

            async def ended() -> bool:
                return (await mesh.call("reviews", "/slow")).status == 504

            await eventually(ended, timeout=_WITHIN)
            assert (await mesh.call("reviews")).status == 200

        async def patient() -> bool:
            return (await mesh.call("reviews", "/slow")).status == 200

        await eventually(patient, timeout=_WITHIN)

    @pytest.mark.proves("fault-delay")
    async def test_a_delay_is_injected(self, mesh: Mesh) -> None:
        """Only requests with the header are late, by the time asked for, until it is removed."""
        if await refused(mesh, "fault-delay", documents.DELAY):
            return
        late = {"x-late": "yes"}
        async with mesh.applied(documents.DELAY):

            async def delayed() -> bool:
                return (await mesh.call("reviews", headers=late)).seconds >= 0.4 * ALMOST

            async def quick() -> bool:
                return (await mesh.call("reviews", headers=late)).seconds < 0.4 * ALMOST

            async def untouched() -> bool:
                return (await mesh.call("reviews")).seconds < 0.4 * ALMOST

            await eventually(delayed, timeout=_WITHIN)
            await eventually(untouched, timeout=_WITHIN)
            assert await delayed()
        await eventually(quick, timeout=_WITHIN)

    @pytest.mark.proves("fault-abort")
    async def test_an_abort_is_injected(self, mesh: Mesh) -> None:
        """The share asked for is answered with the status asked for, without reaching the service; later none is."""
        if await refused(mesh, "fault-abort", documents.ABORT):
            return
        async with mesh.applied(documents.ABORT):

            async def half() -> bool:
                statuses = await mesh.statuses("reviews", 100, "/aborted")
                return 25 < statuses.count(418) < 75 and statuses.count(418) + statuses.count(200) == 100

            await eventually(half, timeout=_WITHIN)
            before = mesh.all_received("reviews", "/aborted")
            statuses = await mesh.statuses("reviews", 100, "/aborted")
            assert mesh.all_received("reviews", "/aborted") - before == statuses.count(200)

        async def none() -> bool:
            return await mesh.statuses("reviews", 50) == [200] * 50

        await eventually(none, timeout=_WITHIN)

    async def test_delay_and_abort_hold_together(self, mesh: Mesh) -> None:
        """Two faults on one service, each for its own header, do not disturb each other; a request may have both."""
        if await refused(mesh, "fault-delay", documents.FAULTS):
            return
        late, broken = {"x-late": "1"}, {"x-broken": "1"}
        async with mesh.applied(documents.FAULTS):

            async def both() -> bool:
                one = await mesh.call("ratings", headers=late)
                other = await mesh.call("ratings", headers=broken)
                together = await mesh.call("ratings", headers={**late, **broken})
                return [one.status, other.status, together.status] == [200, 503, 503] and min(
                    one.seconds, together.seconds
                ) >= 0.3 * ALMOST

            await eventually(both, timeout=_WITHIN)
            assert (await mesh.call("ratings")).status == 200

        async def neither() -> bool:
            return (await mesh.call("ratings", headers=broken)).status == 200

        await eventually(neither, timeout=_WITHIN)

    @pytest.mark.proves("rate-limit")
    async def test_a_rate_limit_refuses_the_rest(self, mesh: Mesh) -> None:
        """Each instance lets so many requests through and answers the rest with 429, whoever asks, until it is removed.

        The exact number is counted by the second revision: before it holds, the first lets nothing through any more.
        """
        if await refused(mesh, "rate-limit", documents.RATE_LIMIT):
            return
        async with mesh.applied(documents.RATE_LIMIT):

            async def exhausted() -> bool:
                statuses = [await mesh.statuses("ratings", 2, by=caller) for caller in (CALLER, "reviews-v1")]
                return statuses == [[429] * 2] * 2

            await eventually(exhausted, timeout=_WITHIN)
            await mesh.apply(documents.WIDER_LIMIT)
            answers: list[int] = []

            async def exhausted_again() -> bool:
                answers.extend(await mesh.statuses("ratings", 3))
                return answers.count(200) == _WIDER and answers[-3:] == [429] * 3

            await eventually(exhausted_again, timeout=_WITHIN)

        async def unlimited() -> bool:
            return await mesh.statuses("ratings", 3 * _WIDER) == [200] * 3 * _WIDER

        await eventually(unlimited, timeout=_WITHIN)

    @pytest.mark.proves("circuit-breaker")
    async def test_a_circuit_breaker_bounds_requests_in_flight(self, mesh: Mesh) -> None:
        """With one connection and one pending request allowed, at most two of a burst get through; later all do."""

        async def burst() -> list[int]:
            answers = await asyncio.gather(*(mesh.call("ratings", "/slow") for _ in range(6)))
            return [each.status for each in answers]

        async def bounded() -> bool:
            statuses = await burst()
            return 1 <= statuses.count(200) <= 2 and statuses.count(200) + statuses.count(503) == 6

        async with mesh.applied(documents.BREAKER):
            await eventually(bounded, timeout=_WITHIN)

        async def unbounded() -> bool:
            return await burst() == [200] * 6

        await eventually(unbounded, timeout=_WITHIN)

    async def test_requests_in_flight_are_bounded(self, mesh: Mesh) -> None:
        """With two requests allowed, two of a burst get through, however many connections they could have."""

        async def bounded() -> bool:
            answers = await asyncio.gather(*(mesh.call("ratings", "/slow") for _ in range(6)))
            statuses = [each.status for each in answers]
            return statuses.count(200) == 2 and statuses.count(503) == 4

        async with mesh.applied(documents.IN_FLIGHT):
            await eventually(bounded, timeout=_WITHIN)

    async def test_each_try_has_its_time(self, mesh: Mesh) -> None:
        """A try that takes longer is given up and made once more, which is received, before the caller gets 504."""

        async def twice() -> bool:
            before = mesh.all_received("ratings", "/slow")
            answer = await mesh.call("ratings", "/slow")
            received = mesh.all_received("ratings", "/slow") - before
            return (answer.status, received) == (504, 2) and answer.seconds >= 0.6 * ALMOST

        async with mesh.applied(documents.TRIES):
            await eventually(twice, timeout=_WITHIN)

    async def test_all_that_is_said_of_one_service_holds_at_once(self, mesh: Mesh) -> None:
        """Routes, faults, a timeout and retries, in every combination of the headers that they speak of."""
        tester, stranger = {"x-user": "tester-7"}, {"x-user": "tester-7x"}
        late, broken = {"x-late": "1"}, {"x-broken": "1"}
        async with mesh.applied(documents.TOGETHER):

            async def routed() -> bool:
                ours = await mesh.answering("reviews", 5, headers=tester)
                others = await mesh.answering("reviews", 5, headers=stranger)
                return set(ours) == {"reviews-v2"} and others["reviews-v2"] == 0

            await eventually(routed, timeout=_WITHIN)
            for user in (tester, stranger):
                version = "v2" if user is tester else "v1"
                answer = await mesh.call("reviews", headers={**user, **late})
                assert answer.status == 200 and answer.seconds >= 0.3 * ALMOST and version in answer.workload
                assert (await mesh.call("reviews", headers={**user, **broken})).status == 418
                answer = await mesh.call("reviews", headers={**user, **late, **broken})
                assert answer.status == 418 and answer.seconds >= 0.3 * ALMOST
                assert (await mesh.call("reviews", "/slow", headers=user)).status == 504
            assert await mesh.statuses("reviews", 3, "/flaky", headers=tester) == [200] * 3

    async def test_outliers_are_ejected(self, mesh: Mesh) -> None:
        """An instance that keeps failing is taken out of rotation, so that callers fail fast; later it is reached."""
        async with mesh.applied(documents.OUTLIERS):

            async def ejected() -> bool:
                return "no healthy upstream" in (await mesh.call("ratings", "/fail")).text

            await eventually(ejected, timeout=_WITHIN)
            reached = len(mesh.received("ratings-v1"))
            assert (await mesh.call("ratings")).status == 503
            assert len(mesh.received("ratings-v1")) == reached

        async def back() -> bool:
            return (
                await mesh.statuses("ratings", 4, "/fail") == [503] * 4 and (await mesh.call("ratings")).status == 200
            )

        await eventually(back, timeout=_WITHIN)
