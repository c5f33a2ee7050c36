"""Contexts: the server, the identity and the workspace of a command.

Problem: a user has a local stack today and a production server tomorrow, and must never confuse them. Invariant: the
most specific source wins: option, environment, chosen context, local stack found from the working directory. Secrets
are written to files of mode 0600 and never shown.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from meshwright.ui_api.cli.exits import CommandFailed, Exit

LOCAL = "local"
"""the name of the context that is detected: the local stack's folder in or above the working directory"""
FOLDER = ".meshwright"
HOME = "MESHWRIGHT_HOME"
"""environment variable with the local stack's folder, for the stack and the CLI"""
API_URL = "MESHWRIGHT_API_URL"
API_URL_FILE = "api-url"
TOKEN_FILE = "admin-token"
API_RECORD = "run/api.json"
"""the process record of the local stack's API"""
DEFAULT_URL = "http://127.0.0.1:8080"
_NOTHING = "nothing found"


class Context(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One server and the credentials for it. `token_file` is read at each use; `token` is stored in this file
    itself.
    """

    api_url: str = ""
    token: str = ""
    token_file: str = ""
    workspace: str = ""


class Contexts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The file of contexts."""

    current: str = ""
    contexts: dict[str, Context] = {}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The server of a command, and the reason why it was chosen (`source`)."""

    name: str
    api_url: str
    token: str
    workspace: str
    source: str
    is_default: bool = False
    """whether nothing was configured, so that the default address is tried"""


def config_path(environ: Mapping[str, str]) -> Path:
    """The file of contexts: MESHWRIGHT_CONFIG, or contexts.yaml in the user's configuration folder."""
    if environ.get("MESHWRIGHT_CONFIG"):
        return Path(environ["MESHWRIGHT_CONFIG"])
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".config")
    return Path(base) / "meshwright" / "contexts.yaml"


def read(path: Path) -> Contexts:
    """The contents of the file; empty when it does not exist. Raises CommandFailed when it cannot be parsed."""
    import yaml

    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        return Contexts()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        return msgspec.convert(raw or {}, Contexts)
    except msgspec.ValidationError as error:
        raise _unreadable(path, str(error)) from error


def write(path: Path, contexts: Contexts) -> None:
    """Replace the file of contexts. Raises CommandFailed."""
    import yaml

    write_private(path, yaml.safe_dump(msgspec.to_builtins(contexts), sort_keys=False))


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only. Raises CommandFailed."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        half.touch(mode=0o600)
        half.write_text(text)
        half.replace(path)
    except OSError as error:
        raise CommandFailed(
            f"{path} cannot be written",
            code=Exit.USAGE,
            notes=(str(error),),
            remedy="Set another file with MESHWRIGHT_CONFIG.",
        ) from error


def local_folder(environ: Mapping[str, str], start: Path) -> Path | None:
    """The local stack's folder: MESHWRIGHT_HOME, or in `start` or the nearest folder above it."""
    candidates = [folder / FOLDER for folder in (start, *start.parents)]
    if environ.get(HOME):
        candidates = [Path(environ[HOME])]
    return next((folder for folder in candidates if (folder / API_URL_FILE).is_file()), None)


def local_context(environ: Mapping[str, str], start: Path) -> Context | None:
    """The local stack as a context, or None when there is none."""
    folder = local_folder(environ, start)
    if folder is None:
        return None
    return Context(api_url=(folder / API_URL_FILE).read_text().strip(), token_file=str(folder / TOKEN_FILE))


def refuse_stranger(target: Target, environ: Mapping[str, str], start: Path) -> None:
    """Raises CommandFailed when another process listens on the port of the local stack's API: it would get the
    token.
    """
    from meshwright.core.machine import listeners, processes

    folder = local_folder(environ, start)
    if target.name != LOCAL or not target.token or folder is None or target.source != str(folder):
        return
    port = urlsplit(target.api_url).port
    record = processes.read(folder / API_RECORD)
    holder = listeners.held_by(port, besides=[record] if record else []) if port else ""
    if holder:
        raise CommandFailed(
            f"{target.api_url}, where the local stack's API was, is held by {holder}; your token was not sent there",
            code=Exit.UNAVAILABLE,
            remedy="`make up` starts the API at another port; or stop that program.",
        )


def resolve(
    environ: Mapping[str, str], directory: Path, *, context: str = "", workspace: str = "", api_url: str = ""
) -> Target:
    """The server that options, environment, file and working directory select.

    Raises CommandFailed when a context or its token is named but does not exist.
    """
    name, chosen, source = _choose(environ, directory, context)
    by_option = chosen if context else Context()  # it has precedence over the environment
    url = api_url or by_option.api_url or environ.get(API_URL) or chosen.api_url or DEFAULT_URL
    if not (api_url or by_option.api_url) and environ.get(API_URL):
        source = API_URL
    return Target(
        name=name,
        api_url=url.rstrip("/"),
        token=_token(name, by_option) or environ.get("MESHWRIGHT_TOKEN") or _token(name, chosen),
        workspace=workspace or by_option.workspace or environ.get("MESHWRIGHT_WORKSPACE") or chosen.workspace,
        source=source,
        is_default=url == DEFAULT_URL and source.startswith(_NOTHING),
    )


def _choose(environ: Mapping[str, str], directory: Path, wanted: str) -> tuple[str, Context, str]:
    path = config_path(environ)
    known = read(path)
    name = wanted or environ.get("MESHWRIGHT_CONTEXT", "") or known.current or LOCAL
    if name in known.contexts:
        return name, known.contexts[name], str(path)
    if name != LOCAL:
        raise CommandFailed(
            f"there is no context {name!r} in {path}",
            code=Exit.USAGE,
            remedy="`meshwright context list` shows them, `meshwright context add` creates one.",
        )
    local = local_context(environ, directory)
    return LOCAL, local or Context(), str(local_folder(environ, directory) or f"{_NOTHING}: the default address")


def _token(name: str, context: Context) -> str:
    if context.token or not context.token_file:
        return context.token
    try:
        return Path(context.token_file).expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(
            f"the token of context {name!r} cannot be read: {error}",
            code=Exit.USAGE,
            remedy="Set MESHWRIGHT_TOKEN, or set the context's token again with `meshwright context add`.",
        ) from error


def _unreadable(path: Path, why: str) -> CommandFailed:
    return CommandFailed(
        f"{path} cannot be parsed", code=Exit.USAGE, notes=(why,), remedy="Correct the file, or remove it."
    )


def as_rows(known: Contexts, local: Context | None, current: str) -> list[dict[str, Any]]:
    """Every context as a row, without secrets."""
    entries = dict(known.contexts)
    if local is not None:
        entries.setdefault(LOCAL, local)
    return [
        {
            "name": name,
            "current": name == current,
            "api_url": entry.api_url,
            "workspace": entry.workspace,
            "token": "in file" if entry.token_file else "stored" if entry.token else "none",
        }
        for name, entry in sorted(entries.items())
    ]
