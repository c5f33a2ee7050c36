"""Who a proxy is: its node id on the xDS stream, its SPIFFE identity, and the token with which it joins.

Invariant: tokens are derived from the mesh's join secret, so every replica checks them without shared state
and neither the desired state nor any event contains one.
"""

import hashlib
import hmac

import msgspec


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


def parse(text: str) -> NodeId:
    """Read a node id.

    Raises ValueError when it has not exactly three parts.
    """
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"{text!r} is not <workspace>.<mesh>.<workload>")
    return NodeId(*parts)


def mesh_key(workspace: str, mesh: str) -> str:
    """Where a mesh lies in the buckets."""
    return f"{workspace}.{mesh}"


def spiffe_id(trust_domain: str, workspace: str, workload: str) -> str:
    """The URI that a workload's certificate carries."""
    return f"spiffe://{trust_domain}/ns/{workspace}/sa/{workload}"


def join_token(secret: bytes, node: NodeId) -> str:
    """The token that this proxy shows in its node metadata."""
    return hmac.new(secret, str(node).encode(), hashlib.sha256).hexdigest()


def is_token(secret: bytes, node: NodeId, token: str) -> bool:
    """Whether a proxy that says it is `node` may be it; compares in constant time."""
    return hmac.compare_digest(join_token(secret, node).encode(), token.encode())
