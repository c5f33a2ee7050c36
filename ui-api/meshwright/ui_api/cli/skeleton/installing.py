"""The command that installs a new adapter, and Meshwright with it, into a fresh environment.

Problem: an environment without Meshwright must get it from the same source as this one, which need not be a package
index. Invariant: the command names that source whenever the installer has recorded it (PEP 610).
"""

import shlex
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

_DISTRIBUTION = "meshwright"


class _Directory(msgspec.Struct, frozen=True):
    editable: bool = False


class _Repository(msgspec.Struct, frozen=True):
    vcs: str
    commit_id: str = ""


class _Origin(msgspec.Struct, frozen=True):
    """`direct_url.json`: the source from which pip has installed a distribution, if not an index."""

    url: str
    dir_info: _Directory | None = None
    vcs_info: _Repository | None = None


def command(folder: Path, noted: str | None = None) -> str:
    """The arguments beside `folder`; `noted` is the text of `direct_url.json`, by default this installation's own."""
    words = ["pip", "install", *_ourselves(noted if noted is not None else _noted()), "-e", f"{folder}[test]"]
    return shlex.join(words)


def _noted() -> str:
    try:
        return metadata.distribution(_DISTRIBUTION).read_text("direct_url.json") or ""
    except metadata.PackageNotFoundError:
        return ""


def _ourselves(noted: str) -> list[str]:
    """The requirement for pip that installs Meshwright; empty when an index has it."""
    try:
        origin = msgspec.json.decode(noted, type=_Origin)
    except msgspec.DecodeError:
        return []
    if origin.dir_info:
        place = unquote(urlsplit(origin.url).path)
        return ["-e", place] if origin.dir_info.editable else [place]
    if origin.vcs_info:
        commit = f"@{origin.vcs_info.commit_id}" if origin.vcs_info.commit_id else ""
        return [f"{_DISTRIBUTION} @ {origin.vcs_info.vcs}+{origin.url}{commit}"]
    return [f"{_DISTRIBUTION} @ {origin.url}"]
