"""The files of the built dashboard, in memory, compressed once.

Problem: files that are looked up on the disk for each request invite paths that leave the folder, and a build made
while the API runs would be served half old, half new. Invariant: only names that were listed when the folder was read
are served, and a folder that changed is read again as a whole.
"""

import gzip
import hashlib
from pathlib import Path

import msgspec

INDEX = "index.html"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""stated here, because the types that Python guesses depend on the machine"""
_PACKED = (".ico", ".png", ".woff2")
"""files that are compressed already"""

Signature = tuple[tuple[str, int, int], ...]
"""name, size and time of every file: what differs after a build"""


class BuiltFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `compressed` is empty when compression gains nothing."""

    content: bytes
    compressed: bytes
    media_type: str
    etag: str


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """One build: its files by their path below the folder, with `/` between the parts."""

    signature: Signature
    files: dict[str, BuiltFile]

    @property
    def index(self) -> str:
        """The page that starts the dashboard; empty when nothing was built."""
        page = self.files.get(INDEX)
        return page.content.decode() if page else ""


NOTHING = Build(signature=(), files={})


def read(folder: Path, known: Build = NOTHING) -> Build:
    """The build in a folder, which is `known` when nothing has changed, and NOTHING without an index page.

    Blocks; call it in a thread. Raises OSError when a file disappears meanwhile.
    """
    paths = _paths(folder)
    signature = tuple((name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in paths.items())
    if signature == known.signature:
        return known
    if INDEX not in paths:
        return msgspec.structs.replace(NOTHING, signature=signature)
    return Build(signature=signature, files={name: _file(path) for name, path in paths.items()})


def etag_of(content: bytes) -> str:
    """A weak ETag, since the same content is sent with and without compression."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


def _paths(folder: Path) -> dict[str, Path]:
    """Every file that may be served; none whose path has a part that begins with a dot."""
    names = ((path.relative_to(folder), path) for path in sorted(folder.rglob("*")) if path.is_file())
    return {name.as_posix(): path for name, path in names if not any(part.startswith(".") for part in name.parts)}


def _file(path: Path) -> BuiltFile:
    content = path.read_bytes()
    compressed = b"" if path.suffix in _PACKED else gzip.compress(content, mtime=0)
    return BuiltFile(
        content=content,
        compressed=compressed if len(compressed) < len(content) else b"",
        media_type=_MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        etag=etag_of(content),
    )
