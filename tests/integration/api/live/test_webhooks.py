"""Webhooks as their owners and receivers see them: made, signed, tried again, logged, replayed, guarded."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.schemas.access import ROLE_ORDER
from rig.stack.people import Person
from rig.stack.receiving import Receiver, receiving
from rig.stack.stack import Stack

pytestmark = pytest.mark.servers
HOOK = "/v1/webhooks/ops"


@pytest.fixture(scope="session")
def notified(shared: Stack) -> Iterator[Stack]:
    """The running stack with a notifier that tries again after 0.2 s."""
    shared.start("meshwright-notifier")
    yield shared
    assert shared.stop("meshwright-notifier") == 0


@pytest.fixture
async def owner(notified: Stack, admin: Person) -> Person:
    """An admin whose webhooks are delivered."""
    return admin


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint that takes everything."""
    async with receiving() as result:
        yield result


async def hooked(owner: Person, receiver: Receiver, **more: Any) -> str:
    """The secret of a new webhook `ops` that leads to the receiver."""
    made = await owner.put(HOOK, {"url": receiver.url, **more}, expect=201)
    return str(made.json()["secret"])


async def happen(owner: Person, name: str = "place") -> None:
    """An event of the type connection.written."""
    await owner.put(f"/v1/connections/{name}", {"kind": "envoy-fleet"}, expect=201)


async def logged(owner: Person, **params: Any) -> list[Any]:
    """The delivery log."""
    answer = await owner.get(f"{HOOK}/deliveries", params=params)
    return list(answer["items"])


async def test_an_event_arrives_signed_as_a_cloud_event(owner: Person, receiver: Receiver) -> None:
    """A subscriber gets the whole event in one signed body, and the log says so."""
    secret = await hooked(owner, receiver)
    await happen(owner)
    (call,) = await eventually(lambda: receiver.of("written"))
    assert call.headers["content-type"] == "application/cloudevents+json"
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert abs(int(call.headers["webhook-timestamp"]) - time.time()) < 60
    assert call.headers["webhook-id"] == f"evt_{call.seq}"
    assert call.signed_by(secret)
    assert not call.signed_by("whsec_" + "A" * 44)
    event = call.event
    assert (event["specversion"], event["type"]) == ("1.0", "dev.meshwright.connection.written.v2")
    assert (event["workspace"], event["entity"], event["entityid"]) == (owner.workspace, "connection", "place")
    assert event["data"]["document"]["kind"] == "envoy-fleet"
    (delivery,) = await eventually(lambda: logged(owner))
    wanted = {"event": call.seq, "state": "delivered", "attempts": 1, "status": 204, "event_id": event["id"]}
    assert wanted.items() <= delivery.items()


async def test_a_failed_delivery_is_tried_again(owner: Person, receiver: Receiver) -> None:
    """Errors, redirects and a wish for time each lead to another try with the same id, and the log counts them."""
    answers = iter([(500, {}), (302, {"Location": receiver.url}), (429, {"Retry-After": "1"})])
    times: list[float] = []

    def answer(call: Any) -> Any:
        times.append(time.monotonic())
        return next(answers, (200, {}))

    receiver.answer = answer
    secret = await hooked(owner, receiver)
    await happen(owner)
    (delivery,) = await eventually(lambda: logged(owner, state="delivered"))
    assert (delivery["attempts"], delivery["status"], delivery["next_attempt_at"]) == (4, 200, None)
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1
    assert all(call.signed_by(secret) for call in receiver.calls)
    assert times[3] - times[2] >= 0.99  # Retry-After


async def test_after_the_last_try_it_has_failed_and_can_be_replayed(owner: Person, receiver: Receiver) -> None:
    """An endpoint that stays broken gets eight tries; a replay of what failed delivers it."""
    receiver.answer = lambda call: (500, {})
    await hooked(owner, receiver)
    await happen(owner)
    (delivery,) = await eventually(lambda: logged(owner, state="failed"))
    assert (delivery["attempts"], delivery["status"]) == (8, 500)
    assert "500" in delivery["detail"]
    receiver.answer = lambda call: (204, {})
    asked = (await owner.post(f"{HOOK}:replay", {"failed": True}, expect=202)).json()
    assert asked["deliveries"] == 1
    (again,) = await eventually(lambda: logged(owner, state="delivered"))
    assert again["event"] == delivery["event"]
    assert len(receiver.calls) == 9


async def test_a_replay_from_an_event_repeats_what_came_behind_it(owner: Person, receiver: Receiver) -> None:
    """All subscribed events from a sequence on come again, once per replay, under the same ids."""
    await hooked(owner, receiver)
    for name in ("a", "b", "c"):
        await happen(owner, name)
    await eventually(lambda: len(receiver.calls) == 3)
    by_name = {call.event["entityid"]: call for call in receiver.calls}
    await owner.post(f"{HOOK}:replay", {"from_event": by_name["b"].seq}, expect=202)
    await eventually(lambda: len(receiver.calls) == 5)
    await happen(owner, "d")
    await eventually(lambda: len(receiver.calls) == 6)
    assert [sorted(c.event["entityid"] for c in receiver.calls[3:5]), receiver.calls[5].event["entityid"]] == [
        ["b", "c"],
        "d",
    ]
    assert {call.headers["webhook-id"] for call in receiver.calls[3:5]} == {
        by_name[name].headers["webhook-id"] for name in ("b", "c")
    }


