"""The visibility of events in the event stream by role, over HTTP."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.access import EVENT_ROLES, ROLE_ORDER
from meshwright.schemas.operations import OperationProgressed
from rig.load.listening import listening
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack

pytestmark = pytest.mark.servers
LAST = "workspace"
"""the entity that is told last, and heard by everybody"""
TOLD = [*(entity for entity in EVENT_ROLES if entity != LAST), "undeclared"]


async def tell(bus: mwbus.Connection, workspace: str) -> None:
    """Events of every entity in a workspace and in what belongs to none, and of another workspace."""
    message = OperationProgressed(message="something")
    for place in (workspace, "system", "default"):
        for entity in TOLD:
            await bus.publisher.publish(f"mw.evt.{place}.test.{entity}.{place}", message)
    await bus.publisher.publish(f"mw.evt.{workspace}.test.{LAST}.last", message)


async def test_a_role_hears_what_it_may_read(guarded: Stack) -> None:
    """Viewers get no events about webhooks and deliveries, live or resumed, and no one gets events of other scopes."""
    async with (
        httpx.AsyncClient(base_url=guarded.url, timeout=30) as client,
        mwbus.connect(guarded.nats.url, "test") as bus,
        AsyncExitStack() as stack,
    ):
        admin = await Person.apart(client, TOKEN)
        before = (await bus.stream_bounds("EVENTS"))[1]
        people: dict[str, Person] = {role: await admin.token_of(role) for role in ROLE_ORDER}
        people["admin of all"] = admin
        live = {
            role: await stack.enter_async_context(listening(guarded.url, one.token, admin.workspace))
            for role, one in people.items()
        }
        await eventually(lambda: all(one.connections for one in live.values()))
        await asyncio.gather(tell(bus, admin.workspace))
        late = {
            role: await stack.enter_async_context(
                listening(guarded.url, one.token, admin.workspace, last_event_id=before)
            )
            for role, one in people.items()
        }
        for heard in (live, late):
            for role, listener in heard.items():
                await eventually(lambda: any(data["entity_id"] == "last" for _, _, data in listener.frames))  # noqa: B023
                told = [data for _, _, data in listener.frames if data["origin"] == "test"]
                rank = ROLE_ORDER.index(role.removesuffix(" of all"))
                own = {data["entity"] for data in told if data["workspace"] == admin.workspace}
                assert own == {
                    *(entity for entity, least in EVENT_ROLES.items() if ROLE_ORDER.index(least) <= rank),
                    *(["undeclared"] if rank == 2 else []),
                }, role
                assert {data["entity"] for data in told if data["workspace"] == "system"} == {"adapter"}, role
                assert {data["workspace"] for data in told} == {admin.workspace, "system"}


async def test_asking_for_what_one_may_not_hear_is_refused(guarded: Stack) -> None:
    """A viewer who filters by such an entity is refused, in the stream and in the log."""
    async with httpx.AsyncClient(base_url=guarded.url, timeout=30) as client:
        admin = await Person.apart(client, TOKEN)
        viewer, operator = await admin.token_of("viewer"), await admin.token_of("operator")
        for accept in ("text/event-stream", "application/json"):
            for person, entity in ((viewer, "delivery"), (viewer, "operation,webhook"), (operator, "token")):
                answer = await person.problem(
                    "GET", f"/v1/events?entity={entity}", status=403, slug="forbidden", Accept=accept
                )
                assert "role" in answer["detail"]
