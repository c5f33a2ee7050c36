"""No client can use up the event streams of others."""

from contextlib import AsyncExitStack

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.ui_api.live.quota import StreamQuota
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack
from rig.stack.wires import Answer, Wire, request, wire

pytestmark = pytest.mark.servers
USUAL = StreamQuota()


async def opened(one: Wire, person: Person) -> Answer:
    """What a wish for an event stream is answered."""
    ask = request(
        "/v1/events",
        "Accept: text/event-stream",
        f"Authorization: Bearer {person.token}",
        f"Meshwright-Workspace: {person.workspace}",
    )
    answer = await one.ask(ask)
    assert answer is not None
    return answer


async def test_one_viewer_cannot_take_the_streams_of_others(guarded: Stack) -> None:
    """A token's share, then a workspace's is refused with 429 and when to come again; others listen meanwhile."""
    async with httpx.AsyncClient(base_url=guarded.url, timeout=30) as client, AsyncExitStack() as stack:
        admin = await Person.apart(client, TOKEN)
        other = await Person.apart(client, TOKEN)
        viewer = await admin.token_of("viewer")
        greedy = [await stack.enter_async_context(wire(guarded.port)) for _ in range(USUAL.per_token + 20)]
        answers = [await opened(one, viewer) for one in greedy]
        assert [answer.status for answer in answers].count(200) == USUAL.per_token
        refused = answers[-1]
        assert (refused.status, refused.slug) == (429, "too-many-requests")
        assert int(refused.headers["retry-after"]) > 0
        assert "MESHWRIGHT_EVENT_STREAMS_PER_TOKEN" in refused.problem["remedy"]

        beside = await admin.token_of("operator", description="another")
        assert (await opened(await stack.enter_async_context(wire(guarded.port)), beside)).status == 200
        greedy += [await stack.enter_async_context(wire(guarded.port)) for _ in range(USUAL.per_token)]
        answers = [await opened(one, beside) for one in greedy[-USUAL.per_token :]]
        full = answers[-1]
        assert full.status == 429
        assert (await opened(await stack.enter_async_context(wire(guarded.port)), admin)).status == 429
        assert (await opened(await stack.enter_async_context(wire(guarded.port)), other)).status == 200

        greedy[0].close()

        async def room() -> bool:
            async with wire(guarded.port) as one:
                return (await opened(one, viewer)).status == 200

        await eventually(room)


def test_each_share_leaves_room_beside_it() -> None:
    """One token leaves half of its workspace, one workspace almost all of the process."""
    assert USUAL.per_token * 2 <= USUAL.per_workspace
    assert USUAL.per_workspace * 10 <= USUAL.all
