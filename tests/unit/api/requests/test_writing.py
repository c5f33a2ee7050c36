"""Writing resources: a client that has not seen the current version changes nothing, in any order of requests."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshwright.core.security import sealing, signatures
from meshwright.schemas import access, catalog
from meshwright.schemas.designs import Design, DesignWritten
from meshwright.schemas.webhooks import WebhookWritten
from meshwright.ui_api.routes import ALL

Harness = Any
FLEET = {"kind": "envoy-fleet"}
HOOK = {"url": "https://hooks.test/mesh"}
PATH = "/v1/connections/place"
SUBJECT = "mw.state.default.connection.place"
property_test = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def design(bus: Any, name: str, description: str = "") -> int:
    """A version of a design saved by another user; returns its sequence."""
    message = DesignWritten(document=Design(id=name, description=description), principal="test")
    stored = bus.put(f"mw.state.default.design.{name}", message.wire.name, catalog.encode(message))
    return int(stored.seq)


def expected(method: str, match: str, none_match: str, current: int | None) -> int:
    """The status that RFC 9110 and the refusals' explanations ask for."""
    if method == "DELETE" and current is None:
        return 404
    if method == "PUT" and none_match and current is not None:
        return 412
    if match:
        fits = current is not None and match in ("*", f'"{current}"')
        return 412 if not fits else 204 if method == "DELETE" else 200
    if current is not None:
        return 428
    return 201


steps = st.lists(
    st.tuples(st.sampled_from(["PUT", "PUT", "DELETE"]), st.sampled_from(["", "*", "current", "old"]), st.booleans()),
    max_size=10,
)


@property_test
@given(steps)
async def test_any_order_of_writes_keeps_to_the_versions(
    doors: type[Harness], steps: list[tuple[str, str, bool]]
) -> None:
    """Creating, replacing, deleting and creating again: the status, the ETag and what is stored follow from the
    preconditions alone, and what was refused has stored nothing.
    """
    harness = doors()
    current: int | None = None
    for number, (method, match, only_new) in enumerate(steps):
        seen = {"": "", "*": "*", "current": f'"{current or 1}"', "old": '"999"'}[match]
        conditions = {"If_Match": seen} if seen else {}
        conditions |= {"If_None_Match": "*"} if only_new else {}
        status = expected(method, seen, "*" if only_new else "", current)
        before = len(harness.bus.streams["STATE"])
        body = {**FLEET, "description": str(number)} if method == "PUT" else None
        answer = await harness.admin.ask(method, PATH, body, expect=status, **conditions)
        stored = harness.bus.streams["STATE"][before:]
        assert len(stored) == (status < 400)
        if status < 400:
            current = stored[0].seq if method == "PUT" else None
            assert answer.headers["meshwright-seq"] == str(stored[0].seq)
            assert answer.headers.get("etag") == (f'"{current}"' if current else None)
        elif status == 412 and current is not None:
            assert answer.headers["etag"] == f'"{current}"'
    assert harness.undeclared == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_rival_between_check_and_store_is_not_overwritten(harness: Harness, method: str) -> None:
    """The second of two concurrent writers gets 412, and the first one's version stays."""
    made = await harness.admin.put(PATH, FLEET)
    rival = b'{"document":{"id":"place","kind":"consul"},"principal":"rival"}'
    harness.bus.before_store = lambda: harness.bus.put(SUBJECT, "dev.meshwright.connection.written.v1", rival)
    body = FLEET if method == "PUT" else None
    await harness.admin.problem(method, PATH, body, status=412, slug="stale", If_Match=made.headers["etag"])
    assert harness.bus.streams["STATE"][-1].payload == rival


async def test_a_rival_who_creates_the_same_is_not_overwritten(harness: Harness) -> None:
    """Of two people who create one name at the same moment only one does, also where a tombstone stood."""
    made = await harness.admin.put(PATH, FLEET)
    await harness.admin.ask("DELETE", PATH, If_Match=made.headers["etag"], expect=204)
    rival = b'{"document":{"id":"place","kind":"consul"},"principal":"rival"}'
    harness.bus.before_store = lambda: harness.bus.put(SUBJECT, "dev.meshwright.connection.written.v1", rival)
    await harness.admin.problem("PUT", PATH, FLEET, status=412, slug="stale", If_None_Match="*")
    assert len(harness.bus.streams["STATE"]) == 3