async def test_filters_choose_events(owner: Person, receiver: Receiver) -> None:
    """Types (whole or their beginning) and entities are as in the event stream; a change counts from its write on."""
    await hooked(owner, receiver, types=["dev.meshwright.connection"], entities=["connection"])
    await owner.put("/v1/designs/d", {}, expect=201)
    await happen(owner, "one")
    await eventually(lambda: len(receiver.calls) == 1)
    await owner.put(HOOK, {"url": receiver.url, "types": ["dev.meshwright.design"]}, If_Match="*", expect=200)
    await happen(owner, "two")
    await owner.put("/v1/designs/e", {}, expect=201)
    await eventually(lambda: len(receiver.calls) == 2)
    assert [call.event["entityid"] for call in receiver.calls] == ["one", "e"]


async def test_a_ping_arrives_whatever_is_filtered(owner: Person, receiver: Receiver) -> None:
    """A test call reaches its webhook alone, and deliveries are not themselves delivered."""
    secret = await hooked(owner, receiver, types=["dev.example.never"], entities=["nothing"])
    async with receiving() as other:
        await owner.put("/v1/webhooks/other", {"url": other.url}, expect=201)
        asked = (await owner.post(f"{HOOK}:test", {"reason": "try"}, expect=202)).json()
        (delivery,) = await eventually(lambda: logged(owner, event=asked["event"], state="delivered"))
        (call,) = receiver.of("pinged")
        assert call.signed_by(secret)
        assert call.seq == delivery["event"] == asked["event"]
        await happen(owner)
        await eventually(lambda: other.of("written"))
        assert len(other.calls) == 1


async def test_a_disabled_webhook_gets_nothing(owner: Person, receiver: Receiver) -> None:
    """While it is disabled nothing is sent; enabled again it begins there, and a replay can fetch the rest."""
    await hooked(owner, receiver, enabled=False)
    await happen(owner, "unseen")
    for verb, body in (("test", {}), ("replay", {"failed": True})):
        await owner.problem("POST", f"{HOOK}:{verb}", body, status=409, slug="webhook-disabled")
    await owner.put(HOOK, {"url": receiver.url}, If_Match="*", expect=200)
    await happen(owner, "seen")
    await eventually(lambda: receiver.calls)
    assert [call.event["entityid"] for call in receiver.calls] == ["seen"]


async def test_an_endpoint_that_is_gone_is_disabled(owner: Person, receiver: Receiver) -> None:
    """After 410 the webhook is disabled, with the reason in its log, and nothing more is sent."""
    receiver.answer = lambda call: (410, {})
    await hooked(owner, receiver)
    await happen(owner)
    await eventually(lambda: _disabled(owner))
    await happen(owner, "later")
    (delivery,) = await logged(owner)
    assert (delivery["state"], delivery["status"]) == ("failed", 410)
    assert len(receiver.calls) == 1


async def _disabled(owner: Person) -> bool:
    return not (await owner.get(HOOK))["enabled"]


async def test_a_new_secret_signs_beside_the_old_one(owner: Person, receiver: Receiver) -> None:
    """While a secret is replaced every call is signed by both, so a receiver may change over at any time."""
    old = await hooked(owner, receiver)
    answer = await owner.post(f"{HOOK}:rotate-secret", {}, expect=200)
    new = answer.json()["secret"]
    assert answer.headers["cache-control"] == "no-store"
    assert new != old
    await happen(owner)
    (call,) = await eventually(lambda: receiver.of("written"))
    assert call.signed_by(old)
    assert call.signed_by(new)


async def test_a_secret_is_shown_once_and_never_stored_plain(
    owner: Person, receiver: Receiver, notified: Stack
) -> None:
    """Neither a read, the event log nor a file of the stream holds the secret, and a change does not show it."""
    secret = await hooked(owner, receiver)
    changed = await owner.put(HOOK, {"url": receiver.url, "description": "x"}, If_Match="*", expect=200)
    assert changed.json()["secret"] == ""
    shown = await eventually(lambda: owner.get(HOOK))
    assert "secret" not in shown
    assert "sealed" not in str(await owner.get("/v1/events", params={"entity": "webhook"}))
    key = secret.removeprefix("whsec_")

    def stored() -> bool:
        files = (notified.nats.folder / "jetstream").rglob("*.blk")
        return any(key.encode() in file.read_bytes() for file in files)

    assert not await asyncio.to_thread(stored)
    await happen(owner)
    (call,) = await eventually(lambda: receiver.of("written"))
    assert call.signed_by(secret)


