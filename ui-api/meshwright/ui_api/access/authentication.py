"""Authentication and authorization: bearer tokens, roles, workspaces.

Invariant: a request is handled only if its token's principal has at least the route's role in the requested workspace;
what a principal may not see is indistinguishable from what does not exist.
"""

import datetime
import hashlib
import hmac
import secrets
from pathlib import Path

from meshwright.core.security import secret_files
from meshwright.schemas.access import ROLE_ORDER, Principal, Role
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.requests.directory import Directory

PREFIX = "mwt_"
EVERYWHERE = "*"
ADMIN = Principal(name="admin", role="admin", workspace=EVERYWHERE)


def new_secret() -> str:
    """A new token: 256 random bits with a prefix that secret scanners recognise."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """The digest of a token, which is stored in its place."""
    return hashlib.sha256(secret.encode()).hexdigest()


def admin_digest(path: Path | None) -> str:
    """The digest of the admin token in a file; a missing file is created, readable for its owner only.

    Empty without a path. Raises OSError when the file can be neither read nor written.
    """
    if path is None:
        return ""
    secret = secret_files.read_or_make(path, new_secret)
    if len(secret) < 16:
        raise OSError(f"{path} holds no usable token: at least 16 characters")
    return digest(secret)


class AccessControl:
    """Authenticates the Authorization header and checks roles."""

    def __init__(self, directory: Directory, admin: str) -> None:
        self._directory = directory
        self._admin = admin

    def principal(self, authorization: str) -> Principal:
        """The authenticated principal. Raises Refusal `unauthenticated`."""
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Refusal("unauthenticated", "send `Authorization: Bearer <token>`")
        principal = self.by_digest(digest(secret.strip()))
        if principal is None:
            raise Refusal("unauthenticated", "the token is unknown, revoked or expired")
        return principal

    def by_digest(self, sha256: str) -> Principal | None:
        """The principal of a token's digest now, or None."""
        if self._admin and hmac.compare_digest(sha256, self._admin):
            return ADMIN
        token = self._directory.token(sha256)
        if token is None:
            return None
        if token.expires_at is not None and token.expires_at <= datetime.datetime.now(datetime.UTC):
            return None
        # the name contains its scope: a token of that id may exist in several workspaces, and for all of them
        return Principal(name=f"token:{token.workspace}/{token.id}", role=token.role, workspace=token.workspace)

    def end_of(self, sha256: str) -> datetime.datetime | None:
        """When the token of that digest expires; None: never, or there is no such token."""
        token = self._directory.token(sha256)
        return token.expires_at if token else None

    def admit(self, principal: Principal, workspace: str, role: Role) -> None:
        """Raises Refusal `not-found` for a workspace that is not the principal's, `forbidden` for a lower role."""
        if principal.workspace not in (EVERYWHERE, workspace) or not self._directory.has_workspace(workspace):
            raise Refusal("not-found", f"there is no workspace {workspace!r} that this token may access")
        if ROLE_ORDER.index(principal.role) < ROLE_ORDER.index(role):
            raise Refusal("forbidden", f"this needs the role {role}; the token has {principal.role}")


def everywhere(principal: Principal) -> None:
    """Raises Refusal `forbidden` unless the principal's role applies to all workspaces."""
    if principal.workspace != EVERYWHERE:
        raise Refusal("forbidden", "this needs an admin of all workspaces")
