"""The dashboard's pages and files, for every path that no route of the API serves.

Problem: the browser asks for paths that only the dashboard knows (deep links), while programs that ask for a path that
does not exist must get a refusal that they can read. Invariant: the index page is sent only to those who accept HTML,
never below `/v1` and never in place of a missing asset; its scripts come from this origin alone.
"""

import asyncio
import contextlib
import time
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from meshwright.ui_api.http import compression
from meshwright.ui_api.web import built_files
from meshwright.ui_api.web.built_files import INDEX, NOTHING, Build, BuiltFile

BUILT = Path(__file__).with_name("dist")
"""where the build of this installation is"""
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""styles may be inline, because the editor, the graph and the dialogs insert style elements; scripts may not"""
_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATED = "no-cache"
_ASSETS = "assets/"
"""the files whose names contain a hash of their content"""
_LOOK_S = 1.0
"""seconds between looks at the folder"""


class Dashboard:
    """Serves the build in one folder."""

    def __init__(self, folder: Path = BUILT) -> None:
        self._folder = folder
        self._build: Build = NOTHING
        self._looked = -_LOOK_S
        self._reading = asyncio.Lock()

    async def load(self) -> None:
        """Read the build now, so that the first visitor need not wait for it."""
        await self._newest()

    async def answer(self, request: Request) -> Response | None:
        """The response to a request that no route serves; None when it is not for the dashboard either."""
        if request.method not in ("GET", "HEAD"):
            return None
        base_path = request.scope.get("root_path", "")
        name = request.scope["path"].removeprefix(base_path).removeprefix("/")
        if name == "v1" or name.startswith("v1/"):
            return None
        build = await self._newest()
        file = build.files.get(name)
        if file and name != INDEX:
            return _sent(request, file, _IMMUTABLE if name.startswith(_ASSETS) else _REVALIDATED)
        if name.startswith(_ASSETS) or not (file or _accepts_html(request)):
            return None
        return _page(request, build.index, f"{base_path}/")

    async def _newest(self) -> Build:
        """The build as it is now, or was a moment ago."""
        async with self._reading:
            if time.monotonic() - self._looked >= _LOOK_S:
                with contextlib.suppress(OSError):  # the folder is being written: the next request looks again
                    self._build = await asyncio.to_thread(built_files.read, self._folder, self._build)
                self._looked = time.monotonic()
        return self._build


def _accepts_html(request: Request) -> bool:
    """Whether HTML is asked for by name: `*/*` is what programs send."""
    return any(part.partition(";")[0].strip() == "text/html" for part in request.headers.get("accept", "").split(","))


def _sent(request: Request, file: BuiltFile, cache: str) -> Response:
    headers = {"Cache-Control": cache, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    if file.compressed and compression.accepted(request.headers.get("accept-encoding", "")):
        return Response(file.compressed, 200, {**headers, "Content-Encoding": "gzip"}, file.media_type)
    return Response(file.content, 200, headers, file.media_type)


def _page(request: Request, index: str, base: str) -> Response:
    """The index page, whose relative addresses begin at `base` wherever the browser is; without a build, how to make
    one.
    """
    content = _with_base(index, base).encode() if index else _not_built(base).encode()
    headers = {
        "Cache-Control": _REVALIDATED,
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "ETag": built_files.etag_of(content),
        "Vary": "Accept",
    }
    if index and request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, 200 if index else 503, headers, "text/html")


def _with_base(index: str, base: str) -> str:
    """The page with its base before everything that has an address."""
    before, head, after = index.partition("<head>")
    return f'{before}{head}<base href="{escape(base)}">{after}'


def _not_built(base: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Meshwright</title>'
        f'<base href="{escape(base)}"><meta name="viewport" content="width=device-width">'
        '<link rel="stylesheet" href="docs/style.css"></head><body><h1>The dashboard is not built</h1>'
        "<p>Build it in the checkout of Meshwright with <code>make web</code>, then load this page again; nothing has "
        'to be restarted.</p><p>Everything else works all the same: the <a href="docs">API</a> and the command '
        "<code>meshwright</code>.</p></body></html>"
    )
