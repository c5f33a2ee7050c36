"""Events are visible only to those who may read the same in lists, live and in the log.

Invariant: the required role comes from the served document, as for every other route.
"""

from typing import Any

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.schemas.access import ROLE_ORDER
from rig.inputs.openapi_walk import Operation
from rig.intruders.environment import Environment
from rig.load.listening import listening

pytestmark = pytest.mark.servers
FOR_ADMINS = {"token", "webhook", "delivery"}
"""what an admin hears of and a viewer does not"""


@pytest.mark.parametrize("role", ROLE_ORDER)
async def test_events_are_heard_by_who_may_read_what_they_are_about(
    environment: Environment, served: list[Operation], client: httpx.AsyncClient, role: str
) -> None:
    """From the first event on, a stream, the log and single events show each role exactly what its lists would show."""
    one = environment.one
    person, last = one.person(client, role), f"{role}-{one.mark}"
    await one.person(client, "admin").put(f"/v1/designs/{last}", {}, expect=201)
    async with listening(environment.stack.url, person.token, person.workspace, last_event_id=0) as heard:
        await eventually(lambda: any(data["entity_id"] == last for _, _, data in heard.frames))

    async def logged() -> Any:
        answer = (await person.get("/v1/events", params={"page_size": 500}))["items"]
        return answer if any(event["entity_id"] == last for event in answer) else None

    events = [*(data for _, _, data in heard.frames), *await eventually(logged)]
    told = {event["entity"] for event in events}
    for entity in told:
        listed = _role_of(served, entity)
        assert ROLE_ORDER.index(role) >= ROLE_ORDER.index(listed), entity
    assert told >= {"design", "operation", "mesh", "workload", "proxy", "release"}
    assert bool(told & FOR_ADMINS) == (role != "viewer")
    for event in (await one.person(client, "admin").get("/v1/events", params={"page_size": 500}))["items"]:
        visible = event["entity"] in told
        await person.ask("GET", f"/v1/events/{event['id']}", expect=200 if visible else 404)
    # Of what belongs to no workspace, only what the lists show to everybody.
    assert {event["entity"] for event in events if event["workspace"] != one.workspace} <= {"adapter"}


def _role_of(served: list[Operation], entity: str) -> str:
    """The role that the list of such things needs."""
    plural = f"{entity[:-1]}ies" if entity.endswith("y") and entity != "y" else f"{entity}s"
    names = {plural, f"{entity}es", plural.replace("-", "")}
    roles = [one.role for one in served if one.method == "GET" and one.path.rpartition("/")[2] in names]
    assert roles, f"events about {entity} are told and no list shows any"
    return min((role for role in roles if role), key=ROLE_ORDER.index)
