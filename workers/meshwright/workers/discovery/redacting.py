"""Secrets are taken out of an object before it leaves the worker.

Problem: people write passwords into environments, arguments and annotations, not only into Secrets. Invariant: nothing
of a Secret's data, no private key, no password in a URL and no value that stands under a name of a secret is left; the
places are told, so that nobody takes the mark for the value.
"""

import re
from collections.abc import Iterator
from typing import Any

MARK = "(redacted)"
_NAME = re.compile(
    r"passw|passphrase|secret|credential|token|(?:api|access|private|signing|encryption|hmac)[_.-]?key|"
    r"(?:^|[_.-])(?:pwd|auth|dsn)(?:$|[_.-])|connection[_.-]?string",
    re.IGNORECASE,
)
"""of environment variables and of the keys of a ConfigMap, which people choose"""
_FIELD = re.compile(
    r"password|passwd|passphrase|token|bearertoken|clientsecret|secretkey|accesskey|secretaccesskey|privatekey|apikey|"
    r"hmackey|sharedsecret|tls\.key",
    re.IGNORECASE,
)
"""of fields, of which many only name a secret (`secretName`)"""
_PRIVATE = "PRIVATE KEY-----"
_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_ARGUMENT = re.compile(rf"--?[A-Za-z0-9._-]*(?:{_NAME.pattern})[A-Za-z0-9._-]*[= ].+", re.IGNORECASE | re.DOTALL)
_CHOSEN_KEYS = {"Secret": ("data", "stringData"), "ConfigMap": ("data", "binaryData")}


def redact(body: dict[str, Any]) -> list[str]:
    """Put marks in place of secrets, in the object itself; the JSON pointers of these."""
    found = list(_chosen(body)) if body.get("apiVersion") == "v1" else []
    found += _walk(body, "")
    return sorted(found)


def _chosen(body: dict[str, Any]) -> Iterator[str]:
    """What people have named themselves: all of a Secret, and of a ConfigMap what sounds like one."""
    kind = body.get("kind")
    for part in _CHOSEN_KEYS.get(str(kind), ()):
        data = body.get(part)
        if not isinstance(data, dict):
            continue
        for key in data:
            if kind == "Secret" or _NAME.search(key):
                data[key] = MARK
                yield f"/{part}/{escaped(key)}"


def _walk(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict) and _is_secret_variable(value):
        value["value"] = MARK
        yield f"{path}/value"
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        below = f"{path}/{escaped(str(key))}"
        if isinstance(part, dict | list):
            yield from _walk(part, below)
        elif isinstance(part, str) and part != MARK and _is_secret(value, key, part):
            value[key] = MARK
            yield below


def _is_secret(holder: Any, key: Any, text: str) -> bool:
    if _PRIVATE in text or ("://" in text and _IN_URL.search(text)):
        return True
    if isinstance(holder, dict):
        return _FIELD.fullmatch(key.rpartition("/")[2]) is not None
    return _ARGUMENT.fullmatch(text) is not None or _follows_a_flag(holder, key)


def _is_secret_variable(value: dict[str, Any]) -> bool:
    name, given = value.get("name"), value.get("value")
    return isinstance(name, str) and isinstance(given, str) and bool(given) and bool(_NAME.search(name))


def _follows_a_flag(values: list[Any], index: int) -> bool:
    """Whether it is the value of an argument before it, as in `--password`, `x`."""
    before, this = values[index - 1] if index else None, values[index]
    if not isinstance(before, str) or this.startswith("-"):
        return False
    return before.startswith("--") and "=" not in before and bool(_NAME.search(before))


def escaped(key: str) -> str:
    """A key as it stands in a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")
