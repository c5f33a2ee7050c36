"""Names of callers carry their scope, and tokens end when they can."""

import datetime
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import event_filters
from meshwright.schemas import access, catalog, operations
from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.routes import ALL

Harness = Any
NOOP = {"kind": "trial.noop", "mesh": "m1"}
LISTS = {
    "adapter": "listAdapters",
    "connection": "listConnections",
    "delivery": "listDeliveries",
    "design": "listDesigns",
    "drift": "listDrift",
    "mesh": "listMeshes",
    "operation": "listOperations",
    "proxy": "listProxies",
    "release": "listReleases",
    "token": "listTokens",
    "webhook": "listWebhooks",
    "workload": "listWorkloads",
    "workspace": "listWorkspaces",
}


async def test_a_workspaces_token_is_not_the_global_one_of_its_name(harness: Harness) -> None:
    """Two tokens `g-admin`, two names: in answers, in what they write, and in the keys of what they ask for."""
    harness.mesh()
    harness.bus.streams["STATE"].clear()
    everywhere = harness.person("admin", "*", id="g-admin")
    here = harness.person("admin", "default", id="g-admin")
    names = [(await one.get("/v1/whoami"))["name"] for one in (everywhere, here)]
    assert names == ["token:*/g-admin", "token:default/g-admin"]

    asked = [
        (await one.post("/v1/operations", NOOP, Idempotency_Key="k", expect=202)).json() for one in (everywhere, here)
    ]
    assert asked[0]["id"] != asked[1]["id"]
    assert [one["principal"] for one in asked] == names
    again = (await here.post("/v1/operations", NOOP, Idempotency_Key="k", expect=202)).json()
    assert again["id"] == asked[1]["id"]

    for one, design in ((everywhere, "a"), (here, "b")):
        await one.put(f"/v1/designs/{design}", {})
    written = [msgspec.json.decode(stored.payload)["principal"] for stored in harness.bus.streams["STATE"]]
    assert written == names


async def test_a_token_counts_where_it_lies(harness: Harness) -> None:
    """What a token's own text says of its scope or name counts for nothing."""
    person = harness.person("admin", "*", id="g-admin")
    [stored] = harness.directory.tokens("system")
    harness.directory.learn(
        "mw.state.blue.token.t", access.TokenWritten(document=msgspec.structs.replace(stored, sha256="x"), principal="")
    )
    result = harness.directory.token("x")
    assert (result.id, result.workspace) == ("t", "blue")
    assert (await person.get("/v1/whoami"))["workspace"] == "*"


def test_names_of_old_still_decode() -> None:
    """What was stored before names carried their scope is read as it was written."""
    stored = Path("tests/contract/messages/dev.meshwright.webhook.pinged.v1.json").read_text()
    assert '"token:ci"' in stored
    payload = msgspec.json.encode({"principal": "token:ci", "reason": ""})
    message = catalog.decode(operations.CancelRequested.wire.name, payload)
    assert isinstance(message, operations.CancelRequested)
    assert message.principal == "token:ci"


def test_no_source_names_a_caller_without_its_scope() -> None:
    """The one place that makes such a name is the access control."""
    sources = [path for folder in ("ui-api", "core", "workers") for path in Path(folder).rglob("*.py")]
    makers = [path.name for path in sources if re.search(r'f"token:\{', path.read_text())]
    assert makers == ["authentication.py"]


@pytest.mark.parametrize(
    ("end", "complaint"),
    [
        (datetime.timedelta(0), "would have expired already"),
        (datetime.timedelta(seconds=-1), "would have expired already"),
        (datetime.timedelta(days=-3000), "would have expired already"),
        (datetime.timedelta(days=3654), "ten years"),
        (datetime.timedelta(days=300_000), "ten years"),
    ],
)
async def test_a_token_that_never_counts_or_never_ends_is_refused(
    harness: Harness, end: datetime.timedelta, complaint: str
) -> None:
    """An expiry in the past, or after more than ten years, is refused with its pointer, and nothing is stored."""
    moment = (datetime.datetime.now(datetime.UTC) + end).isoformat()
    for params in ({}, {"validate_only": "true"}):
        body = {"id": "t", "role": "viewer", "expires_at": moment}
        answer = await harness.admin.problem(
            "POST", "/v1/tokens", body, params=params, status=422, slug="invalid-document"
        )
        assert complaint in answer["errors"][0]["detail"]
        assert answer["errors"][0]["pointer"] == "#/expires_at"
    assert harness.bus.streams["STATE"] == []


@pytest.mark.parametrize(
    "text",
    ["2030-01-01T00:00:00", "2030-01-01", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+14:00", "tomorrow", 1],
)
async def test_a_time_that_is_none_is_refused(harness: Harness, text: object) -> None:
    """Without a zone it could mean any of a day's hours, and some times are none in UTC."""
    body = {"id": "t", "role": "viewer", "expires_at": text}
    answer = await harness.admin.problem("POST", "/v1/tokens", body, status=422, slug="invalid-document")
    assert answer["errors"][0]["pointer"] == "#/expires_at"
    for path in ("/v1/events", "/v1/meshes/m1/metrics"):
        harness.mesh()
        if isinstance(text, str) and not text.startswith("9999"):
            await harness.admin.problem("GET", path, params={"since": text}, status=400, slug="invalid-request")


async def test_a_token_that_ends_in_time_is_made(harness: Harness) -> None:
    """From a second to ten years, in any zone."""
    zone = datetime.timezone(datetime.timedelta(hours=-11))
    for number, end in enumerate((2, 3600, 3652 * 24 * 3600)):
        moment = (datetime.datetime.now(zone) + datetime.timedelta(seconds=end)).isoformat()
        await harness.admin.post("/v1/tokens", {"id": f"t{number}", "role": "viewer", "expires_at": moment}, expect=201)


async def test_a_viewers_log_holds_what_a_viewer_may_hear(harness: Harness) -> None:
    """The log is asked for just the entities of the role, whatever else is filtered."""
    for role in access.ROLE_ORDER:
        person = harness.person(role)
        for params, own in (({}, None), ({"entity": "mesh"}, ["mesh"]), ({"type": "dev.meshwright.delivery"}, None)):
            await person.ask("GET", "/v1/events", params=params)
            heard = event_filters.readable_by(role)
            wanted = own or (sorted(heard) if heard is not None else None)
            assert harness.views.asked[-1]["where"].get("entity") == wanted


def test_the_table_of_events_is_that_of_the_lists() -> None:
    """A role that may list a resource gets its events, and no other; every published entity is in the table."""
    roles = {
        operation["operationId"]: operation["x-role"]
        for methods in openapi.document(ALL, "test")["paths"].values()
        for operation in methods.values()
        if operation.get("x-role")
    }
    assert {entity: roles[name] for entity, name in LISTS.items()} == {
        entity: role for entity, role in access.EVENT_ROLES.items() if entity in LISTS
    }
    assert {message.wire.entity for message in catalog.MESSAGE_TYPES} == set(access.EVENT_ROLES)


@given(st.sampled_from(access.ROLE_ORDER), st.text(max_size=9), st.sampled_from(["w", "v", "system"]))
def test_what_nobody_declared_is_for_admins(role: access.Role, entity: str, place: str) -> None:
    """Events of an entity that is not in the table are for admins of its workspace only."""
    if entity not in access.EVENT_ROLES:
        assert event_filters.may_read(role, "w", place, entity) == (role == "admin" and place == "w")
