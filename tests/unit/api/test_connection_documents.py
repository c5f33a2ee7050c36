"""Connections as people write them: credentials sealed, kept, replaced, never shown, and never sent elsewhere."""

import datetime
from typing import Any

import msgspec
import pytest

from meshwright.core.security import connection_secrets
from meshwright.schemas import adapters, catalog
from meshwright.schemas.connections import ConnectionWritten

Harness = Any
PATH = "/v1/connections/prod"
URL = "https://10.0.0.1:8501"
SECRET = "s3cret-token-of-nobody"
CONSUL: dict[str, Any] = {"kind": "consul", "settings": {"url": URL, "token": SECRET}}
SAME = {"kind": "consul", "settings": {"url": URL}}


def stored(harness: Harness) -> ConnectionWritten:
    """The newest version; no stream ever holds the credentials in the clear."""
    for stream in harness.bus.streams.values():
        assert not [one for one in stream if SECRET.encode() in one.payload]
    newest = harness.bus.streams["STATE"][-1]
    result = catalog.decode(newest.type, newest.payload)
    assert isinstance(result, ConnectionWritten)
    return result


def opened(harness: Harness) -> dict[str, Any]:
    result = stored(harness)
    return connection_secrets.unseal(harness.api.sealer, result.sealed, "default", "prod") if result.sealed else {}


def acme(*, live: bool = True) -> tuple[str, bytes | None]:
    """A worker whose adapter has a kind of connection of its own."""
    secret = {"type": "string", "writeOnly": True}
    schema = {
        "type": "object",
        "properties": {"url": {"type": "string", "format": "uri"}, "pin": secret},
        "required": ["url"],
        "additionalProperties": False,
    }
    worker = adapters.AdapterAnnouncement(
        name="acme", instance="i", version="1", contract=2, meshes=["acme"], operations=[], intents=[],
        started_at=datetime.datetime.now(datetime.UTC),
        connections=[adapters.ConnectionSupport(kind="acme", settings=schema)],
    )  # fmt: skip
    return "acme.i", msgspec.json.encode(worker) if live else None


async def test_credentials_are_sealed_and_never_shown(harness: Harness) -> None:
    """The response lists which are set, and the stream has them sealed."""
    made = await harness.admin.put(PATH, CONSUL)
    assert made.json()["settings"] == {"url": URL}
    assert made.json()["credentials"] == ["/token"]
    assert SECRET not in made.text
    assert opened(harness) == {"/token": SECRET}
    newest = harness.bus.streams["STATE"][-1]
    assert b"ciphertext" in newest.payload
    assert b"ciphertext" not in catalog.shown(newest.type, newest.payload)
    assert b'"url"' in catalog.shown(newest.type, newest.payload)


async def test_credentials_are_kept_or_replaced_as_a_whole(harness: Harness) -> None:
    """Left out they stay, also when what was read is sent back; given, all that were there are gone."""
    made = await harness.admin.put(PATH, {"kind": "consul", "settings": {**CONSUL["settings"], "tls": {}}})
    sent_back = {**made.json(), "description": "changed"}
    assert (await harness.admin.put(PATH, sent_back, If_Match="*")).json()["credentials"] == ["/token"]
    assert opened(harness) == {"/token": SECRET}
    tls = {"certificate": "cert", "key": SECRET}
    changed = await harness.admin.put(PATH, {"kind": "consul", "settings": {"url": URL, "tls": tls}}, If_Match="*")
    assert changed.json()["credentials"] == ["/tls/key"]
    assert changed.json()["settings"]["tls"] == {"certificate": "cert"}
    assert opened(harness) == {"/tls/key": SECRET}
    settings = {"url": URL, "tls": {"key": ""}}
    cleared = await harness.admin.put(PATH, {"kind": "consul", "settings": settings}, If_Match="*")
    assert (cleared.json()["credentials"], opened(harness)) == ([], {})


