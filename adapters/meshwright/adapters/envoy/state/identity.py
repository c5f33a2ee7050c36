"""The identities of a proxy: its node id on the xDS stream, its SPIFFE identity in the mesh, and the identity in its
certificate for the discovery service.

Invariant: names are made and parsed here only, so the issuer and the verifier of an identity cannot disagree.
"""

import re

import msgspec

CONTROL_PLANE = "control-plane.meshwright"
"""the name in the control plane's certificate, and the trust domain of its proxies' identities for it"""
_URI = re.compile(rf"spiffe://{re.escape(CONTROL_PLANE)}/(proxy|join)/([^/]+)/([^/]+)/([^/]+)/([^/]+)(?:/([^/]+))?")


class NodeId(msgspec.Struct, frozen=True):
    """The proxy of one workload; written `<workspace>.<mesh>.<workload>`."""

    workspace: str
    mesh: str
    workload: str

    def __str__(self) -> str:
        return f"{self.workspace}.{self.mesh}.{self.workload}"

    @property
    def key(self) -> str:
        """The key of this proxy's mesh in the buckets."""
        return mesh_key(self.workspace, self.mesh)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The subject of a certificate for the discovery service.

    `incarnation` is that of the mesh, so that the certificate is useless in a later mesh of the same name. With an
    `invitation` its holder may only join, once; without one it is the proxy itself.
    """

    node: NodeId
    incarnation: str
    invitation: str = ""


def parse(text: str) -> NodeId:
    """Parse a node id.

    Raises ValueError when it has not exactly three parts.
    """
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"{text!r} is not <workspace>.<mesh>.<workload>")
    return NodeId(*parts)


def mesh_key(workspace: str, mesh: str) -> str:
    """The key of a mesh in the buckets."""
    return f"{workspace}.{mesh}"


def spiffe_id(trust_domain: str, workspace: str, workload: str) -> str:
    """The URI in a workload's certificate."""
    return f"spiffe://{trust_domain}/ns/{workspace}/sa/{workload}"


def uri(holder: Holder) -> str:
    """The URI in a certificate for the discovery service."""
    node = holder.node
    what = "join" if holder.invitation else "proxy"
    identifier = f"spiffe://{CONTROL_PLANE}/{what}/{node.workspace}/{node.mesh}/{holder.incarnation}/{node.workload}"
    return f"{identifier}/{holder.invitation}" if holder.invitation else identifier


def read_uri(text: str) -> Holder | None:
    """The holder named by a URI; None when it is not an identity for the discovery service."""
    match = _URI.fullmatch(text)
    if match is None or (match[1] == "join") != bool(match[6]):
        return None
    node = NodeId(workspace=match[2], mesh=match[3], workload=match[5])
    return Holder(node=node, incarnation=match[4], invitation=match[6] or "")
