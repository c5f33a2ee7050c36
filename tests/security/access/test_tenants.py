"""Two tenants, every route, every resource of the one: the other cannot read it, change it, or get its events.

Invariant: a response may repeat the request; any other word of the one tenant in it is a leak.
"""

from typing import Any

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.access import ROLE_ORDER
from rig.inputs import openapi_walk
from rig.inputs.openapi_walk import Operation
from rig.intruders.environment import Environment, Wishes
from rig.intruders.tenants import Tenant
from rig.load.listening import Listener, listening
from rig.stack.people import Person
from rig.stack.stack import Stack

pytestmark = pytest.mark.servers
_SHARED = ("/v1/adapters/", "/v1/findings/")
"""what belongs to no tenant: adapters, and the pages on findings"""


async def _asked(
    who: Person, operation: Operation, places: tuple[str, ...], body: Any = None, **more: Any
) -> httpx.Response:
    headers = {
        "Authorization": f"Bearer {who.token}",
        "Meshwright-Workspace": who.workspace,
        "If-Match": "*",
        **more.pop("headers", {}),
    }
    options = more if body is None else {"json": body, **more}
    return await who.client.request(operation.method, operation.at(*places), headers=headers, **options)


@pytest.mark.parametrize("role", ROLE_ORDER)
async def test_nothing_of_another_tenant_is_read(
    environment: Environment, served: list[Operation], wishes: Wishes, client: httpx.AsyncClient, role: str
) -> None:
    """What another tenant has looks like what is not there: 404, or a list without it, filter as one may."""
    who, one = environment.other.person(client, role), environment.one
    asked = 0
    for operation in (each for each in served if not each.writes):
        for places, _ in wishes[operation.id]:
            answer = await _asked(who, operation, places)
            asked += 1
            assert not one.leaked(answer), answer.text
            # A list of what is not there is empty.
            if one.named(str(places)) and answer.status_code == 200:
                assert answer.json()["items"] == [], answer.text
            elif places and operation.role and not operation.path.startswith(_SHARED):
                assert answer.status_code in (403, 404), (answer.url, answer.text)
            for parameters in _filters(operation, one):
                answer = await _asked(who, operation, places, params=parameters)
                asked += 1
                assert not one.leaked(answer), answer.text
                assert answer.status_code < 500, answer.text
    print(f"\n{role} of another tenant: {asked} reads")


def _filters(operation: Operation, tenant: Tenant) -> list[dict[str, str]]:
    """Every text parameter of the query, with every word of the tenant."""
    texts = [
        name
        for name, schema in operation.query.items()
        if name != "page_token" and ("string" in str(schema) and "enum" not in str(schema))
    ]
    return [{name: word} for name in texts for word in tenant.words]


async def test_nothing_of_another_tenant_is_changed(
    environment: Environment,
    served: list[Operation],
    wishes: Wishes,
    document: dict[str, Any],
    client: httpx.AsyncClient,
) -> None:
    """Whatever an admin asks of another tenant's things, with every name right: its streams stand still."""
    who, one = environment.other.person(client, "admin"), environment.one
    asked = 0
    known: dict[str, Any] = dict.fromkeys(("mesh", "connection", "design", "adapter", "workload"), one.mark)
    async with mwbus.connect(environment.stack.nats.url, "tester") as bus:
        before = await _said(bus, one)
        for operation in (each for each in served if each.writes):
            for places, _ in wishes[operation.id]:
                body = openapi_walk.body(document, operation, **known, id=(*places, one.mark)[0])
                for key in ({}, {"Idempotency-Key": one.mark}):
                    answer = await _asked(who, operation, places, body, headers=key)
                    asked += 1
                    assert not one.leaked(answer), answer.text
                    assert answer.status_code < 500 or answer.status_code == 503, answer.text
        assert await _said(bus, one) == before
    owner = one.person(client, "admin")
    for path in (f"/v1/designs/{one.mark}", f"/v1/webhooks/{one.mark}", f"/v1/connections/{one.mark}"):
        assert (await owner.get(path))["id"] == one.mark
    print(f"\nadmin of another tenant: {asked} writes")


async def _said(bus: mwbus.Connection, tenant: Tenant) -> list[int]:
    """The newest message of every stream about a workspace, from any client over HTTP."""
    items = []
    for stream, subject in (("STATE", "mw.state.{}.>"), ("COMMANDS", "mw.cmd.{}.>"), ("EVENTS", "mw.evt.{}.api.>")):
        newest = await bus.last(stream, subject.format(tenant.workspace))
        items.append(newest.seq if newest else 0)
    return items