async def test_webhooks_are_kept_like_other_documents(owner: Person, receiver: Receiver) -> None:
    """ETags guard a change, validate_only changes nothing, a page token leads on, a deleted one is gone."""
    tried = await owner.put(HOOK, {"url": receiver.url}, params={"validate_only": "true"}, expect=201)
    assert tried.json()["secret"] == ""
    await owner.problem("GET", HOOK, status=404, slug="not-found")
    made = await owner.put(HOOK, {"url": receiver.url}, If_None_Match="*", expect=201)
    await owner.problem("PUT", HOOK, {"url": receiver.url}, status=428, slug="if-match-required")
    await owner.problem("PUT", HOOK, {"url": receiver.url}, If_Match='"1"', status=412, slug="stale")
    await owner.put(HOOK, {"url": receiver.url, "description": "d"}, If_Match=made.headers["etag"], expect=200)
    written = await owner.put("/v1/webhooks/z", {"url": receiver.url, "enabled": False}, expect=201)
    page = await owner.get("/v1/webhooks", params={"page_size": 1, "min_seq": written.headers["meshwright-seq"]})
    assert [one["id"] for one in page["items"]] == ["ops"]
    rest = await owner.get("/v1/webhooks", params={"page_size": 1, "page_token": page["next_page_token"]})
    assert [one["id"] for one in rest["items"]] == ["z"]
    assert [one["id"] for one in (await owner.get("/v1/webhooks", params={"enabled": "false"}))["items"]] == ["z"]
    await owner.ask("DELETE", HOOK, If_Match="*", expect=204)
    await owner.problem("POST", f"{HOOK}:test", {}, status=404, slug="not-found")
    await owner.problem("POST", f"{HOOK}:rotate-secret", {}, status=404, slug="not-found")


@pytest.mark.parametrize("role", ROLE_ORDER)
async def test_roles(owner: Person, receiver: Receiver, role: str) -> None:
    """Operators see webhooks and try them, only admins decide where events go."""
    await hooked(owner, receiver)
    person = await owner.token_of(role)
    reads, writes = role != "viewer", role == "admin"
    for path in ("/v1/webhooks", f"{HOOK}/deliveries"):
        await person.ask("GET", path, expect=200 if reads else 403)
    await person.post(f"{HOOK}:test", {}, expect=202 if reads else 403)
    await person.post(f"{HOOK}:rotate-secret", {}, expect=200 if writes else 403)
    await person.put(HOOK, {"url": receiver.url}, If_Match="*", expect=200 if writes else 403)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no url": ({}, "#"),
    "an inner address": ({"url": "http://10.0.0.1/"}, "#/url"),
    "the metadata service": ({"url": "http://169.254.169.254/latest"}, "#/url"),
    "a number for an address": ({"url": "http://2130706433/"}, "#/url"),
    "another scheme": ({"url": "file:///etc/passwd"}, "#/url"),
    "a password": ({"url": "https://a:b@example.com/"}, "#/url"),
    "a port of another trade": ({"url": "http://93.184.216.34:25/"}, "#/url"),
    "a type that is none": ({"url": "https://example.com", "types": ["Not A Type"]}, "#/types/0"),
    "an entity that is none": ({"url": "https://example.com", "entities": ["a.b"]}, "#/entities/0"),
    "an unknown field": ({"url": "https://example.com", "secret": "mine"}, "#/secret"),
    "another id": ({"url": "https://example.com", "id": "other"}, "#/id"),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_webhook_is_refused_with_its_place(admin: Person, what: str) -> None:
    """An invalid field of a webhook is reported with its pointer, before anything is stored or called."""
    document, pointer = BAD[what]
    answer = await admin.problem("PUT", HOOK, document, status=422, slug="invalid-document")
    assert pointer in [error["pointer"] for error in answer["errors"]], answer


async def test_a_bad_replay_is_refused(owner: Person, receiver: Receiver) -> None:
    """A replay says either from where or that it means what failed."""
    await hooked(owner, receiver)
    for body in ({}, {"from_event": 1, "failed": True}, {"from_event": 0}, {"from": 3}):
        await owner.problem("POST", f"{HOOK}:replay", body, status=422, slug="invalid-document")


async def test_another_workspace_hears_nothing(owner: Person, receiver: Receiver) -> None:
    """Events of one workspace never reach a webhook of another, not even by a replay from the very first event."""
    await hooked(owner, receiver)
    await owner.put("/v1/connections/foreign", {"kind": "envoy-fleet"}, workspace="default", If_None_Match="*")
    await owner.ask("DELETE", "/v1/connections/foreign", workspace="default", If_Match="*", expect=204)
    await owner.post(f"{HOOK}:replay", {"from_event": 1}, expect=202)
    await happen(owner, "last")
    await eventually(lambda: any(call.event["entityid"] == "last" for call in receiver.calls))
    assert {call.event["workspace"] for call in receiver.calls} <= {owner.workspace, "system"}


async def test_without_a_key_webhooks_are_refused_clearly(alone: Stack) -> None:
    """A server that cannot keep secrets says so, and what to set."""
    alone.start_api(secret_key_file="")
    async with httpx.AsyncClient(base_url=alone.url, timeout=30) as client:
        person = Person(client, "t" * 43, "default")
        answer = await person.problem("PUT", HOOK, {"url": "https://example.com"}, status=503, slug="no-secret-key")
        assert "MESHWRIGHT_SECRET_KEY_FILE" in answer["remedy"] + answer["detail"]
