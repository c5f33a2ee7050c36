"""Signing in and out: browser sessions, and codes that begin one."""

import logging

from starlette.responses import Response

from meshwright.schemas.access import Session, SessionCode
from meshwright.schemas.base import Model
from meshwright.schemas.errors import FieldError
from meshwright.ui_api.access import authentication, sessions
from meshwright.ui_api.access.callers import same_origin
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.queries import NoQuery
from meshwright.ui_api.http.routing import Call, NoBody, Routes

log = logging.getLogger(__name__)
routes = Routes("sessions")


class SignIn(Model, frozen=True, kw_only=True):
    """An API token, or the code of a sign-in link: one of the two."""

    token: str = ""
    code: str = ""


@routes.add(
    "POST",
    "/v1/session",
    "signIn",
    role=None,
    body=SignIn,
    further_rules=("One of `token` and `code` is given.",),
    answer=Session,
    status=201,
    problems=("unauthenticated", "csrf-proof-required", "too-many-requests", "bus-unavailable"),
)
async def begin(call: Call[SignIn, NoQuery]) -> Response:
    """Begin a browser session: the answer sets an HttpOnly cookie. A session that the browser had ends."""
    same_origin(call.request)
    asked, api = call.body, call.api
    if bool(asked.token) == bool(asked.code):
        what = "give either `token` or `code`"
        raise Refusal("invalid-document", what, errors=[FieldError(detail=what, pointer="#")])
    token = authentication.digest(asked.token.strip()) if asked.token else await _redeemed(call)
    principal = api.access_control.by_digest(token)
    if principal is None:
        what = "token is unknown, revoked or expired" if asked.token else "code is unknown, used or expired"
        raise Refusal("unauthenticated", f"the {what}")
    before = api.callers.cookie(call.request)
    if before and await api.sessions.find(before):
        await api.sessions.end(before)
    secret, record = await api.sessions.begin(token, api.access_control.end_of(token))
    log.info("%s signed in", principal.name)
    shown = Session(principal=principal, expires_at=record.expires_at, csrf=sessions.proof(secret))
    response = answers.ok(shown, 201, Cache_Control="no-store")
    seconds = round((record.expires_at - sessions.now()).total_seconds())
    _set_cookie(call, response, secret, seconds)
    return response


async def _redeemed(call: Call[SignIn, NoQuery]) -> str:
    record = await call.api.sessions.redeem(call.body.code)
    return record.token if record else ""


@routes.add("GET", "/v1/session", "getSession", role="viewer", answer=Session)
async def show(call: Call[NoBody, NoQuery]) -> Response:
    """Show who is signed in, until when, and the proof that writes carry."""
    caller = call.caller
    ends = caller.session.expires_at if caller.session else call.api.access_control.end_of(caller.token)
    return answers.ok(Session(principal=caller.principal, expires_at=ends, csrf=caller.csrf), Cache_Control="no-store")


@routes.add("DELETE", "/v1/session", "signOut", role="viewer", status=204)
async def end(call: Call[NoBody, NoQuery]) -> Response:
    """End the browser session, on every process of the API. A token stays valid."""
    response = answers.nothing()
    if call.caller.session is not None:
        await call.api.sessions.end(call.api.callers.cookie(call.request))
        log.info("%s signed out", call.principal.name)
        _set_cookie(call, response, "", 0)
    return response


@routes.add(
    "POST",
    "/v1/session-codes",
    "createSessionCode",
    role="viewer",
    answer=SessionCode,
    status=201,
    problems=("too-many-requests",),
)
async def create_code(call: Call[NoBody, NoQuery]) -> Response:
    """Create a code that begins one browser session as the caller, within ten minutes.

    A sign-in link is the dashboard's address with `/sign-in#code=` and the code.
    """
    if call.caller.session is not None:  # else a session could prolong itself for ever, also beyond signing out
        raise Refusal("forbidden", "a session cannot make codes: send the API token")
    code, record = await call.api.sessions.new_code(call.caller.token)
    return answers.ok(SessionCode(code=code, expires_at=record.expires_at), 201, Cache_Control="no-store")


def _set_cookie(call: Call[Model, NoQuery], response: Response, value: str, seconds: int) -> None:
    by_https = "https" in (call.request.url.scheme, call.header("X-Forwarded-Proto").partition(",")[0].strip())
    secure = by_https or call.api.sessions.only_https
    name = sessions.cookie_name(call.header("Host"))
    response.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict")
