"""Connections: what Meshwright manages or reads, with the settings of each kind.

Problem: the credentials of a cluster must be readable by the worker that connects to it, and by no other reader of the
stream; and third-party adapters have kinds of their own. Invariant: `kind` beside `settings` is the tag of their union;
a `Secret` in them is stored sealed and beside the document, never in it. Fields that a document of the first version
lacks have the defaults of its kind.
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
"""A URL that a worker calls. `format: uri` in the JSON Schema of a kind's settings causes it to be checked."""
Pem: TypeAlias = Annotated[str, Meta(max_length=64 * 1024, description="PEM")]


LabelName: TypeAlias = Annotated[
    str, Meta(pattern=whole("^[a-zA-Z_][a-zA-Z0-9_]{0,99}$"), description="of a series in Prometheus")
]


class ConnectionSettings(Model, frozen=True, kw_only=True):
    """The settings of one kind of connection; every field has a default."""

    kind: ClassVar[str]

    def problems(self) -> list[FieldError]:
        """Rules that the settings break, with pointers from the settings (`#/auth`)."""
        return []


class Tls(Model, frozen=True, kw_only=True):
    """How the server is verified, and the client certificate. Without `ca` the authorities of the worker's host are
    trusted.
    """

    ca: Pem = ""
    certificate: Pem = ""
    key: Secret = ""
    server_name: Annotated[str, Meta(max_length=253)] = ""


class EnvoyFleet(ConnectionSettings, frozen=True, kw_only=True):
    """Envoy processes on the hosts of the adapter's workers; there are no settings."""

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
    """A server that is called by HTTP. Without `url` the connection is stored but not used yet."""

    url: Url = ""
    tls: Tls = Tls()

    def problems(self) -> list[FieldError]:
        """A client certificate must be given together with its key."""
        if bool(self.tls.certificate) != bool(self.tls.key):
            missing = "key" if self.tls.certificate else "certificate"
            detail = "a client certificate needs its key, and a key its certificate"
            return [FieldError(detail=detail, pointer=f"#/tls/{missing}")]
        return []


class Consul(Server, frozen=True, kw_only=True):
    """A Consul server, and the ACL token for it."""

    kind: ClassVar[str] = "consul"
    token: Secret = ""


class Kuma(Server, frozen=True, kw_only=True):
    """The API server of a Kuma control plane, and the user token for it."""

    kind: ClassVar[str] = "kuma"
    token: Secret = ""


class Prometheus(Server, frozen=True, kw_only=True):
    """A Prometheus server, with a username and password, a bearer token or no authentication.

    The traffic of `meshes`, or of all meshes where none is named, is read from it. `matchers` are labels that their
    series have there, where it scrapes several clusters.
    """

    kind: ClassVar[str] = "prometheus"
    username: Annotated[str, Meta(max_length=253)] = ""
    password: Secret = ""
    bearer_token: Secret = ""
    meshes: Annotated[list[Name], Meta(max_length=1000)] = []
    matchers: Annotated[
        dict[LabelName, Annotated[str, Meta(max_length=253)]], Meta(max_length=20, examples=[{"cluster": "prod"}])
    ] = {}

    def problems(self) -> list[FieldError]:
        """At most one kind of credentials may be given."""
        problems = super().problems()
        if self.bearer_token and (self.username or self.password):
            problems.append(FieldError(detail="give either a password or a bearer token", pointer="#/bearer_token"))
        elif self.password and not self.username:
            problems.append(FieldError(detail="a password needs a username", pointer="#/username"))
        return problems


SETTINGS_TYPES: dict[str, type[ConnectionSettings]] = {
    each.kind: each for each in (EnvoyFleet, Kubernetes, Consul, Kuma, Prometheus)
}
"""The built-in kinds; adapters announce others."""


class Connection(Model, frozen=True, kw_only=True):
    """A platform where meshes run: an Envoy fleet on this host, a Kubernetes cluster, a Consul server.

    `settings` are those of its kind, without credentials; `credentials` lists which are set (read only).
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
    """A user created or changed a connection, when connections had only a kind."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.connection.written.v1", "connection")
    document: Connection
    principal: str
    reason: str = ""


class ConnectionWritten(Message, frozen=True, kw_only=True):
    """A user created or changed a connection; `sealed` holds its credentials, by JSON pointer."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.connection.written.v2", "connection")
    private: ClassVar[tuple[str, ...]] = ("sealed",)
    document: Connection
    sealed: Sealed | None = None
    principal: str
    reason: str = ""


class Permission(Model, frozen=True, kw_only=True):
    """Whether something is permitted there; `because` is the reason if not."""

    action: str
    allowed: bool
    because: Text = ""


class ConnectionTestRequest(Model, frozen=True, kw_only=True):
    """Asks a worker to test a connection, as it is at `seq` of STATE or later. Request/reply, never stored."""

    workspace: Name
    connection: Name
    seq: int = 0


class ConnectionTest(Model, frozen=True, kw_only=True):
    """The result of a connection test by one worker: the identity used there and its permissions."""

    ok: bool
    identity: str = ""
    version: str = ""
    permissions: list[Permission] = []
    problems: list[FieldError] = []
    details: dict[str, Any] = {}
    worker: str = ""
