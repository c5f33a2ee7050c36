"""The dashboard's files are served beside the API: to browsers, below any path, and never in place of a refusal."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.ui_api.http import app
from meshwright.ui_api.web.dashboard import Dashboard
from rig.stack.people import Person

INDEX = (
    '<!doctype html><html lang="en"><head><script type="module" src="./assets/index-1a2b.js"></script></head></html>'
)
SCRIPT = "console.log('meshwright');\n" * 200
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
Opened = Callable[..., httpx.AsyncClient]


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A small build."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "assets" / "index-1a2b.js").write_text(SCRIPT)
    (folder / "assets" / "text-3c4d.woff2").write_bytes(b"wOF2" * 500)
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / ".vite").mkdir()
    (folder / ".vite" / "manifest.json").write_text("{}")
    (tmp_path / "secret").write_text("beside the build")
    return folder


@pytest.fixture
def opened(harness: Any, dist: Path) -> Opened:
    """Opens the application with that build; the arguments are those of `create_app`."""

    def open_(base_path: str = "", **more: Any) -> httpx.AsyncClient:
        application = app.create_app(harness.api, Dashboard(dist), base_path, **more)
        return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://harness")

    return open_


@pytest.mark.parametrize("path", ["/", "/index.html", "/meshes/shop", "/sign-in", "/designs/v1/x", "//elsewhere/x"])
async def test_a_browser_gets_the_page_at_every_path_of_the_dashboard(opened: Opened, path: str) -> None:
    """Deep links work: the page is the same everywhere, and its base makes its relative addresses right."""
    response = await opened().get(f"http://harness{path}", headers=HTML)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == INDEX.replace("<head>", '<head><base href="/">')
    assert response.headers["cache-control"] == "no-cache"
    assert "Accept" in response.headers["vary"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "", "text/*", "text/htmlx"])
async def test_a_program_gets_a_refusal_at_a_path_that_does_not_exist(opened: Opened, accept: str) -> None:
    """Who does not ask for HTML by name gets a problem document, also at the root."""
    for path in ("/", "/meshes/shop"):
        response = await opened().get(path, headers={"Accept": accept})
        assert response.status_code == 404
        assert response.json()["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/meshes/a/b/c/d"])
async def test_the_page_is_never_served_below_the_api(opened: Opened, path: str) -> None:
    """A mistyped route of the API is refused, whatever the client accepts."""
    response = await opened().get(path, headers=HTML)
    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/problems", "/openapi.json"])
async def test_the_routes_of_the_api_come_before_the_page(opened: Opened, path: str) -> None:
    """What the API serves at its own paths is not hidden by the dashboard."""
    response = await opened().get(path, headers=HTML)
    assert response.status_code == 200
    assert "index-1a2b" not in response.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_the_page_is_only_for_reading(opened: Opened, method: str) -> None:
    """Any other method is refused as before."""
    response = await opened().request(method, "/meshes/shop", headers=HTML)
    assert response.status_code in (404, 405)
    assert response.headers["content-type"] == "application/problem+json"


async def test_assets_are_cached_for_ever_and_other_files_are_asked_for_again(opened: Opened) -> None:
    """A name with a hash never changes its content; a name without one may."""
    client = opened()
    script = await client.get("/assets/index-1a2b.js")
    assert script.text == SCRIPT
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    icon = await client.get("/favicon.svg")
    assert icon.headers["content-type"] == "image/svg+xml"
    assert icon.headers["cache-control"] == "no-cache"


async def test_a_missing_asset_is_refused_and_never_answered_with_the_page(opened: Opened) -> None:
    """A tab that is older than the build gets 404 for its script, and no HTML that it would take for one."""
    response = await opened().get("/assets/index-old.js", headers=HTML)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "path", ["/../secret", "/assets/../../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "/.vite/manifest.json"]
)
async def test_no_path_leaves_the_build(opened: Opened, path: str) -> None:
    """Only files that were listed are served, and none that begins with a dot."""
    response = await opened().get(f"http://harness{path}", headers={"Accept": "*/*"})
    assert response.status_code == 404
    assert "beside" not in response.text


async def test_a_file_that_the_browser_has_is_not_sent_again(opened: Opened) -> None:
    """The page and the files have an ETag, which spares their content."""
    client = opened()
    for path, headers in (("/", HTML), ("/favicon.svg", {}), ("/assets/index-1a2b.js", {})):
        etag = (await client.get(path, headers=headers)).headers["etag"]
        again = await client.get(path, headers={**headers, "If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag


async def test_scripts_come_from_this_origin_alone(opened: Opened) -> None:
    """One policy, which allows no inline script, no foreign origin, no frame around the page and no plugin."""
    response = await opened().get("/", headers=HTML)
    (policy,) = response.headers.get_list("content-security-policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["script-src"] == rules["connect-src"] == rules["base-uri"] == "'self'"
    assert rules["object-src"] == rules["frame-ancestors"] == "'none'"
    assert "http" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_other_responses_keep_the_stricter_policy(opened: Opened) -> None:
    """What is not the dashboard allows no inline style and no base."""
    (policy,) = (await opened().get("/docs")).headers.get_list("content-security-policy")
    assert "unsafe-inline" not in policy
    assert "base-uri 'none'" in policy


async def test_files_are_sent_compressed_to_those_who_accept_it(opened: Opened) -> None:
    """Text is compressed once; what is compressed already is sent as it is."""
    client = opened()
    async with client.stream("GET", "/assets/index-1a2b.js", headers={"Accept-Encoding": "gzip"}) as response:
        raw = b"".join([part async for part in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw).decode() == SCRIPT
    assert len(raw) < len(SCRIPT) / 10
    plain = await client.get("/assets/index-1a2b.js", headers={"Accept-Encoding": "br"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == response.headers["vary"] == "Accept-Encoding"
    font = await client.get("/assets/text-3c4d.woff2", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in font.headers
    assert font.headers["content-type"] == "font/woff2"


async def test_without_a_build_the_page_names_the_command_and_the_api_works(opened: Opened, dist: Path) -> None:
    """A person learns what to do; programs notice nothing; a build made later is served without a restart."""
    kept = shutil.move(dist, dist.with_name("kept"))
    client = opened()
    response = await client.get("/meshes/shop", headers=HTML)
    assert response.status_code == 503
    assert "<code>make web</code>" in response.text
    assert '<base href="/">' in response.text
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/")).status_code == 404
    shutil.copytree(kept, dist)
    await eventually(lambda: _served(client, "/", 200))
    shutil.rmtree(dist)
    await eventually(lambda: _served(client, "/", 503))


async def _served(client: httpx.AsyncClient, path: str, status: int) -> bool:
    return (await client.get(path, headers=HTML)).status_code == status


@pytest.mark.parametrize("path", ["/tools/meshwright/meshes", "/meshes", "/tools/meshwright/", "/tools/meshwright"])
async def test_a_proxy_may_remove_its_path_or_keep_it(opened: Opened, path: str) -> None:
    """Below a base path the page, its files and the API are served in both ways, and the base is the proxy's."""
    client = opened("/tools/meshwright/")
    page = await client.get(path, headers=HTML)
    assert page.text == INDEX.replace("<head>", '<head><base href="/tools/meshwright/">')
    for prefix in ("", "/tools/meshwright"):
        assert (await client.get(f"{prefix}/assets/index-1a2b.js")).text == SCRIPT
        assert (await client.get(f"{prefix}/healthz")).json() == {"status": "alive"}
        assert (await client.get(f"{prefix}/v1/none", headers=HTML)).status_code == 404


