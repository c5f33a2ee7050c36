"""The certificates of sidecars, served to them as Istio's agent would (SDS).

Problem: what istiod tells a sidecar of mutual TLS names secrets that the agent beside it serves, and there is none.
Invariant: a sidecar gets the identity of the service account that it was started with, and no other.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.xds import wire
from testbed import pki

IDENTITY, AUTHORITY = "default", "ROOTCA"
"""what istiod calls them"""
_SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"


@contextlib.asynccontextmanager
async def served(path: Path, pair: pki.Pair, authority: pki.Pair) -> AsyncIterator[None]:
    """Serve one sidecar's secrets at this path."""
    secrets = {
        IDENTITY: _secret(IDENTITY, 2, wire.field(1, _inline(pair.certificate)) + wire.field(2, _inline(pair.key))),
        AUTHORITY: _secret(AUTHORITY, 4, wire.field(1, _inline(authority.certificate))),
    }

    async def stream(_: object, context: Any) -> None:
        while (raw := await context.read()) is not grpc.aio.EOF:
            asked = wire.read_request(raw)
            if not asked.nonce:  # otherwise it tells that it has them
                wanted = [secrets[name] for name in asked.names if name in secrets]
                await context.write(wire.response(names.SECRET, "1", wanted, "1"))

    server = grpc.aio.server()
    handlers: dict[str, Any] = {"StreamSecrets": grpc.stream_stream_rpc_method_handler(stream)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, handlers)])
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


def _secret(name: str, kind: int, body: bytes) -> bytes:
    return wire.packed(names.SECRET, wire.text(1, name) + wire.field(kind, body))


def _inline(path: Path) -> bytes:
    return wire.field(2, path.read_bytes())