async def test_kept_credentials_go_nowhere_else(harness: Harness) -> None:
    """Who does not know them cannot have them sent to another URL, nor take them over into another kind or life."""
    await harness.admin.put(PATH, CONSUL)
    for url in ("https://10.6.6.6:8501", "http://10.0.0.1:8501"):
        moved = {"kind": "consul", "settings": {"url": url}}
        told = await harness.admin.problem("PUT", PATH, moved, status=422, slug="invalid-document", If_Match="*")
        assert told["errors"][0]["pointer"] == "#/settings/url"
    await harness.admin.put(PATH, {"kind": "consul"}, If_Match="*")
    moved = {"kind": "consul", "settings": {"url": "https://10.6.6.6"}}
    await harness.admin.problem("PUT", PATH, moved, status=422, slug="invalid-document", If_Match="*")
    await harness.admin.put(PATH, {**SAME, "kind": "kuma"}, If_Match="*")
    assert opened(harness) == {}
    await harness.admin.put(PATH, CONSUL, If_Match="*")
    await harness.admin.ask("DELETE", PATH, If_Match="*", expect=204)
    await harness.admin.put(PATH, SAME)
    assert opened(harness) == {}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "consul", "settings": {"url": "http://169.254.169.254", "token": SECRET}}, "#/settings/url"),
        ({"kind": "consul", "settings": {"token": [SECRET]}}, "#/settings/token"),
        ({"kind": "consul", "settings": {"tokens": SECRET}}, "#/settings/tokens"),
        ({"kind": "prometheus", "settings": {"password": SECRET}}, "#/settings/username"),
        (
            {"kind": "kubernetes", "settings": {"kubeconfig": f"users: [{{name: u, user: {{tokenFile: {SECRET}}}}}]"}},
            "#/settings/kubeconfig/users/0/user/tokenFile",
        ),
        ({"kind": "kubernetes", "settings": {"kubeconfig": f"a: {SECRET}\nb: ]"}}, "#/settings/kubeconfig"),
    ],
)
async def test_a_refusal_names_the_field_and_reports_no_secret(harness: Harness, body: Any, pointer: str) -> None:
    """Where and why, and nothing is stored."""
    told = await harness.admin.problem("PUT", PATH, body, status=422, slug="invalid-document")
    assert pointer in [one["pointer"] for one in told["errors"]]
    assert SECRET not in str(told)
    assert harness.bus.streams["STATE"] == []


async def test_a_kind_of_an_adapter_is_checked_by_its_schema(harness: Harness) -> None:
    """With its adapter live it is accepted, sealed and guarded like built-in ones; otherwise it is refused."""
    body = {"kind": "acme", "settings": {"url": URL, "pin": SECRET}}
    await harness.admin.problem("PUT", PATH, body, status=503, slug="adapter-unavailable")
    harness.api.live_adapters.learn(*acme())
    assert (await harness.admin.put(PATH, body)).json()["credentials"] == ["/pin"]
    assert opened(harness) == {"/pin": SECRET}
    for settings, pointer in (
        ({}, "#/settings"),
        ({"url": URL, "pin": 5}, "#/settings/pin"),
        ({"url": URL, "x": 1}, "#/settings"),
        ({"url": "http://127.0.0.1"}, "#/settings/url"),
    ):
        told = await harness.admin.problem(
            "PUT", PATH, {"kind": "acme", "settings": settings}, status=422, slug="invalid-document", If_Match="*"
        )
        assert pointer in [one["pointer"] for one in told["errors"]]


async def test_a_test_needs_a_worker_that_serves_the_kind(harness: Harness) -> None:
    """503 names what is missing: no adapter for the kind, or one that has no test."""
    await harness.admin.problem("POST", f"{PATH}:test", {}, status=404, slug="not-found")
    await harness.admin.put(PATH, CONSUL)
    told = await harness.admin.problem("POST", f"{PATH}:test", {}, status=503, slug="adapter-unavailable")
    assert "no live adapter serves connections of kind 'consul'" in told["detail"]
    harness.api.live_adapters.learn(*acme())
    await harness.admin.put("/v1/connections/other", {"kind": "acme", "settings": {"url": URL}})
    told = await harness.admin.problem("POST", "/v1/connections/other:test", {}, status=503, slug="adapter-unavailable")
    assert "(acme) has no test for them" in told["detail"]