async def test_a_path_that_only_begins_like_the_base_is_another_one(opened: Opened) -> None:
    """`/meshwright-2` is not below `/meshwright`."""
    client = opened("/meshwright")
    assert (await client.get("/meshwright-2/healthz")).status_code == 404


async def test_a_location_contains_the_base_path(harness: Any, opened: Opened) -> None:
    """What the API tells a client to read next is reachable through the proxy."""
    harness.mesh()
    client = opened("/meshwright")
    person = Person(client, harness.admin.token, "default")
    answer = await person.ask("POST", "/meshwright/v1/operations", {"kind": "trial.noop", "mesh": "m1"}, expect=202)
    assert answer.headers["location"] == f"/meshwright/v1/operations/{answer.json()['id']}"


async def test_a_forwarded_prefix_counts_only_when_it_is_trusted(opened: Opened) -> None:
    """The header of a proxy sets the base; without the setting anybody could send it, so it is ignored."""
    headers = {**HTML, "X-Forwarded-Prefix": "/through"}
    trusted = await opened("/set", forwarded_prefix=True).get("/", headers=headers)
    assert '<base href="/through/">' in trusted.text
    absent = await opened("/set", forwarded_prefix=True).get("/", headers=HTML)
    assert '<base href="/set/">' in absent.text
    ignored = await opened("/set").get("/", headers=headers)
    assert '<base href="/set/">' in ignored.text


@pytest.mark.parametrize("prefix", ["//evil.example", "/a, /b", 'x"><script>', "relative", "/..", "/a/../b", "/a?b"])
async def test_a_strange_forwarded_prefix_is_refused(opened: Opened, prefix: str) -> None:
    """It would become the address of every script, so it must be a plain path."""
    response = await opened(forwarded_prefix=True).get("/", headers={**HTML, "X-Forwarded-Prefix": prefix})
    assert (response.status_code, response.json()["type"]) == (400, "/problems/invalid-request")
