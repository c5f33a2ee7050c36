"""API tokens: created by an admin, shown once, revoked within a second."""

import datetime
from typing import Any

from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.schemas import subjects
from meshwright.schemas.access import Role, Token, TokenWritten
from meshwright.schemas.base import Model, Moment, Name, Text
from meshwright.schemas.errors import FieldError
from meshwright.ui_api.access import authentication
from meshwright.ui_api.access.authentication import EVERYWHERE
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import NoQuery, Write
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import states

routes = Routes("tokens")
_KIND = "token"
_LONGEST = datetime.timedelta(days=3653)


class CreateToken(Model, frozen=True, kw_only=True):
    """The request for a token. `everywhere` makes it valid in all workspaces."""

    id: Name
    role: Role
    everywhere: bool = False
    description: Text = ""
    expires_at: Moment | None = None


class TokenInfo(Model, frozen=True, kw_only=True):
    """A token without its secret. `workspace` is `*` for one that is valid in all."""

    id: Name
    role: Role
    workspace: str
    description: Text = ""
    created_at: Moment
    expires_at: Moment | None = None


class CreatedToken(TokenInfo, frozen=True, kw_only=True):
    """A new token; `secret` is shown only this once and never stored."""

    secret: str


@routes.add("GET", "/v1/tokens", "listTokens", role="admin", answer=views.listed(TokenInfo))
async def index(call: Call[NoBody, NoQuery]) -> Response:
    """List the tokens of the workspace, and for an admin of all workspaces those that are valid in all."""
    tokens = call.api.directory.tokens(call.workspace)
    if call.principal.workspace == EVERYWHERE:
        tokens += call.api.directory.tokens(subjects.SYSTEM_WORKSPACE)
    return views.whole([_info(token) for token in tokens])


@routes.add(
    "POST",
    "/v1/tokens",
    "createToken",
    role="admin",
    query=Write,
    body=CreateToken,
    further_rules=("`expires_at` lies within the next ten years.",),
    answer=CreatedToken,
    status=201,
    headers=("Meshwright-Seq",),
    problems=("already-exists", "stale"),
)
async def create(call: Call[CreateToken, Write]) -> Response:
    """Create a token. Its secret is in the response and nowhere else."""
    asked = call.body
    if asked.everywhere:
        authentication.everywhere(call.principal)
    now = datetime.datetime.now(datetime.UTC)
    _check_end(asked.expires_at, now)
    secret = authentication.new_secret()
    token = Token(
        id=asked.id,
        sha256=authentication.digest(secret),
        role=asked.role,
        workspace=EVERYWHERE if asked.everywhere else call.workspace,
        description=asked.description,
        created_at=now,
        expires_at=asked.expires_at,
    )
    place = subjects.SYSTEM_WORKSPACE if asked.everywhere else call.workspace
    before = await states.newest(call.api.bus, place, _KIND, asked.id)
    if states.alive(before) is not None:
        raise Refusal("already-exists", f"there is a token {asked.id}")
    shown = CreatedToken(secret="" if call.query.validate_only else secret, **_fields(token))
    if call.query.validate_only:
        return answers.ok(shown, 201)
    message = TokenWritten(document=token, principal=call.principal.name, reason=call.reason(call.query.reason))
    seq = await states.store(call, place, _KIND, asked.id, message, before.seq if before else 0)
    return answers.ok(shown, 201, Meshwright_Seq=str(seq), Cache_Control="no-store")


@routes.add(
    "DELETE",
    "/v1/tokens/{id}",
    "deleteToken",
    role="admin",
    query=Write,
    status=204,
    headers=("Meshwright-Seq",),
    problems=("stale",),
)
async def delete(call: Call[NoBody, Write]) -> Response:
    """Revoke a token; requests with it are refused within a second, open event streams end."""
    name = call.name()
    place, standing = await _standing(call, name)
    if call.query.validate_only:
        return answers.nothing(standing.seq)
    reason = call.reason(call.query.reason)
    return answers.nothing(await states.tombstone(call, place, _KIND, name, reason, standing.seq))


async def _standing(call: Call[NoBody, Write], name: str) -> tuple[str, mwbus.Received]:
    """The stored token: of the workspace, or among those that are valid in all."""
    places = [call.workspace]
    if call.principal.workspace == EVERYWHERE:
        places.append(subjects.SYSTEM_WORKSPACE)
    for place in places:
        message = await states.current(call.api.bus, place, _KIND, name)
        if message is not None:
            return place, message
    raise not_found(_KIND, name)


def _check_end(end: datetime.datetime | None, now: datetime.datetime) -> None:
    if end is None:
        return
    detail = ""
    if end <= now:
        detail = f"the token would have expired already: it is {now:%Y-%m-%dT%H:%M:%SZ} now"
    elif end > now + _LONGEST:
        detail = "a token expires within ten years; omit this for one that does not expire"
    if detail:
        raise Refusal("invalid-document", detail, errors=[FieldError(detail=detail, pointer="#/expires_at")])


def _fields(token: Token) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenInfo.__struct_fields__}


def _info(token: Token) -> TokenInfo:
    return TokenInfo(**_fields(token))
