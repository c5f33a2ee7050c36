"""Addresses that no workload may have: Meshwright's own servers, and those of sidecars and other meshes.

Problem: a workload's address and port become an endpoint that sidecars call, so enrolling the port of a server opens it
to the mesh, and enrolling another mesh's port takes its calls. Invariant: all notations of this host's address are
equal; no connection is opened.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from meshwright.adapters.envoy.options import Options
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.core import kit
from meshwright.core.kit.machine import listeners, ports, processes
from meshwright.core.kit.security import addresses, ssrf
from meshwright.schemas.errors import FieldError
from meshwright.schemas.workloads import WorkloadSpec

Place = tuple[str, int]

_HERE = "this host"
_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")
_RESOLVE_WITHIN = 2.0  # seconds
_DEFAULT_PORTS = {"nats": 4222, "tls": 4222, "mongodb": 27017}


async def problems(
    specs: list[WorkloadSpec],
    taken: Mapping[Place, str],
    before: DesiredState,
    pointer: str = "#/workloads",
    resolver: ssrf.Resolver = ssrf.system_resolver,
) -> list[FieldError]:
    """The problems of these workloads; `taken` are addresses and their owners. Members that are enrolled already are
    kept.
    """
    errors = []
    for index, spec in enumerate(specs):
        present = before.workloads.get(spec.name)
        if present is not None and (present.spec.address, present.spec.port) == (spec.address, spec.port):
            continue
        for host in await _hosts(spec.address, spec.port, resolver):
            if whose := taken.get((host, spec.port)):
                detail = (
                    f"{spec.address}:{spec.port} is the place of {whose}, for which no workload can stand: "
                    "give the port at which the workload itself listens"
                )
                errors.append(FieldError(detail=detail, pointer=f"{pointer}/{index}/port"))
                break
    return errors


class Plane(Protocol):
    """The state of a control plane that this module uses."""

    runtime: kit.Runtime
    options: Options

    def states(self) -> Collection[DesiredState]:
        """The desired states of all meshes."""


async def taken_from(plane: Plane, mesh: DesiredState, specs: Iterable[WorkloadSpec]) -> dict[Place, str]:
    """The addresses that these workloads cannot have in this mesh, read in a thread."""
    wanted = {spec.port for spec in specs}
    return await asyncio.to_thread(taken, plane.runtime, plane.options, plane.states(), mesh, wanted)


def taken(
    runtime: kit.Runtime,
    options: Options,
    states: Iterable[DesiredState],
    mesh: DesiredState,
    wanted: Collection[int],
) -> dict[Place, str]:
    """The addresses that a workload of this mesh cannot have, and their owners, as far as they have a `wanted` port.

    Reads files, for a thread; opens no connection.
    """
    places = {
        (_HERE, port): f"another Meshwright ({owner})" for port, owner in _others(runtime.data_dir, wanted).items()
    }
    for state in states:
        for name, member in state.workloads.items():
            if (state.workspace, state.mesh) != (mesh.workspace, mesh.mesh):
                places[_place(member.spec.address, member.spec.port)] = "a workload of another mesh"
            places[_place(member.spec.address, member.ports.inbound)] = f"the sidecar of {name}"
            places[_HERE, member.ports.outbound] = f"the sidecar of {name}"
    return places | _servers(runtime, options)


def _servers(runtime: kit.Runtime, options: Options) -> dict[Place, str]:
    """The servers in this worker's settings."""
    servers = runtime.servers
    urls = {
        "NATS": addresses.nats_servers(servers.nats_url),
        "MongoDB": addresses.mongodb_servers(servers.mongodb_url),
    }
    places = {}
    for name, given in urls.items():
        for url in given:
            with contextlib.suppress(ValueError):
                parts = urlsplit(url)
                places[_place(parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0))] = name
    places[_place(servers.api_host, servers.api_port)] = "Meshwright's API"
    with contextlib.suppress(OSError, ValueError):
        places[_place(options.xds_host, int((runtime.data_dir / "xds-port").read_text()))] = "the mesh's control plane"
    return places


def _others(data_dir: Path, wanted: Collection[int]) -> dict[int, str]:
    """The ports that other installations on this host have reserved and one of their processes listens on."""
    here, owners = data_dir.absolute(), {}
    with contextlib.suppress(OSError):
        for port, name in ports.Registry().all().items():
            owner = Path(name)
            is_ours = here.is_relative_to(owner) or owner.is_relative_to(here)
            if port in wanted and not is_ours and any(listeners.holds(each, port) for each in _records(owner)):
                owners[port] = name
    return owners


def _records(owner: Path) -> Iterator[processes.Record]:
    """The process records of an installation: of sidecars in their folders, of parts of a local stack in one."""
    records = (processes.read(path) for path in owner.glob("*/*.json"))
    return (each for each in records if each is not None)


async def _hosts(address: str, port: int, resolver: ssrf.Resolver) -> list[str]:
    """The addresses of a host; a name that resolves to this host is this host."""
    host = _place(address, port)[0]
    if host == _HERE or _literal(address):
        return [host]
    try:
        async with asyncio.timeout(_RESOLVE_WITHIN):
            return [host, *(_place(each, port)[0] for each in await resolver(address, port))]
    except (OSError, TimeoutError, UnicodeError):
        return [host]  # its proxies cannot call it either, for now


def _place(host: str, port: int) -> Place:
    name = host.lower().strip("[]").rstrip(".")
    literal = _literal(name)
    if literal is None:
        return (_HERE if name in _NAMES or name.endswith(".localhost") else name), port
    return (_HERE if _is_here(literal) else str(literal)), port


def _literal(text: str) -> ssrf.Address | None:
    """An address from any notation that a program may accept."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(text))
        except OSError:
            return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def _is_here(address: ssrf.Address) -> bool:
    """Whether this host has the address, in which case it can be bound."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((str(address), 0))
        return True
    return False
