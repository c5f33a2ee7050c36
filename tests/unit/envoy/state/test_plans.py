"""Plans: made once, the same for every attempt, and no stranger's state is overwritten on the way there or back."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.envoy.state import desired, plans
from meshwright.adapters.envoy.state.buckets import Buckets
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.state.plans import Plan
from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import NativeResource
from meshwright.schemas.workloads import WorkloadSpec

PORTS = {"a": desired.Ports(outbound=1, inbound=2)}
NONE = DesiredState(workspace="w", mesh="m", connection="c")
ONE = desired.enrol(NONE, [WorkloadSpec(name="a", service="a", port=80)], PORTS)
STATES = st.sampled_from([None, NONE, ONE, desired.rotate(ONE), desired.settle(NONE, "other.local")])


def empty(bucket: Any) -> Buckets:
    """All buckets, with nothing in them."""
    return Buckets(desired=bucket(), secrets=bucket(), proxies=bucket(), plans=bucket())


async def confirmed() -> None:
    """The operation is still this worker's."""


def present(buckets: Buckets) -> bytes | None:
    """What is the desired state now."""
    entries: dict[str, mwbus.Entry] = buckets.desired.entries  # type: ignore[attr-defined]  # of the stand-in
    return entries["w.m"].value if "w.m" in entries else None


def encoded(state: DesiredState | None) -> bytes | None:
    """As it lies in the bucket."""
    return desired.encode(state) if state else None


@given(there=STATES, before=STATES, after=STATES)
def test_a_state_replaces_only_what_it_was_made_for(
    bucket: Any, there: DesiredState | None, before: DesiredState | None, after: DesiredState | None
) -> None:
    """Forward and back, once or twice: a stranger's state stands and is told, anything else becomes what is wanted."""

    async def live() -> None:
        buckets = empty(bucket)
        if there is not None:
            await buckets.desired.create("w.m", desired.encode(there))
        for wanted, instead_of in ((after, before), (after, before), (before, after), (before, after)):
            result = present(buckets)
            if result in (encoded(wanted), encoded(instead_of)):
                await plans.write(buckets, "w.m", wanted, instead_of, confirmed)
                assert present(buckets) == encoded(wanted)
            else:
                with pytest.raises(kit.Retry) as refusal:
                    await plans.write(buckets, "w.m", wanted, instead_of, confirmed)
                assert (refusal.value.failure.code, refusal.value.failure.retryable) == ("MW2008", True)
                assert present(buckets) == result

    asyncio.run(live())


@given(before=STATES, after=STATES)
def test_a_worker_that_was_paused_writes_nothing(
    bucket: Any, before: DesiredState | None, after: DesiredState | None
) -> None:
    """Whoever learns between reading and writing that another has taken over, or wrote first, leaves all as it is."""

    async def live() -> None:
        buckets = empty(bucket)
        if before is not None:
            await buckets.desired.create("w.m", desired.encode(before))

        async def fenced() -> None:
            raise kit.Fenced("another worker")

        async def overtaken() -> None:
            await plans.write(buckets, "w.m", after, before, confirmed)

        with pytest.raises(kit.Fenced):
            await plans.write(buckets, "w.m", after, before, fenced)
        assert present(buckets) == encoded(before)
        if before is not None or after is not None:
            with pytest.raises(kit.Retry):
                await plans.write(buckets, "w.m", after, before, overtaken)
            assert present(buckets) == encoded(after)

    asyncio.run(live())


async def test_the_first_plan_of_an_operation_counts(bucket: Any) -> None:
    """A later attempt gets the plan that was kept, whatever it would plan now; a new operation replaces it."""
    buckets = empty(bucket)
    first = Plan(mesh="m", before=NONE, after=ONE)
    result = await plans.store(buckets, "w.m", "1", first)
    assert (result.version, result.proxies) == (desired.version(ONE), 1)
    assert await plans.store(buckets, "w.m", "1", Plan(mesh="m", before=None, after=None)) == result
    assert await plans.load(buckets, "w.m", "1") == first
    await plans.store(buckets, "w.m", "2", Plan(mesh="m", before=ONE, after=None))
    with pytest.raises(kit.Reject, match="the plan of operation 1 is no longer stored"):
        await plans.load(buckets, "w.m", "1")
    assert (await plans.load(buckets, "w.m", "2")).after is None


async def test_a_mesh_that_outgrows_its_entry_is_refused(bucket: Any) -> None:
    """It is told before anything is written, and the operation before keeps its plan."""
    buckets = empty(bucket)
    await plans.store(buckets, "w.m", "1", Plan(mesh="m", before=None, after=NONE))
    huge = Design(id="d", resources=[NativeResource(type="t", name="n", body={"text": "x" * 900_000})])
    with pytest.raises(kit.Reject, match="the mesh would need more than 900000 bytes") as refusal:
        await plans.store(buckets, "w.m", "2", Plan(mesh="m", before=NONE, after=desired.apply_design(NONE, huge, 1)))
    assert refusal.value.failure.code == "MW2002"
    assert (await plans.load(buckets, "w.m", "1")).after == NONE
    assert present(buckets) is None