WRITING = [
    ("PUT", "/v1/workspaces/w", {}),
    ("PUT", "/v1/connections/c", FLEET),
    ("PUT", "/v1/designs/d", {}),
    ("PUT", "/v1/webhooks/h", HOOK),
    ("POST", "/v1/tokens", {"id": "t", "role": "viewer"}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITING)
async def test_a_trial_stores_nothing_and_shows_no_secret(harness: Harness, method: str, path: str, body: Any) -> None:
    """With validate_only everything is checked and answered as if, nothing is written, and no secret is made."""
    answer = await harness.admin.ask(method, f"{path}?validate_only=true", body, expect=201)
    assert not [one for stream in harness.bus.streams.values() for one in stream]
    assert answer.json().get("secret", "") == ""
    await harness.admin.ask(method, path, body, expect=201)
    stored = [len(stream) for stream in harness.bus.streams.values()]
    name = path if method == "PUT" else f"{path}/t"
    await harness.admin.ask("DELETE", f"{name}?validate_only=true", If_Match="*", expect=204)
    assert [len(stream) for stream in harness.bus.streams.values()] == stored


@pytest.mark.parametrize(("method", "path", "body"), WRITING)
async def test_who_and_why_stand_in_the_history(harness: Harness, method: str, path: str, body: Any) -> None:
    """A write keeps its principal and its reason, from the query or from the header."""
    await harness.admin.ask(method, f"{path}?reason=to+see", body)
    name = path if method == "PUT" else f"{path}/t"
    await harness.admin.ask("DELETE", name, If_Match="*", Meshwright_Reason="seen")
    told = [msgspec.json.decode(one.payload) for one in harness.bus.streams["STATE"]]
    assert [(one["principal"], one["reason"]) for one in told] == [("admin", "to see"), ("admin", "seen")]


def test_every_route_that_declares_a_reason_is_known_here() -> None:
    """Routes with `reason` in the query are these documents' and operations' (see test_accepting), and no others."""
    named = {route.operation_id for route in ALL if "reason" in route.query.__struct_fields__}
    documents = {
        f"{verb}{kind}" for verb in ("put", "delete") for kind in ("Workspace", "Connection", "Design", "Webhook")
    }
    others = {route.operation_id for route in ALL if route.idempotent}
    told = {"createToken", "deleteToken", "restoreDesign", "dropDeadLetter", "forgetAdapter"}
    assert named == documents | others | told


async def test_only_a_version_of_that_design_can_be_restored(harness: Harness) -> None:
    """Neither another design's version nor a deletion nor what never was becomes the newest."""
    mine, other = design(harness.bus, "mine", "first"), design(harness.bus, "other")
    last = design(harness.bus, "mine", "second")
    gone = access.ResourceDeleted(kind="design", id="gone", principal="test")
    tomb = harness.bus.put("mw.state.default.design.gone", gone.wire.name, catalog.encode(gone)).seq
    for name, version in (("mine", other), ("gone", tomb), ("mine", 99)):
        body, path = {"version": version}, f"/v1/designs/{name}:restore"
        await harness.admin.problem("POST", path, body, status=404, slug="not-found", If_Match="*")
    await harness.admin.problem(
        "POST", "/v1/designs/mine:restore", {"version": mine}, status=428, slug="if-match-required"
    )
    back = await harness.admin.ask("POST", "/v1/designs/mine:restore", {"version": mine}, If_Match=f'"{last}"')
    assert back.json()["description"] == "first"


async def test_a_webhook_keeps_its_secret_until_it_is_rotated(harness: Harness) -> None:
    """Changing a webhook shows no secret and keeps the one it has; rotating keeps the old one beside for 24 hours."""
    sealer: sealing.Sealer = harness.api.sealer
    path = "/v1/webhooks/h"
    made = await harness.admin.put(path, HOOK)
    await harness.admin.put(path, {**HOOK, "description": "changed"}, If_Match="*")
    turned = await harness.admin.post(f"{path}:rotate-secret")
    assert made.headers["cache-control"] == turned.headers["cache-control"] == "no-store"
    versions = [catalog.decode(one.type, one.payload) for one in harness.bus.streams["STATE"]]
    secrets = []
    for version in versions:
        assert isinstance(version, WebhookWritten)
        secrets.append(signatures.shown(signatures.unseal(sealer, version.secret, "default", "h")))
    assert secrets == [made.json()["secret"]] * 2 + [turned.json()["secret"]]
    last = versions[-1]
    assert isinstance(last, WebhookWritten)
    assert last.previous is not None
    assert signatures.shown(signatures.unseal(sealer, last.previous, "default", "h")) == secrets[0]
    assert not [one for one in harness.bus.streams["STATE"] if secrets[0].encode() in one.payload]


async def test_a_token_of_a_rival_is_not_replaced(harness: Harness) -> None:
    """Of two tokens of one name that are made at the same moment one is refused, and its secret is never shown."""
    rival = b'{"document":{},"principal":"rival"}'
    harness.bus.before_store = lambda: harness.bus.put(
        "mw.state.default.token.t", "dev.meshwright.token.written.v1", rival
    )
    answer = await harness.admin.problem("POST", "/v1/tokens", {"id": "t", "role": "viewer"}, status=412, slug="stale")
    assert "mwt_" not in str(answer)


async def test_what_does_not_fit_on_the_bus_is_not_half_written(harness: Harness) -> None:
    """A document within the body's bound whose message would be too large is 413, and nothing of it is stored."""
    resources = [{"type": "a/B", "name": "n", "body": {"t": "x" * 990_000}}]
    await harness.admin.problem("PUT", "/v1/designs/d", {"resources": resources}, status=413, slug="too-large")
    assert harness.bus.streams["STATE"] == []
