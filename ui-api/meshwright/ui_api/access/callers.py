"""Who sends a request: the principal of its token, or of its browser session.

Invariant: a cookie alone reads and never writes: a write needs the session's CSRF proof and comes from a page of this
server, so that another site cannot use the cookie that the browser adds. A token needs neither, and counts before a
cookie.
"""

import hmac
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from meshwright.schemas.access import Principal
from meshwright.ui_api.access import sessions
from meshwright.ui_api.access.authentication import AccessControl, digest
from meshwright.ui_api.access.sessions import Record, Sessions
from meshwright.ui_api.http.problems import Refusal

SAFE = ("GET", "HEAD", "OPTIONS")
_SESSION = "session:"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated caller. `credential` names its token or session by a digest; `token` is that of the token."""

    principal: Principal
    credential: str
    token: str
    session: Record | None = None
    csrf: str = ""


class Callers:
    """Authenticates requests."""

    def __init__(self, access_control: AccessControl, active: Sessions) -> None:
        self._access_control = access_control
        self._sessions = active

    async def caller(self, request: Request) -> Caller:
        """Raises Refusal `unauthenticated`, `csrf-proof-required`; BusUnavailable."""
        authorization = request.headers.get("authorization", "")
        cookie = self.cookie(request)
        if authorization or not cookie:
            principal = self._access_control.principal(authorization)
            token = digest(authorization.partition(" ")[2].strip())
            return Caller(principal=principal, credential=token, token=token)
        record = await self._sessions.find(cookie)
        principal_now = self._access_control.by_digest(record.token) if record else None
        if record is None or principal_now is None:
            raise Refusal("unauthenticated", "the session has ended: sign in again")
        csrf = sessions.proof(cookie)
        if request.method not in SAFE:
            same_origin(request)
            if not hmac.compare_digest(request.headers.get(sessions.CSRF, "").encode(), csrf.encode()):
                raise Refusal("csrf-proof-required", f"the header {sessions.CSRF} is missing or of another session")
        credential = _SESSION + sessions.digest(cookie)
        return Caller(principal=principal_now, credential=credential, token=record.token, session=record, csrf=csrf)

    def cookie(self, request: Request) -> str:
        """The secret of the browser's session; empty when it has none."""
        return request.cookies.get(sessions.cookie_name(request.headers.get("host", "")), "")

    def is_valid(self, credential: str) -> bool:
        """Whether a credential is still that of a caller."""
        if credential.startswith(_SESSION):
            credential = self._sessions.token_of(credential.removeprefix(_SESSION))
        return bool(credential) and self._access_control.by_digest(credential) is not None


def same_origin(request: Request) -> None:
    """Raises Refusal `csrf-proof-required` when a browser says that the request comes from another site's page."""
    site = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    if site:
        foreign = site not in ("same-origin", "none")
    else:
        # a page of another site can set neither header; "null" has no host
        hosts = [request.headers[name] for name in ("host", "x-forwarded-host") if name in request.headers]
        foreign = bool(origin) and urlsplit(origin).netloc not in hosts
    if foreign:
        raise Refusal("csrf-proof-required", "the request comes from a page of another site")
