"""Connections: what Meshwright manages or reads, with the settings of each kind.

Problem: what opens a cluster must be readable by the worker that goes there, and by nobody else who reads the stream;
and other people's adapters have kinds of their own. Invariant: `kind` beside `settings` says what these are (a tagged
union whose tag stands outside); a `Secret` of them travels sealed and beside the document, never in it. What a
document of the first version does not say has the default of its kind.
"""

from typing import Annotated, Any, ClassVar, TypeAlias

from msgspec import Meta

from meshwright.schemas.base import Message, Model, Name, Text, Wire, whole
from meshwright.schemas.errors import FieldError
from meshwright.schemas.sealing import Sealed

KIND_PATTERN = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
ConnectionKind: TypeAlias = Annotated[
    str,
    Meta(
        pattern=whole(KIND_PATTERN),
        description="envoy-fleet, kubernetes, consul, kuma, prometheus, or a kind that an adapter announces",
        examples=["envoy-fleet"],
    ),
]
LONGEST_SECRET = 256 * 1024
Secret: TypeAlias = Annotated[
    str, Meta(max_length=LONGEST_SECRET, description="never shown again", extra_json_schema={"writeOnly": True})
]
"""A credential. `writeOnly` in the JSON Schema of a kind's settings is what makes it one."""
Url: TypeAlias = Annotated[str, Meta(max_length=2000, description="http or https", extra_json_schema={"format": "uri"})]
"""Where a worker goes. `format: uri` in the JSON Schema of a kind's settings is what has it checked."""
Pem: TypeAlias = Annotated[str, Meta(max_length=64 * 1024, description="PEM")]


class ConnectionSettings(Model, frozen=True, kw_only=True):
    """The settings of one kind of connection; every field has a default."""

    kind: ClassVar[str]

    def problems(self) -> list[FieldError]:
        """What keeps these from meaning something, with pointers from the settings (`#/auth`)."""
        return []


class Tls(Model, frozen=True, kw_only=True):
    """How a server proves itself, and we ourselves to it. Without `ca` the authorities of the worker's host count."""

    ca: Pem = ""
    certificate: Pem = ""
    key: Secret = ""
    server_name: Annotated[str, Meta(max_length=253)] = ""


class EnvoyFleet(ConnectionSettings, frozen=True, kw_only=True):
    """Envoy processes on the hosts of the adapter's workers; there is nothing to set."""

    kind: ClassVar[str] = "envoy-fleet"


class Kubernetes(ConnectionSettings, frozen=True, kw_only=True):
    """A cluster: by a kubeconfig (YAML) and one of its contexts, or the one that the worker itself runs in."""

    kind: ClassVar[str] = "kubernetes"
    kubeconfig: Secret = ""
    context: Annotated[str, Meta(max_length=253)] = ""
    in_cluster: bool = False

    def problems(self) -> list[FieldError]:
        """At most one way into the cluster."""
        if self.in_cluster and (self.kubeconfig or self.context):
            detail = "give either a kubeconfig or in_cluster"
            return [FieldError(detail=detail, pointer="#/in_cluster")]
        return []


class Server(ConnectionSettings, frozen=True, kw_only=True):
    """What is reached by HTTP. Without `url` the connection is known, and nothing reaches it yet."""

    url: Url = ""
    tls: Tls = Tls()

    def problems(self) -> list[FieldError]:
        """A certificate of our own goes with its key."""
        if bool(self.tls.certificate) != bool(self.tls.key):
            missing = "key" if self.tls.certificate else "certificate"
            detail = "a client certificate needs its key, and the other way round"
            return [FieldError(detail=detail, pointer=f"#/tls/{missing}")]
        return []


class Consul(Server, frozen=True, kw_only=True):
    """A Consul server, and the ACL token that it is asked with."""

    kind: ClassVar[str] = "consul"
    token: Secret = ""


class Kuma(Server, frozen=True, kw_only=True):
    """The API server of a Kuma control plane, and the user token that it is asked with."""

    kind: ClassVar[str] = "kuma"
    token: Secret = ""


class Prometheus(Server, frozen=True, kw_only=True):
    """A Prometheus, asked with a password, a bearer token or neither."""

    kind: ClassVar[str] = "prometheus"
    username: Annotated[str, Meta(max_length=253)] = ""
    password: Secret = ""
    bearer_token: Secret = ""

    def problems(self) -> list[FieldError]:
        """One way to say who we are."""
        problems = super().problems()
        if self.bearer_token and (self.username or self.password):
            problems.append(FieldError(detail="give either a password or a bearer token", pointer="#/bearer_token"))
        elif self.password and not self.username:
            problems.append(FieldError(detail="a password needs a username", pointer="#/username"))
        return problems


SETTINGS_TYPES: dict[str, type[ConnectionSettings]] = {
    each.kind: each for each in (EnvoyFleet, Kubernetes, Consul, Kuma, Prometheus)
}
"""The kinds that every part of Meshwright knows; adapters announce others."""


class Connection(Model, frozen=True, kw_only=True):
    """A place where meshes live: an Envoy fleet on this host, a Kubernetes cluster, a Consul server.

    `settings` are those of its kind, without credentials; `credentials` says which are set (read only).
    """

    id: Name
    kind: ConnectionKind
    description: Text = ""
    labels: dict[str, str] = {}
    settings: Annotated[
        dict[str, Any],
        Meta(
            description="of the kind: the schemas EnvoyFleet, Kubernetes, Consul, Kuma, Prometheus, or what its adapter"
            " announces. Credentials in it are never shown; left out they stay, given they are replaced all together."
        ),
    ] = {}
    credentials: Annotated[
        list[str],
        Meta(
            description="JSON pointers into the settings: the credentials that are set",
            extra_json_schema={"readOnly": True},
        ),
    ] = []


class ConnectionWrittenV1(Message, frozen=True, kw_only=True):
    """A person created or changed a connection, of which nothing but its kind was known."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.connection.written.v1", "connection")
    document: Connection
    principal: str
    reason: str = ""


class ConnectionWritten(Message, frozen=True, kw_only=True):
    """A person created or changed a connection; `sealed` holds its credentials, by JSON pointer."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.connection.written.v2", "connection")
    private: ClassVar[tuple[str, ...]] = ("sealed",)
    document: Connection
    sealed: Sealed | None = None
    principal: str
    reason: str = ""


class Permission(Model, frozen=True, kw_only=True):
    """Whether we may do something there; `because` says why not."""

    action: str
    allowed: bool
    because: Text = ""


class ConnectionTestRequest(Model, frozen=True, kw_only=True):
    """Asks a worker to try a connection, as it is at `seq` of STATE or later. Request/reply, never stored."""

    workspace: Name
    connection: Name
    seq: int = 0


class ConnectionTest(Model, frozen=True, kw_only=True):
    """Who we are at a connection and what we may do there, as one worker has found it just now."""

    ok: bool
    identity: str = ""
    version: str = ""
    permissions: list[Permission] = []
    problems: list[FieldError] = []
    details: dict[str, Any] = {}
    worker: str = ""
