"""The stored form of a connection that a user writes: its settings checked, its credentials sealed or kept.

Problem: a user who may change a connection must not be able to read its credentials, nor send them elsewhere.
Invariant: no credential is in the stream in plain text; omitted credentials are kept, but only for the same kind and
the same URLs; given ones replace all of the version before.
"""

from typing import Any

import msgspec

from meshwright.core.security import connection_rules, connection_secrets, json_schemas
from meshwright.schemas.connections import Connection, ConnectionWritten, ConnectionWrittenV1
from meshwright.schemas.errors import FieldError
from meshwright.schemas.sealing import Sealed
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.queries import Write
from meshwright.ui_api.http.routing import Call
from meshwright.ui_api.requests import states

_EMPTY = ("", None)
_REMEDY = (
    "An admin of this server may allow network destinations with MESHWRIGHT_CONNECTION_ALLOW, and fields of a"
    " kubeconfig with MESHWRIGHT_KUBECONFIG_ALLOW."
)


class _Kept(msgspec.Struct, frozen=True):
    """Credentials that are kept; `settings` are those that they were given for."""

    sealed: Sealed
    pointers: list[str]
    settings: dict[str, Any]


def message(call: Call[Connection, Write], before: states.CurrentState) -> ConnectionWritten:
    """The next version of the connection in the body.

    Raises Refusal: `invalid-document`, `no-secret-key`, `adapter-unavailable` for an unknown kind.
    """
    document = call.body
    schema = call.api.live_adapters.connection_schema(document.kind)
    public, given = connection_secrets.split(document.settings, schema)
    kept = None if given else _kept(document, before)
    try:
        problems = _problems(call, document, schema, public, given, kept)
    except json_schemas.InvalidSchema as error:
        raise Refusal("adapter-failed", f"connections of kind {document.kind}: {error}") from error
    if problems:
        errors = [msgspec.structs.replace(one, pointer=f"#/settings{one.pointer[1:]}") for one in problems]
        remedy = _REMEDY if any(one.code for one in errors) else ""
        raise Refusal("invalid-document", "the settings are refused", errors=errors, remedy=remedy)
    sealed, pointers = (kept.sealed, kept.pointers) if kept else _sealed(call, given)
    return ConnectionWritten(
        document=msgspec.structs.replace(document, settings=public, credentials=pointers),
        sealed=sealed,
        principal=call.principal.name,
        reason=call.reason(call.query.reason),
    )


def _kept(document: Connection, before: states.CurrentState) -> _Kept | None:
    """The credentials of the version before, if it has the same kind and any."""
    if before.version is None:
        return None
    standing = before.version.message()
    assert isinstance(standing, ConnectionWritten | ConnectionWrittenV1)
    if (
        not isinstance(standing, ConnectionWritten)
        or standing.sealed is None
        or standing.document.kind != document.kind
    ):
        return None
    return _Kept(standing.sealed, standing.document.credentials, standing.document.settings)


def _problems(
    call: Call[Connection, Write],
    document: Connection,
    schema: dict[str, Any],
    public: dict[str, Any],
    given: dict[str, Any],
    kept: _Kept | None,
) -> list[FieldError]:
    rules = call.api.connection_rules
    if kept is None:
        return connection_rules.problems(document.kind, connection_secrets.merge(public, given), schema, rules)
    errors = connection_rules.problems(document.kind, public, schema, rules, kept=kept.pointers)
    standing = connection_rules.urls(kept.settings, schema)
    for pointer, url in connection_rules.urls(public, schema).items():
        if url not in _EMPTY and standing.get(pointer) != url:
            detail = "the credentials were given for another URL: give them again together with this one"
            errors.append(FieldError(detail=detail, pointer=f"#{pointer}"))
    return errors


def _sealed(call: Call[Connection, Write], given: dict[str, Any]) -> tuple[Sealed | None, list[str]]:
    secrets = {pointer: secret for pointer, secret in given.items() if secret not in _EMPTY}
    if not secrets:
        return None, []
    if call.api.sealer is None:
        raise Refusal("no-secret-key", "this server was started without MESHWRIGHT_SECRET_KEY_FILE")
    return connection_secrets.seal(call.api.sealer, secrets, call.workspace, call.body.id), sorted(secrets)
