"""Real Envoys as the sidecars of pods: told who they are, and given everything else by istiod.

Problem: istiod listens on loopback, out of the reach of a pod's namespace. Invariant: a sidecar reaches it through a
file of its own (a Unix socket), so that nothing crosses the border of the namespace but this stream and its secrets.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from meshwright.adapters.envoy.dataplane import program
from meshwright.core.testing.servers import HOST
from testbed import pki
from testbed.istiod import VERSION, Istiod
from testbed.traffic import secrets
from testbed.traffic.network import PodNetwork

ADMINISTRATION = 15_000
_CHUNK = 65_536
_HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod as the cluster has it."""

    name: str
    namespace: str
    address: str
    account: str
    labels: dict[str, str]


@contextlib.asynccontextmanager
async def sidecar(
    network: PodNetwork, istiod: Istiod, authority: pki.Authority, pod: Pod, folder: Path
) -> AsyncIterator[Path]:
    """Run the sidecar of a pod; gives its log."""
    log, configuration = folder / f"{pod.name}.log", folder / f"{pod.name}.json"
    xds, sds = folder / f"{pod.address}.xds", folder / f"{pod.address}.sds"
    identity = f"spiffe://cluster.local/ns/{pod.namespace}/sa/{pod.account}"
    pair = authority.issue(pod.account, [pki.SERVER, pki.CLIENT], names=[identity], file=pod.name)
    configuration.write_text(json.dumps(bootstrap(pod, xds, sds)))
    async with _relayed(xds, istiod.xds), secrets.served(sds, pair, authority.pair):
        command = [str(program.envoy()), "-c", str(configuration), "--use-dynamic-base-id", "-l", "warn"]
        pid = await network.run(pod.address, [*command, "--concurrency", "1"], log)
        try:
            yield log
        finally:
            await network.end(pid)


def bootstrap(pod: Pod, xds: Path, sds: Path) -> dict[str, Any]:
    """What the sidecar of a pod is started with, in Envoy's JSON form."""
    metadata = {
        "NAMESPACE": pod.namespace,
        "NAME": pod.name,
        "CLUSTER_ID": "Kubernetes",
        "ISTIO_VERSION": VERSION,
        "INTERCEPTION_MODE": "NONE",
        "INSTANCE_IPS": pod.address,
        "SERVICE_ACCOUNT": pod.account,
        "MESH_ID": "cluster.local",
        "LABELS": pod.labels,
    }
    services = [{"envoy_grpc": {"cluster_name": "xds-grpc"}}]
    stream = {"api_type": "GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": True}
    ads = {"ads": {}, "resource_api_version": "V3"}
    return {
        "node": {
            "id": f"sidecar~{pod.address}~{pod.name}.{pod.namespace}~{pod.namespace}.svc.cluster.local",
            "cluster": f"{pod.labels.get('app', pod.name)}.{pod.namespace}",
            "metadata": metadata,
        },
        "admin": {"address": {"socket_address": {"address": HOST, "port_value": ADMINISTRATION}}},
        "dynamic_resources": {
            "ads_config": {**stream, "grpc_services": services},
            "lds_config": ads,
            "cds_config": ads,
        },
        "static_resources": {"clusters": [_cluster("xds-grpc", xds), _cluster("sds-grpc", sds)]},
    }


def _cluster(name: str, path: Path) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(path)}}}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _HTTP,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


@contextlib.asynccontextmanager
async def _relayed(path: Path, port: int) -> AsyncIterator[None]:
    """Carry what arrives at a path to a port of this host, and back."""
    both: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        both.add(task)
        task.add_done_callback(both.discard)
        try:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(HOST, port)
                with contextlib.closing(far_writer):
                    async with asyncio.TaskGroup() as group:
                        group.create_task(_copy(reader, far_writer))
                        group.create_task(_copy(far_reader, writer))
        finally:
            writer.close()

    server = await asyncio.start_unix_server(carry, path)
    try:
        yield
    finally:
        server.close()
        for task in list(both):
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()
