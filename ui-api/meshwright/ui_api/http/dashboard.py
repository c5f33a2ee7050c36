"""Serves the built dashboard beside the API, under the same origin.

Problem: a page of the dashboard has an address of its own (`/meshes/demo`), which a browser asks the server for.
Invariant: whatever the API does not serve is answered with the dashboard's page to a browser that navigates, and with a
problem to everybody else. Files whose names contain their digest never change; the page itself is always asked for. A
checkout without a built dashboard says how to build it, and the API works all the same.
"""

import functools
import mimetypes
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

ROOT = Path(str(files("meshwright.ui_api"))) / "web" / "dist"
"""the folder into which `make web` builds"""
_ASSETS = "assets/"
_FOREVER = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Meshwright</title></head><body>
<h1>Meshwright</h1><p>The API is running. The dashboard has not been built: run <code>make web</code> in the checkout,
and reload this page.</p><p><a href="docs">The API's documentation</a></p></body></html>
"""


class Dashboard:
    """The dashboard's files; `base` is the path under which a proxy publishes the API, with a slash at both ends."""

    def __init__(self, root: Path = ROOT, base: str = "/") -> None:
        self._root = root
        self._base = base

    def answer(self, request: Request) -> Response | None:
        """A file or page of the dashboard; None when the request is for none."""
        if request.method not in ("GET", "HEAD"):
            return None
        path = request.url.path.lstrip("/")
        if path and (file := self._file(path)) is not None:
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            cache = _FOREVER if path.startswith(_ASSETS) else "no-cache"
            return Response(file, media_type=kind, headers={"Cache-Control": cache})
        if path.startswith(("v1/", _ASSETS)) or "text/html" not in request.headers.get("accept", ""):
            return None
        return HTMLResponse(self._page(), headers={"Cache-Control": "no-cache"})

    def _file(self, path: str) -> bytes | None:
        """The content of a built file; None when there is none of that name."""
        place = self._root / path
        if ".." in path or path == "index.html" or not place.is_file():
            return None
        return _content(place, place.stat().st_mtime_ns)

    def _page(self) -> str:
        index = self._root / "index.html"
        if not index.is_file():
            return _NOT_BUILT
        text = _content(index, index.stat().st_mtime_ns).decode()
        return text.replace("<head>", f'<head><base href="{self._base}">', 1)


@functools.lru_cache(maxsize=256)
def _content(place: Path, changed: int) -> bytes:
    """A file's bytes, read once per version: the files are few and small."""
    return place.read_bytes()
