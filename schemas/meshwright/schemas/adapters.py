"""Adapters and what they announce.

Invariant: everything here is derived from what the adapter registered, so every listed operation is handled.
"""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Meta

from meshwright.schemas.base import Message, Model, Moment, Wire

Word: TypeAlias = Annotated[str, Meta(max_length=128)]


class OperationSupport(Model, frozen=True, kw_only=True):
    """One operation that the adapter handles; `arguments` is the JSON Schema of its arguments."""

    name: str
    version: int
    mutates: bool
    summary: str = ""
    arguments: dict[str, Any] = {}


class IntentProof(Model, frozen=True, kw_only=True):
    """How a test has shown that an intent works on a mesh: by requests (`traffic`), or by its real API (`accepted`).

    `accepted` says that the API took the resources that the intent becomes, and nothing of requests.
    """

    how: Literal["accepted", "traffic"]
    version: str
    """of the mesh on which it was shown"""
    test: str
    """as pytest names it"""


class IntentSupport(Model, frozen=True, kw_only=True):
    """One row of the intent matrix: supported since a mesh version, or unsupported with a reason."""

    intent: str
    supported: bool
    since: str = ""
    because: str = ""
    instead: str = ""
    proofs: list[IntentProof] = []


class MeshIntents(Model, frozen=True, kw_only=True):
    """The intents that one mesh supports now: the matrix for its version and features."""

    mesh: str
    version: str = ""
    features: list[str] = []
    intents: list[IntentSupport]


class AccessRule(Model, frozen=True, kw_only=True):
    """The permissions that an adapter needs on some resources of a Kubernetes cluster, in the terms of RBAC rules.

    `groups` and plural `resources` (`pods/log` is a subresource) with `verbs`; an empty `namespace` means all of them.
    """

    groups: list[str]
    resources: list[str]
    verbs: list[str]
    names: list[str] = []
    namespace: str = ""
    because: str = ""


class InstallationToBe(Model, frozen=True, kw_only=True):
    """One installation of a mesh, by what its objects depend on; what is empty is chosen by the adapter."""

    version: Word = ""
    revision: Word = ""
    profile: Word = ""
    namespace: Word = ""
    values: dict[str, Any] = {}


class RightsRequest(InstallationToBe, frozen=True, kw_only=True):
    """Asks a worker which permissions installing, upgrading and uninstalling take. Request/reply, never stored."""

    workspace: str


class NeededRights(Model, frozen=True, kw_only=True):
    """The permissions for one installation. `name` tells its roles from those of others."""

    name: str
    rules: list[AccessRule]


class ConnectionSupport(Model, frozen=True, kw_only=True):
    """One kind of connection that the adapter serves; `settings` is the JSON Schema of its settings.

    In it `writeOnly` marks a credential and `format: uri` a URL that is called. `tested`: a worker can test it.
    """

    kind: str
    settings: dict[str, Any] = {}
    tested: bool = False
    meshes: bool = True
    """whether meshes of the adapter live there; without, it is only read"""
    rights: list[AccessRule] = []
    """the permissions that the adapter needs there; for connections of kind kubernetes"""


class AdapterAnnouncement(Message, frozen=True, kw_only=True):
    """The announcement of one running adapter worker. `instance` is unique per process."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.adapter.announced.v1", "adapter")
    name: str
    instance: str
    version: str
    contract: int
    meshes: list[str]
    operations: list[OperationSupport]
    intents: list[IntentSupport]
    namespaces: bool = False
    """whether its meshes have namespaces, so that services may be named `namespace/name`"""
    connections: list[ConnectionSupport] | None = None
    """None: announced by a version without this field"""
    values: dict[str, Any] | None = None
    """the JSON Schema of `values` when a mesh is installed or upgraded; None: values are not accepted"""
    imports: list[str] = []
    """the kinds that it can import as intents, as in `VirtualService.networking.istio.io`"""
    host: str = ""
    pid: int = 0
    started_at: Moment


class AdapterLost(Message, frozen=True, kw_only=True):
    """A worker stopped announcing itself: it ended (`graceful`) or its presence expired."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.adapter.lost.v1", "adapter")
    name: str
    instance: str
    graceful: bool


class AdapterFailed(Message, frozen=True, kw_only=True):
    """An installed adapter could not be loaded; others are not affected."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.adapter.failed.v1", "adapter")
    name: str
    instance: str
    reason: str


class AdapterForgotten(Message, frozen=True, kw_only=True):
    """An admin removed an adapter without workers; `orphans` are its meshes (workspace/name)."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.adapter.forgotten.v1", "adapter")
    name: str
    principal: str = ""
    reason: str = ""
    orphans: list[str] = []


class Adapter(Model, frozen=True, kw_only=True):
    """An adapter as the API shows it: the newest announcement and its live instances."""

    id: str
    version: str = ""
    contract: int = 0
    meshes: list[str] = []
    operations: list[OperationSupport] = []
    intents: list[IntentSupport] = []
    namespaces: bool = False
    connections: list[ConnectionSupport] = []
    values: dict[str, Any] | None = None
    imports: list[str] = []
    instances: list[str] = []
    failure: str = ""
