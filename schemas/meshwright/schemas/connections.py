"""Connections: what Meshwright manages or reads."""

from typing import ClassVar, Literal, TypeAlias

from meshwright.schemas.base import Message, Model, Name, Text, Wire

ConnectionKind: TypeAlias = Literal["envoy-fleet", "kubernetes", "consul", "prometheus"]


class Connection(Model, frozen=True, kw_only=True):
    """A place where meshes live: an Envoy fleet on this host, a Kubernetes cluster, a Consul server."""

    id: Name
    kind: ConnectionKind
    description: Text = ""
    labels: dict[str, str] = {}


class ConnectionWritten(Message, frozen=True, kw_only=True):
    """A person created or changed a connection."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.connection.written.v1", "connection")
    document: Connection
    principal: str
    reason: str = ""
