"""Redaction of secrets in an object before others see it.

Problem: passwords are also written into environments, arguments and annotations, not only into Secrets. Invariant: no
data of a Secret, no private key, no password in a URL and no value under a secret's name is left; the pointers of
redacted values are published, so that a mark is not taken for the value.
"""

import functools
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

MARK = "(redacted)"
_NAME = re.compile(
    r"passw|passphrase|secret|credential|token|(?:api|access|private|signing|encryption|hmac)[_.-]?key|"
    r"(?:^|[_.-])(?:pwd|auth|dsn)(?:$|[_.-])|connection[_.-]?string",
    re.IGNORECASE,
)
"""pattern for environment variables and the keys of a ConfigMap, whose names users choose"""
_FIELD = re.compile(
    r"password|passwd|passphrase|token|bearertoken|clientsecret|secretkey|accesskey|secretaccesskey|privatekey|apikey|"
    r"hmackey|sharedsecret|tls\.key",
    re.IGNORECASE,
)
"""pattern for fields, many of which only name a secret (`secretName`)"""
_PRIVATE = "PRIVATE KEY-----"
_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_ARGUMENT = re.compile(rf"--?[A-Za-z0-9._-]*(?:{_NAME.pattern})[A-Za-z0-9._-]*[= ].+", re.IGNORECASE | re.DOTALL)
_HOLDERS = (dict, list)
Path: TypeAlias = tuple[Any, str | int]
"""the path of the parent, and the key in it"""
_CHOSEN_KEYS = {"Secret": ("data", "stringData"), "ConfigMap": ("data", "binaryData")}


def redact(body: dict[str, Any]) -> list[str]:
    """Replace secrets by marks, in the object itself; returns their JSON pointers."""
    paths = list(_chosen(body)) if body.get("apiVersion") == "v1" else []
    places: list[Path] = []
    _walk(body, None, places)
    return sorted([*paths, *map(_pointer, places)])


def _chosen(body: dict[str, Any]) -> Iterator[str]:
    """Redact data whose keys users choose: all of a Secret, and the entries of a ConfigMap with a secret's name."""
    kind = body.get("kind")
    for part in _CHOSEN_KEYS.get(str(kind), ()):
        data = body.get(part)
        if not isinstance(data, dict):
            continue
        for key in data:
            if kind == "Secret" or _NAME.search(key):
                data[key] = MARK
                yield f"/{part}/{escaped(key)}"


def _walk(holder: Any, path: Path | None, paths: list[Path]) -> None:
    """Visits every text, so the work for each is small: pointers are only built for secrets."""
    is_dict = isinstance(holder, dict)
    if is_dict:
        name, given = holder.get("name"), holder.get("value")
        if given and isinstance(given, str) and isinstance(name, str) and _names_secret(name):
            holder["value"] = MARK
            paths.append((path, "value"))
    for key, part in holder.items() if is_dict else enumerate(holder):
        if isinstance(part, str):
            if part != MARK and (
                (_is_field(key) if is_dict else _is_argument(holder, key, part))
                or ("://" in part and _IN_URL.search(part))
                or _PRIVATE in part
            ):
                holder[key] = MARK
                paths.append((path, key))
        elif isinstance(part, _HOLDERS):
            _walk(part, (path, key), paths)


@functools.lru_cache(maxsize=4096)
def _names_secret(name: str) -> bool:
    return _NAME.search(name) is not None


@functools.lru_cache(maxsize=4096)
def _is_field(key: str) -> bool:
    return _FIELD.fullmatch(key.rpartition("/")[2]) is not None


def _is_argument(holder: list[Any], index: int, text: str) -> bool:
    if text.startswith("-"):
        return _ARGUMENT.fullmatch(text) is not None
    return _follows_a_flag(holder, index)


def _pointer(path: Path | None) -> str:
    return "" if path is None else f"{_pointer(path[0])}/{escaped(str(path[1]))}"


def _follows_a_flag(values: list[Any], index: int) -> bool:
    """Whether it is the value of the argument before it, as in `--password`, `x`."""
    before = values[index - 1] if index else None
    return isinstance(before, str) and before.startswith("--") and "=" not in before and _names_secret(before)


def escaped(key: str) -> str:
    """A key, escaped for a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")
