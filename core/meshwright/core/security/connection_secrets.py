"""The credentials of a connection: taken out of its settings, sealed, and put back where they are used.

Problem: a connection kind of a third-party adapter has credentials too, and only its JSON Schema says where. Invariant:
what the schema marks as `writeOnly` is removed from the settings before they are stored, and becomes one sealed text
that can be opened for this connection only; an empty value counts as not set.
"""

import copy
from typing import Any

import msgspec

from meshwright.core.security import json_schemas
from meshwright.core.security.sealing import CannotOpen, Sealer
from meshwright.schemas.sealing import Sealed
from meshwright.schemas.strict import escape

_CONTEXT = "connection"


def split(settings: dict[str, Any], schema: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings without credentials, and the given credentials (also empty ones) by pointer.

    A list that contains a credential is a credential as a whole.
    """
    public, secrets = copy.deepcopy(settings), {}
    for pointer in json_schemas.marked(settings, schema, "writeOnly", True):
        parts = _parts(pointer)
        holder: Any = public
        for depth, part in enumerate(parts):
            inner = holder.get(part) if isinstance(holder, dict) else None
            if inner is None and not (isinstance(holder, dict) and part in holder):
                break  # it was inside another one
            if depth == len(parts) - 1 or not isinstance(inner, dict):
                secrets["/" + "/".join(map(escape, parts[: depth + 1]))] = holder.pop(part)
                break
            holder = inner
    return public, secrets


def merge(public: dict[str, Any], secrets: dict[str, Any]) -> dict[str, Any]:
    """The settings with these credentials inserted at their pointers."""
    whole = copy.deepcopy(public)
    for pointer, secret in secrets.items():
        *above, last = _parts(pointer)
        holder: Any = whole
        for part in above:
            holder = holder.setdefault(part, {}) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder[last] = secret
    return whole


def seal(sealer: Sealer, secrets: dict[str, Any], workspace: str, connection: str) -> Sealed:
    """Seal the credentials for storage, bound to their connection."""
    return sealer.seal(msgspec.json.encode(secrets), workspace, _CONTEXT, connection)


def unseal(sealer: Sealer, sealed: Sealed, workspace: str, connection: str) -> dict[str, Any]:
    """Open sealed credentials. Raises CannotOpen."""
    try:
        return msgspec.json.decode(sealer.open(sealed, workspace, _CONTEXT, connection), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise CannotOpen("it holds no credentials") from error


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
