"""Workspaces apart, tokens revoked, answers safe; every route times every role is in tests/security/access."""

import asyncio
import datetime
import time

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from rig.stack.people import Person
from rig.stack.stack import Stack

pytestmark = pytest.mark.servers


async def test_another_workspace_looks_like_none(admin: Person) -> None:
    """A token of one workspace gets 404 for every other, existing or not, and sees nothing of it."""
    person = await admin.token_of("admin")
    for workspace in ("default", "never-made"):
        await person.problem("GET", "/v1/meshes", workspace=workspace, status=404, slug="not-found")
    await admin.put("/v1/connections/mine", {"kind": "envoy-fleet"})
    seen = await person.get("/v1/workspaces")
    assert [one["id"] for one in seen["items"]] == [admin.workspace]
    await person.problem("GET", "/v1/workspaces/default", status=404, slug="not-found")
    everywhere = {"id": "t", "role": "viewer", "everywhere": True}
    await person.problem("POST", "/v1/tokens", everywhere, status=403, slug="forbidden")


async def test_a_token_is_shown_once_and_never_stored(admin: Person, shared: Stack) -> None:
    """Neither a list nor a file of the stream holds the secret."""
    secret = (await admin.post("/v1/tokens", {"id": "t", "role": "viewer"})).json()["secret"]
    listed = await eventually(lambda: admin.get("/v1/tokens"))
    assert "secret" not in str(listed)
    assert "sha256" not in str(listed)

    def stored() -> bool:
        files = (shared.nats.folder / "jetstream").rglob("*.blk")
        return any(secret.encode() in file.read_bytes() for file in files)

    assert not await asyncio.to_thread(stored)
    await admin.problem("POST", "/v1/tokens", {"id": "t", "role": "admin"}, status=409, slug="already-exists")


async def test_a_revoked_token_is_refused_within_a_second(admin: Person) -> None:
    """Requests are refused and an open event stream ends within a second of the revocation."""
    person = await admin.token_of("viewer")
    headers = {
        "Authorization": f"Bearer {person.token}",
        "Meshwright-Workspace": person.workspace,
        "Accept": "text/event-stream",
    }
    async with person.client.stream("GET", "/v1/events", headers=headers) as stream:
        chunks = stream.aiter_raw()
        await anext(chunks)
        begin = time.monotonic()
        await admin.ask("DELETE", "/v1/tokens/viewer-0", expect=204)
        await eventually(lambda: person.ask("GET", "/v1/whoami", expect=401), timeout=30)
        async for _ in chunks:
            pass
        assert time.monotonic() - begin < 8


async def test_an_expired_token_is_refused(admin: Person) -> None:
    """A token counts until it expires."""
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    made = await admin.post("/v1/tokens", {"id": "t", "role": "viewer", "expires_at": soon.isoformat()})
    person = Person(admin.client, made.json()["secret"], admin.workspace)
    await eventually(lambda: person.get("/v1/whoami"))
    await eventually(lambda: person.problem("GET", "/v1/whoami", status=401, slug="unauthenticated"))


async def test_every_answer_is_safe_for_a_browser(admin: Person, shared: Stack) -> None:
    """Pages and refusals carry the safety headers, and nothing that was sent comes back as HTML."""
    async with httpx.AsyncClient(base_url=shared.url) as client:
        for path in ("/docs", "/problems", "/problems/stale", "/openapi.json", "/v1/meshes", "/nope/<script>"):
            answer = await client.get(path)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            assert "<script>" not in answer.text or "json" in answer.headers["content-type"]
            assert "server" not in answer.headers


async def test_metrics_are_for_loopback_or_a_token(admin: Person, shared: Stack) -> None:
    """From loopback no token is needed; what came through a proxy needs one."""
    async with httpx.AsyncClient(base_url=shared.url) as client:
        text = (await client.get("/metrics")).text
        assert 'meshwright_http_requests_total{route="putWorkspace",status="201"}' in text
        assert (await client.get("/metrics", headers={"X-Forwarded-For": "8.8.8.8"})).status_code == 401
