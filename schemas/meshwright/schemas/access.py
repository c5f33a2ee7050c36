"""Access control: workspaces, roles, tokens.

Invariant: a token is stored only as the SHA-256 of its 256 random bits, and a role is always bound to one workspace
(`*` for all of them).
"""

from typing import ClassVar, Literal, TypeAlias

from meshwright.schemas.base import Message, Model, Moment, Name, Text, Wire

Role: TypeAlias = Literal["viewer", "operator", "admin"]
ROLE_ORDER: tuple[Role, ...] = ("viewer", "operator", "admin")


EVENT_ROLES: dict[str, Role] = {
    "adapter": "viewer",
    "connection": "viewer",
    "delivery": "operator",
    "design": "viewer",
    "drift": "viewer",
    "mesh": "viewer",
    "operation": "viewer",
    "proxy": "viewer",
    "release": "viewer",
    "resource": "viewer",
    "token": "admin",
    "webhook": "operator",
    "workload": "viewer",
    "workspace": "viewer",
}
"""the lowest role that may receive events of an entity, the same that may read it; other entities are for admins
only"""

SYSTEM_ENTITIES: tuple[str, ...] = ("adapter",)
"""entities without a workspace whose events every workspace may receive"""


class Principal(Model, frozen=True, kw_only=True):
    """The authenticated caller. `workspace` is the one that the role applies to, `*` for all; `name` contains it too,
    as in `token:*/ci`.
    """

    name: str
    role: Role
    workspace: str = "*"


class Session(Model, frozen=True, kw_only=True):
    """Who is signed in. `csrf` is the proof that each write of a browser session carries as `Meshwright-CSRF`; it is
    empty for a caller with a token, who needs none.
    """

    principal: Principal
    expires_at: Moment | None = None
    csrf: str = ""


class SessionCode(Model, frozen=True, kw_only=True):
    """A code that begins one session, once. It is shown only here."""

    code: str
    expires_at: Moment


class Workspace(Model, frozen=True, kw_only=True):
    """A tenant: the first token of every subject."""

    id: Name
    description: Text = ""


class Token(Model, frozen=True, kw_only=True):
    """An API token as it is stored: never the secret itself."""

    id: Name
    sha256: str
    role: Role
    workspace: str = "*"
    description: Text = ""
    created_at: Moment
    expires_at: Moment | None = None


class WorkspaceWritten(Message, frozen=True, kw_only=True):
    """A user created or changed a workspace."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.workspace.written.v1", "workspace")
    document: Workspace
    principal: str
    reason: str = ""
    anew: bool = False
    """a workspace of this name had been removed before: this message creates another one, without the contents of the
    first"""
    made_at: Moment | None = None
    """when it was created again after a removal, repeated in its later versions; older contents belong to the one
    before"""


class TokenWritten(Message, frozen=True, kw_only=True):
    """An admin created a token."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.token.written.v1", "token")
    document: Token
    principal: str
    reason: str = ""


class ResourceDeleted(Message, frozen=True, kw_only=True):
    """The tombstone of any resource that users write; its kind and id are in the subject."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.resource.deleted.v1", "resource")
    kind: str
    id: str
    version: int = 0
    """the version of the tombstone for resources whose versions are counted, as in DesignWritten"""
    principal: str
    reason: str = ""