WORKSPACES = ["*", ">", "system", "default", "..", "none", "{one},{other}", "{ONE}", "{one}.x", "{one}/.."]


@pytest.mark.parametrize("written", WORKSPACES)
async def test_no_spelling_of_the_header_leads_elsewhere(
    environment: Environment, client: httpx.AsyncClient, written: str
) -> None:
    """The header names one workspace that the token may see, or the request is refused."""
    one, other = environment.one, environment.other
    name = written.format(one=one.workspace, other=other.workspace, ONE=one.workspace.upper())
    headers = {"Authorization": f"Bearer {other.tokens['admin']}", "Meshwright-Workspace": name}
    for path in ("/v1/designs", "/v1/tokens", "/v1/whoami", f"/v1/designs/{one.mark}", "/v1/events"):
        answer = await client.get(path, headers=headers)
        assert answer.status_code in (400, 404), (path, answer.text)
        assert not one.leaked(answer)


async def test_two_headers_are_not_two_chances(environment: Environment, client: httpx.AsyncClient) -> None:
    """With two workspaces in one request neither gives access to another's, whichever comes first."""
    one, other = environment.one, environment.other
    for names in ((one.workspace, other.workspace), (other.workspace, one.workspace)):
        headers = [("Authorization", f"Bearer {other.tokens['admin']}")]
        headers += [("Meshwright-Workspace", name) for name in names]
        answer = await client.get("/v1/designs", headers=headers)
        assert not one.leaked(answer)
        assert answer.status_code in (200, 400, 404)
        assert not one.named(answer.text) or answer.status_code == 404


async def test_a_page_token_is_good_for_its_own_list(environment: Environment, client: httpx.AsyncClient) -> None:
    """The cursor of one tenant's list is refused in another's, and so is one for another list or order."""
    owner, stranger = environment.one.person(client, "admin"), environment.other.person(client, "admin")
    token = (await owner.get("/v1/events", params={"page_size": 1}))["next_page_token"]
    assert token
    for path in ("/v1/events", "/v1/designs", "/v1/operations", "/v1/webhooks", "/v1/releases"):
        await stranger.problem("GET", path, params={"page_token": token}, status=400, slug="invalid-request")
        if path != "/v1/events":
            await owner.problem("GET", path, params={"page_token": token}, status=400, slug="invalid-request")


async def test_an_idempotency_key_of_another_tenant_gives_nothing_away(
    environment: Environment, client: httpx.AsyncClient
) -> None:
    """The same key in another workspace is another key: it neither shows nor stops the operation behind it."""
    keys = {"Idempotency-Key": f"key-{environment.one.mark}"}
    wish = {"kind": "mesh.status", "mesh": ""}
    first = await environment.one.person(client, "admin").post(
        "/v1/operations", wish | {"mesh": environment.one.mark}, **keys
    )
    other = await environment.other.person(client, "admin").post(
        "/v1/operations", wish | {"mesh": environment.other.mark}, **keys
    )
    assert first.json()["id"] != other.json()["id"]
    assert not environment.one.leaked(other)


async def test_streams_and_webhooks_have_events_of_the_own_workspace_only(
    environment: Environment, client: httpx.AsyncClient, shared: Stack
) -> None:
    """From the first event on and live, a stream and a webhook hold the own tenant's events and no others'."""
    one, other = environment.one, environment.other
    owner = other.person(client, "admin")
    async with listening(shared.url, other.tokens["viewer"], other.workspace, last_event_id=0) as heard:
        await owner.post(f"/v1/webhooks/{other.mark}:replay", {"from_event": 1}, expect=202)
        await one.person(client, "operator").put(f"/v1/designs/live-{one.mark}", {"description": one.mark}, expect=201)
        await owner.put("/v1/designs/last", {"description": other.mark}, expect=201)

        def arrived() -> bool:
            return "last" in _names(heard) and any("last" in call.body for call in _calls(environment, other))

        await eventually(arrived)
    assert {"design", "operation", "mesh", "workload", "proxy", "release"} <= {
        data["entity"] for _, _, data in heard.frames
    }
    assert not one.named(str(heard.frames))
    told = _calls(environment, other)
    assert len(told) > 20
    assert not one.named(str([(call.path, call.headers, call.body) for call in told]))
    print(f"\n{len(heard.frames)} events and {len(told)} deliveries, none of the other tenant")


def _names(heard: Listener) -> set[str]:
    return {data["entity_id"] for _, _, data in heard.frames}


def _calls(environment: Environment, tenant: Tenant) -> list[Any]:
    return [call for call in environment.hooks if call.path.endswith(tenant.mark)]
