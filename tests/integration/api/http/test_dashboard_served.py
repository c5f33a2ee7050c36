"""A real API process serves the dashboard below a proxy's path, and everything else compressed."""

import asyncio
from pathlib import Path

import httpx
import pytest

from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack

pytestmark = pytest.mark.servers
HTML = {"Accept": "text/html"}


async def test_a_process_serves_its_build_below_a_path(shared: Stack, tmp_path: Path) -> None:
    """The settings reach the pages: folder, base path; the API works below the path and without it."""
    (tmp_path / "index.html").write_text("<html><head></head><body>built</body></html>")
    settings = {"api_dashboard_dir": str(tmp_path), "api_base_path": "/tools/mw"}
    port = await asyncio.to_thread(shared.start_another_api, "dashboard", **settings)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        page = await client.get("/tools/mw/meshes/shop", headers=HTML)
        assert page.text == '<html><head><base href="/tools/mw/"></head><body>built</body></html>'
        assert page.headers["x-request-id"]
        head = await client.head("/", headers=HTML)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(page.content))
        for path in ("/tools/mw/v1/whoami", "/v1/whoami"):
            assert (await Person(client, TOKEN, "default").get(path))["name"] == "admin"
        docs = await client.get("/tools/mw/docs")
        assert f"http://127.0.0.1:{port}/tools/mw/v1/meshes" in docs.text


async def test_large_answers_are_compressed_and_secrets_are_not(shared: Stack, admin: Person) -> None:
    """Through the real server: a list that accepts gzip is short on the wire, an answer with a token is plain."""
    async with admin.client.stream("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"}) as response:
        sent = sum([len(part) async for part in response.aiter_raw()])
        assert response.headers["content-encoding"] == "gzip"
        assert int(response.headers["content-length"]) == sent
    plain = await admin.client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert sent < len(plain.content) / 4
    body = {"role": "viewer", "description": "long " * 400}
    made = await admin.ask("POST", "/v1/tokens", {"id": "t", **body}, Accept_Encoding="gzip")
    assert len(made.content) > 1024
    assert "content-encoding" not in made.headers


async def test_an_event_stream_is_not_compressed(shared: Stack, admin: Person) -> None:
    """Events arrive one by one, whatever the client accepts."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/event-stream", "Accept-Encoding": "gzip"}
    async with admin.client.stream("GET", "/v1/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in response.headers
        assert ": meshwright" in await anext(response.aiter_text())
