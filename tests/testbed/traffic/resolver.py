"""A name server inside a pod, which knows the hosts outside of the cluster, as the node's own would.

Problem: a sidecar asks a name server for the hosts that a ServiceEntry names, and none is within reach of a pod's
namespace. Istiod has sidecars ask the machine's, so a test that needs names changes that by `settings()` in an
EnvoyFilter. Invariant: answers are given over TCP alone, and every other name is said not to be there.
"""

import asyncio
import contextlib
import ipaddress
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any

from meshwright.core.testing.servers import HOST
from testbed.traffic.network import PodNetwork

PORT = 15_053
_ADDRESS, _TTL_S = 1, 5
_KNOWN, _UNKNOWN = 0x8180, 0x8183
_LARGEST = 512
_TYPE = "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"


def settings() -> dict[str, Any]:
    """What a cluster of Envoy says that asks this server: the value of `typed_dns_resolver_config`."""
    server = {"socket_address": {"address": HOST, "port_value": PORT}}
    options = {"use_tcp_for_dns_lookups": True, "no_default_search_domain": True}
    own = {"@type": _TYPE, "resolvers": [server], "dns_resolver_options": options}
    return {"name": "envoy.network.dns_resolver.cares", "typed_config": own}


@contextlib.asynccontextmanager
async def serving(network: PodNetwork, pod: str, addresses: Mapping[str, str]) -> AsyncIterator[None]:
    """Answer for these names in a pod."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                length = int.from_bytes(await reader.readexactly(2))
                answer = answered(await reader.readexactly(min(length, _LARGEST)), addresses)
                writer.write(len(answer).to_bytes(2) + answer)
                await writer.drain()
        open_ones.discard(writer)

    server = await asyncio.start_server(serve, sock=network.bound(pod, HOST, PORT))
    try:
        yield
    finally:
        server.close()
        for writer in list(open_ones):
            writer.close()


def answered(query: bytes, addresses: Mapping[str, str]) -> bytes:
    """The answer to one question."""
    labels, at = [], 12
    while size := query[at]:
        labels.append(query[at + 1 : at + 1 + size].decode())
        at += 1 + size
    question = query[12 : at + 5]
    (kind,) = struct.unpack("!H", query[at + 1 : at + 3])
    address = addresses.get(".".join(labels).lower())
    record = b""
    if address and kind == _ADDRESS:
        packed = ipaddress.IPv4Address(address).packed
        record = struct.pack("!HHHIH", 0xC00C, _ADDRESS, 1, _TTL_S, len(packed)) + packed
    counts = struct.pack("!HHHHH", _KNOWN if address else _UNKNOWN, 1, 1 if record else 0, 0, 0)
    return query[:2] + counts + question + record
